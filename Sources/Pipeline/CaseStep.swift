public import Reporting
import Slides

/// One step of a case: what it depends on, what it writes, and how.
struct CaseStep {
  /// What it does, and for which section.
  let name: String
  /// Everything that its outputs depend on, in a fixed order: input hashes, settings, program version.
  let dependencies: [String]
  /// The names of its outputs in the case's folder.
  let outputs: [String]
  /// The steps whose outputs it reads; unless this case has done them it is left out.
  var needs: [Need] = []
  /// Makes the outputs, each appearing only when it is complete.
  let run: (_ progress: @escaping @Sendable (Double) -> Void) throws -> CaseStepResult

  /// A step that must be done before another.
  struct Need {
    /// The step that must be done.
    let step: String
    /// What the manifest says where it is not.
    let otherwise: String
  }
}

/// How a step ended, when it did not throw.
struct CaseStepResult {
  var status = CaseManifest.StepStatus.done
  var message: String?
  var figures: [String: Double] = [:]
  var facts: [String: String] = [:]

  static func skipped(_ message: String) -> CaseStepResult {
    CaseStepResult(status: .skipped, message: message)
  }

  /// Notes that a slide that was read is damaged: the step is done, and what it made is to be looked at.
  ///
  /// - Parameters:
  ///   - damage: What is wrong, in one line; nothing where nothing is.
  ///   - path: The slide.
  mutating func note(damage: String?, of path: String) {
    guard let damage else { return }
    facts["status"] = CaseSection.needsReview
    facts["reasons"] = [facts["reasons"] ?? "", "damaged-slide"].filter { !$0.isEmpty }
      .joined(separator: " ")
    let text = DamagedTile.warning(damage, path: path)
    message = [message, text].compactMap(\.self).joined(separator: "; ")
  }
}

/// What a run of a case tells while it works; the caller prints it.
public enum CaseEvent: Sendable {
  /// A step starts.
  case started(step: String)
  /// A step's share that is done, 0…1.
  case progress(step: String, fraction: Double)
  /// A step was found complete from an earlier run.
  case reused(step: String)
  /// A step ended, with the one line that it has to say.
  case ended(step: String, status: CaseManifest.StepStatus, message: String?)
}

/// What the process knows and a step does not look up by itself.
public struct CaseEnvironment: Sendable {
  /// The clock.
  public var time: any TimeSource
  /// The most memory that this process has held, in MiB.
  public var peakMemoryMiB: @Sendable () -> Double
  /// Bytes of memory that the work may use; nothing where it may use what it needs.
  public var memoryLimit: Int?
  /// Whether a signal asked to stop.
  public var isCancelled: @Sendable () -> Bool
  /// Whether the same may succeed later, as where the disk was full or a slide's share went away.
  public var isTemporary: @Sendable (any Error) -> Bool
  /// Takes what the run has to tell.
  public var report: @Sendable (CaseEvent) -> Void

  /// Makes an environment from its parts.
  public init(
    time: any TimeSource,
    peakMemoryMiB: @escaping @Sendable () -> Double,
    memoryLimit: Int? = nil,
    isCancelled: @escaping @Sendable () -> Bool,
    isTemporary: @escaping @Sendable (any Error) -> Bool,
    report: @escaping @Sendable (CaseEvent) -> Void
  ) {
    self.time = time
    self.peakMemoryMiB = peakMemoryMiB
    self.memoryLimit = memoryLimit
    self.isCancelled = isCancelled
    self.isTemporary = isTemporary
    self.report = report
  }
}
