import Foundation
import Reporting
import Rasters
import Registration
import Settings
import Slides
public import Tensors

/// Runs a case: registers, converts, places the results in the fixed frame, and reports.
///
/// Every step writes its outputs under their final names only when they are complete, and the manifest
/// after it, so that a run that is stopped or killed is taken up by the next one of the same inputs.
public struct CaseRunner {
  /// How a run ended when it did not throw.
  public struct Outcome: Sendable {
    /// The case as its manifest now tells it.
    public let manifest: CaseManifest
    /// The files of this run's section, with their folders.
    public let outputs: [String]
    /// What went wrong with single steps, one line each.
    public let failures: [String]
    /// Whether the registration of this run's section needs review.
    public let needsReview: Bool
  }

  let request: CaseRequest
  let environment: CaseEnvironment
  let context: ComputeContext

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - request: What is asked.
  ///   - environment: Clock, memory, signals, reports.
  ///   - context: Threads and kernels. A case that was begun with other kernels goes on with those.
  public init(request: CaseRequest, environment: CaseEnvironment, context: ComputeContext) {
    self.request = request
    self.environment = environment
    self.context = context
  }

  /// Runs the steps that are not done yet.
  ///
  /// - Returns: How it ended. A step that fails does not keep the others from running, as long as they do
  ///   not need it.
  /// - Throws: What a step threw that may succeed with a later run, such as one that found the disk full; what
  ///   the first failed step threw where no step succeeded; ``PipelineError`` where the folder holds another
  ///   case; `CancellationError` where the run was stopped.
  public func run() throws -> Outcome {
    try Self.makeFolder(request.folder)
    return try Self.lock(request.folder).whileHeld { try runLocked() }
  }

  private static func lock(_ folder: String) throws(PipelineError) -> FolderLock {
    do {
      return try FolderLock(path: folder)
    } catch {
      switch error {
      case .held(let path): throw .locked(path: path)
      case .unreadable(let path, let reason): throw .cannotRead(path: path, reason: reason)
      }
    }
  }

  private func runLocked() throws -> Outcome {
    let manifestPath = "\(request.folder)/\(FileNames.manifest(case: request.caseName))"
    var manifest = try startingManifest(manifestPath)
    let context = try kernels(of: manifest, path: manifestPath)
    manifest.kernels = context.kernels.rawValue
    manifest.status = "running"
    try manifest.write(to: manifestPath)

    let runner = StepRunner(
      folder: request.folder, manifestPath: manifestPath, environment: environment)
    let steps = try CaseSteps(request: request, environment: environment, context: context)
    var errors: [any Error] = []
    for step in try steps.all(inputs: manifest.inputs) {
      do {
        try runner.run(step, in: &manifest)
      } catch let error where !(error is CancellationError) && !environment.isCancelled() {
        errors.append(error)
      }
    }
    return try finish(&manifest, path: manifestPath, errors: errors)
  }

  private func finish(
    _ manifest: inout CaseManifest, path: String, errors: [any Error]
  ) throws -> Outcome {
    let section = request.section
    let steps = manifest.steps.filter { $0.section == section }
    let isReviewNeeded = steps.contains(where: \.needsReview)
    manifest.status = Self.status(of: manifest)
    let temporary = errors.first { environment.isTemporary($0) }
    do {
      try manifest.write(to: path)
      try CaseReport.write(manifest, folder: request.folder)
    } catch {
      throw temporary ?? error
    }
    if let temporary { throw temporary }
    if let first = errors.first, !steps.contains(where: { $0.status == .done }) { throw first }
    let outputs =
      steps.flatMap { $0.outputs.map { "\(request.folder)/\($0.name)" } }
      + [FileNames.report(case: request.caseName), FileNames.summary(case: request.caseName)]
      .map { "\(request.folder)/\($0)" }
    return Outcome(
      manifest: manifest, outputs: outputs, failures: errors.map(\.message),
      needsReview: isReviewNeeded)
  }

  /// `failed` where a step failed, else `needs-review` where a registration does, else `ok`.
  static func status(of manifest: CaseManifest) -> String {
    if manifest.steps.contains(where: { $0.status == .failed }) { return "failed" }
    if manifest.steps.contains(where: \.needsReview) {
      return CaseSection.needsReview
    }
    return "ok"
  }

  private func startingManifest(_ path: String) throws -> CaseManifest {
    let inputs = try CaseInputs.read(request)
    var manifest = CaseManifest(
      format: CaseManifest.currentFormat, caseName: request.caseName, program: request.program,
      kernels: "", status: "running", inputs: inputs, settings: settings(), steps: [])
    let earlier: CaseManifest?
    do {
      earlier = try CaseManifest.read(from: path)
    } catch {
      guard request.isForced else { throw error }
      earlier = nil
    }
    guard let earlier else { return manifest }
    manifest.inputs = try CaseInputs.merge(
      inputs, into: earlier.inputs, manifestPath: path, isForced: request.isForced)
    manifest.steps = earlier.steps
    manifest.kernels = earlier.kernels
    return manifest
  }

  /// The kernels that the case was begun with, so that all its pixels come from one family.
  private func kernels(of manifest: CaseManifest, path: String) throws -> ComputeContext {
    guard !manifest.kernels.isEmpty, !request.isForced,
      manifest.kernels != context.kernels.rawValue
    else { return context }
    guard let family = KernelFamily(rawValue: manifest.kernels), family.isSupported else {
      throw PipelineError.otherCase(
        path: path,
        reason: "was begun with the kernels \(manifest.kernels), which this processor does not run")
    }
    var same = context
    same.kernels = family
    return same
  }

  private func settings() -> [String: String] {
    var texts: [String: String] = [:]
    for setting in request.configuration.settings where CaseSteps.shapesOutputs(setting.path) {
      texts[setting.path] = "\(setting.value)  (\(setting.origin))"
    }
    return texts
  }

  private static func makeFolder(_ path: String) throws(PipelineError) {
    do { try DurableFile.makeFolder(path) } catch {
      throw PipelineError(error)
    }
  }
}
