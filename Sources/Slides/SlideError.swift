import Glibc

/// Why a slide cannot be used.
public enum SlideError: Error, Hashable, Sendable {
  /// There is no file at the path.
  case missing(path: String)
  /// The file is there but may not be read, or is a folder.
  case unreadable(path: String, reason: String)
  /// The file is no slide, or one in a format that is not supported.
  case unsupported(path: String, reason: String)
  /// The file is a slide, but broken: it fails to open or while it is being read.
  case corrupt(path: String, reason: String)
  /// The file states no pixel size and none was given; `option` is what gives it.
  case missingPixelSize(path: String, option: String)
  /// A pixel size was given that no microscope has.
  case implausiblePixelSize(path: String, microns: Double)

  /// The file that the error is about.
  public var path: String {
    switch self {
    case .missing(let path), .unreadable(let path, _), .unsupported(let path, _),
      .corrupt(let path, _), .missingPixelSize(let path, _), .implausiblePixelSize(let path, _):
      path
    }
  }
}

extension SlideError {
  /// What it means that a slide that is open cannot be read on: its data are broken, or it has gone, as with a
  /// share that went away.
  static func failedReading(_ path: String, _ reason: String) -> SlideError {
    access(path, R_OK) == 0 ? .corrupt(path: path, reason: reason) : .missing(path: path)
  }
}

extension SlideError: CustomStringConvertible {
  /// One line: the file, the problem, the next step.
  public var description: String {
    switch self {
    case .missing(let path):
      "\(path): no such file; check the path"
    case .unreadable(let path, let reason):
      "\(path): cannot be read (\(reason)); check the path and its permissions"
    case .unsupported(let path, let reason):
      "\(path): no supported slide (\(reason)); export it as a tiled TIFF or SVS"
    case .corrupt(let path, let reason):
      "\(path): broken slide (\(reason)); copy or export it again"
    case .missingPixelSize(let path, let option):
      "\(path): no pixel size in the file; pass \(option) MICRONS or set pixelSizes in the configuration"
    case .implausiblePixelSize(let path, let microns):
      "\(path): a pixel size of \(microns) µm is not possible; pass microns between 0.05 and 20"
    }
  }
}
