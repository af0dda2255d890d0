import Reporting

/// What can go wrong with a case as a whole; a step's own errors pass through as they are.
public enum PipelineError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The case's folder holds a case of other slides.
  case otherCase(path: String, reason: String)
  /// The manifest cannot be understood.
  case badManifest(path: String, reason: String)
  /// A file cannot be written.
  case cannotWrite(path: String, reason: String)
  /// A file cannot be written as long as the disk or a quota is full.
  case diskFull(path: String, reason: String)
  /// A file cannot be read.
  case cannotRead(path: String, reason: String)
  /// The folder holds no manifest.
  case noManifest(path: String)
  /// An input is not there.
  case missing(path: String)
  /// There is neither a model nor an H&E slide.
  case nothingToDo(path: String, kind: String?)
  /// The work would use more memory than it may.
  case needsMemory(path: String, needed: String, allowed: String)
  /// Another process works on the case.
  case locked(path: String)

  /// What a failed write of a file means for its case.
  init(_ error: UnwritableFile) {
    self =
      error.isDiskFull
      ? .diskFull(path: error.path, reason: error.reason)
      : .cannotWrite(path: error.path, reason: error.reason)
  }

  /// One line: what, why, and what to do.
  public var description: String {
    switch self {
    case .otherCase(let path, let reason):
      "\(path): \(reason); name another case or pass --force to replace it"
    case .badManifest(let path, let reason):
      "\(path): not a manifest of this version, \(reason); pass --force to start anew"
    case .cannotWrite(let path, let reason): "\(path): cannot be written, \(reason)"
    case .diskFull(let path, let reason):
      "\(path): cannot be written, \(reason); free some disk and run it again"
    case .cannotRead(let path, let reason):
      "\(path): cannot be read (\(reason)); check what it is and its permissions"
    case .noManifest(let path):
      "\(path): holds no <case>.run.json; name the folder of one case"
    case .missing(let path): "\(path): no such file; check the path"
    case .nothingToDo(let path, let kind):
      "\(path): no model converts it and there is no H&E slide to register it to; "
        + "pass --model or set models.\(kind ?? "ihc") in the configuration"
    case .needsMemory(let path, let needed, let allowed):
      "\(path): takes about \(needed) of memory and may use \(allowed); "
        + "allow more with --memory or use fewer --threads"
    case .locked(let path): "\(path): another process works on this case; try again later"
    }
  }
}
