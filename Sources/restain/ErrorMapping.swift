import CommandLineKit
import Evaluation
import Foundation
import Networks
import Phantoms
import Pictures
import Pipeline
import Pyramids
import Registration
import Reporting
import Settings
import Slides
import Staining
import Watching

/// Gives every module's error its exit status, in one switch.
enum ErrorMapping {
  /// The exit status of an error that ended a command.
  ///
  /// One `case` a module, in the order of the layers; an error that is not listed is a failure.
  static func exitStatus(_ error: any Error) -> ExitStatus {
    switch error {
    case is UsageError: .usage
    case let error as SettingsError:
      switch error {
      case .missingFile: .missingInput
      default: .configuration
      }
    case let error as SlideError:
      switch error {
      case .missing: .missingInput
      case .implausiblePixelSize: .usage
      case .unreadable, .unsupported, .corrupt, .missingPixelSize: .unusableInput
      }
    case let error as PictureError:
      switch error {
      case .missing: .missingInput
      case .unreadable, .notAPicture, .corrupt, .unsupported: .unusableInput
      case .unencodable: .failure
      case .unwritable: .outputBlocked
      case .diskFull: .temporary
      }
    case let error as UnwritableFile: error.isDiskFull ? .temporary : .outputBlocked
    case let error as FolderLockError:
      switch error {
      case .held: .temporary
      case .unreadable: .outputBlocked
      }
    case is NetworkError: .unusableInput
    case let error as PyramidError:
      switch error {
      case .outputExists, .unwritable, .foreignPartial, .notResumable, .tooLarge: .outputBlocked
      case .diskFull, .busy: .temporary
      case .encodingFailed, .verificationFailed: .failure
      }
    case is RegistrationError: .unusableInput
    case let error as StainingError:
      switch error {
      case .missing: .missingInput
      case .caseExists, .unwritable, .foreignCheckpoint, .foreignProgress: .outputBlocked
      case .unusableCaseName, .unusableOverlap, .regionOutside: .usage
      case .diverged: .failure
      default: .unusableInput
      }
    case is EvaluationError: .unusableInput
    case is PhantomError: .usage
    case let error as PipelineError:
      switch error {
      case .missing, .noManifest: .missingInput
      case .otherCase, .badManifest, .cannotWrite: .outputBlocked
      case .cannotRead: .unusableInput
      case .nothingToDo: .configuration
      case .needsMemory: .usage
      case .diskFull, .locked: .temporary
      }
    case let error as WatchError:
      switch error {
      case .unknownJob: .missingInput
      case .unwritable: .outputBlocked
      case .unreadable: .unusableInput
      // A share that is away comes back.
      case .unreadableInbox, .locked: .temporary
      case .insideInbox: .configuration
      case .ambiguousJob, .wrongState: .usage
      }
    case let error as CommandError: error.exitStatus
    default: .failure
    }
  }
}
