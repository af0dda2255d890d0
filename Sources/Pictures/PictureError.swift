import Glibc

/// What can go wrong with a picture file; every case names the file.
public enum PictureError: Error, Hashable, Sendable {
  /// There is no such file.
  case missing(path: String)
  /// The file exists but cannot be read.
  case unreadable(path: String, reason: String)
  /// The file does not start like a picture of that kind (`JPEG` or `PNG`).
  case notAPicture(path: String, kind: String)
  /// The file starts like a picture, but its contents are damaged.
  case corrupt(path: String, reason: String)
  /// The file is a valid picture of a variety that is not read here.
  case unsupported(path: String, reason: String)
  /// The picture has no pixels, or more than the format can hold.
  case unencodable(path: String, reason: String)
  /// The file or its folder cannot be written.
  case unwritable(path: String, reason: String)
  /// The disk, or the user's share of it, is full.
  case diskFull(path: String)

  /// The error of a picture that could not be written.
  ///
  /// - Parameters:
  ///   - path: The picture.
  ///   - errorNumber: The system's `errno`.
  /// - Returns: ``diskFull(path:)`` for `ENOSPC` and `EDQUOT`, else ``unwritable(path:reason:)``.
  public static func writing(_ path: String, errorNumber: Int32) -> PictureError {
    errorNumber == ENOSPC || errorNumber == EDQUOT
      ? .diskFull(path: path)
      : .unwritable(path: path, reason: String(cString: strerror(errorNumber)))
  }
}

extension PictureError: CustomStringConvertible {
  /// One line: the file, the problem, the next step.
  public var description: String {
    switch self {
    case .missing(let path):
      "\(path): no such file; check the path"
    case .unreadable(let path, let reason):
      "\(path): cannot be read (\(reason)); check the permissions"
    case .notAPicture(let path, let kind):
      "\(path): not a \(kind) file; pass a \(kind) file"
    case .corrupt(let path, let reason):
      "\(path): damaged picture (\(reason)); copy or export it again"
    case .unsupported(let path, let reason):
      "\(path): \(reason) is not read; convert it to 8-bit RGB or grey"
    case .unencodable(let path, let reason):
      "\(path): \(reason); make the picture smaller or choose PNG"
    case .unwritable(let path, let reason):
      "\(path): cannot be written (\(reason)); check the folder and its permissions"
    case .diskFull(let path):
      "\(path): no space left on the disk; free some and start again"
    }
  }
}
