/// How the program ends: the numbers that scripts and the service rely on.
///
/// Numbers from 64 to 78 are those of `sysexits.h`. A number that is not listed is a failure.
public enum ExitStatus: Int32, Sendable, CaseIterable, Equatable {
  /// Done, also when there was nothing to do.
  case success = 0
  /// Failed; the message says why.
  case failure = 1
  /// Finished, but at least one slide or section failed or needs review.
  case partial = 3
  /// The command line is wrong.
  case usage = 64
  /// The input is no usable slide or data, also when it opens but fails while being read.
  case unusableInput = 65
  /// The input is missing.
  case missingInput = 66
  /// The output exists or cannot be written.
  case outputBlocked = 73
  /// Locked, or the disk is full: the same command may succeed later.
  case temporary = 75
  /// The configuration is wrong.
  case configuration = 78
  /// Stopped by SIGINT.
  case interrupted = 130
  /// Stopped by SIGTERM.
  case terminated = 143

  /// What the number means, for the manual.
  public var meaning: String {
    switch self {
    case .success: "done"
    case .failure: "failed"
    case .partial: "finished, but at least one slide or section failed or needs review"
    case .usage: "usage error"
    case .unusableInput: "the input is no usable slide or data, or fails while being read"
    case .missingInput: "the input is missing"
    case .outputBlocked: "the output exists or cannot be written"
    case .temporary: "temporary failure (locked, disk full); try again later"
    case .configuration: "configuration error"
    case .interrupted: "stopped by SIGINT"
    case .terminated: "stopped by SIGTERM"
    }
  }
}
