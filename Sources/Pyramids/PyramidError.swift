/// What can go wrong while a pyramid is written; every case names the file.
public enum PyramidError: Error, Hashable, Sendable {
  /// A file of the final name exists, and overwriting was not asked for.
  case outputExists(path: String)
  /// The file or its folder cannot be written.
  case unwritable(path: String, reason: String)
  /// The disk, or the user's share of it, is full.
  case diskFull(path: String)
  /// Another process writes the same pyramid.
  case busy(path: String)
  /// A file that has the name of an unfinished one was not begun by a writer of pyramids.
  case foreignPartial(path: String)
  /// The checkpoint is missing, damaged, or belongs to another picture or other options.
  case notResumable(path: String, reason: String)
  /// libtiff could not compress a tile.
  case encodingFailed(path: String, reason: String)
  /// The file outgrew the 4 GiB of a classic TIFF, although it was predicted to fit.
  case tooLarge(path: String)
  /// The finished file, read again, is not what was written.
  case verificationFailed(path: String, reason: String)
}

extension PyramidError: CustomStringConvertible {
  /// One line: the file, the problem, the next step.
  public var description: String {
    switch self {
    case .outputExists(let path):
      "\(path): exists; pass --force to overwrite it, or another name"
    case .unwritable(let path, let reason):
      "\(path): cannot be written (\(reason)); check the folder and its permissions"
    case .diskFull(let path):
      "\(path): no space left on the disk; free some and start again"
    case .busy(let path):
      "\(path): another process is writing it; wait for its end"
    case .foreignPartial(let path):
      "\(path): exists and is no unfinished pyramid; move it away, or pass --force to overwrite it"
    case .notResumable(let path, let reason):
      "\(path): cannot be taken up again (\(reason)); remove its .partial and .progress files"
    case .encodingFailed(let path, let reason):
      "\(path): a tile could not be compressed (\(reason)); try another compression"
    case .tooLarge(let path):
      "\(path): the tiles outgrew 4 GiB; choose JPEG or a lower quality"
    case .verificationFailed(let path, let reason):
      "\(path): reading it again failed (\(reason)); check the disk and write it again"
    }
  }
}
