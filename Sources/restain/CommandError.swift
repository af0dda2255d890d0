import CommandLineKit

/// What commands themselves find wrong, above the modules.
enum CommandError: Error, Equatable, CustomStringConvertible {
  /// An input file or folder is not there.
  case missingInput(path: String)
  /// An input file cannot be read.
  case unreadable(path: String, reason: String)
  /// Output is there already.
  case outputExists(path: String)
  /// The output's folder cannot be made or written.
  case unwritable(path: String, reason: String)
  /// Work on an input that needs more memory than the machine has.
  case tooLarge(path: String, needed: String, available: String)
  /// A transform that did not pass its gates.
  case needsReview(path: String, reasons: [String])

  var exitStatus: ExitStatus {
    switch self {
    case .missingInput: .missingInput
    case .outputExists, .unwritable: .outputBlocked
    case .unreadable, .tooLarge, .needsReview: .unusableInput
    }
  }

  var description: String {
    switch self {
    case .missingInput(let path): "\(path): no such file; check the path"
    case .unreadable(let path, let reason):
      "\(path): cannot be read (\(reason)); check what it is and its permissions"
    case .outputExists(let path): "\(path): exists already; pass --force to replace it"
    case .unwritable(let path, let reason):
      "\(path): cannot be written (\(reason)); choose another output"
    case .tooLarge(let path, let needed, let available):
      "\(path): takes about \(needed) of memory, more than the \(available) of this machine; check the slide"
    case .needsReview(let path, let reasons):
      "\(path): needs review (\(reasons.joined(separator: ", "))); look at its overlay, then pass --force"
    }
  }
}
