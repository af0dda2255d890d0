import Foundation
import Reporting

/// Runs the steps of a case in order, leaving out those that an earlier run finished.
struct StepRunner {
  let folder: String
  let manifestPath: String
  let environment: CaseEnvironment

  /// Runs one step unless the manifest holds it as done, with the same fingerprint and its outputs there.
  ///
  /// A step that was skipped is asked again: what it lacked may be there now.
  /// The manifest is written after the step; a step that throws is recorded as failed and its error is
  /// passed on, except for a stop, which leaves no record, so that the step is simply taken up again.
  func run(_ step: CaseStep, in manifest: inout CaseManifest) throws {
    if environment.isCancelled() { throw CancellationError() }
    let fingerprint = ContentHash.hexadecimal(
      of: Array(step.dependencies.joined(separator: "\u{0}").utf8))
    if let earlier = manifest.step(named: step.name), earlier.status == .done,
      earlier.fingerprint == fingerprint, areComplete(earlier.outputs)
    {
      environment.report(.reused(step: step.name))
      return
    }
    environment.report(.started(step: step.name))
    let start = environment.time.seconds
    let report = environment.report
    let name = step.name
    do {
      // Outputs of an earlier run may lie there although this one could not make them.
      let missing = step.needs.first { manifest.step(named: $0.step)?.status != .done }
      let result =
        try missing.map { .skipped($0.otherwise) }
        ?? step.run { report(.progress(step: name, fraction: $0)) }
      let outputs = result.status == .done ? try step.outputs.map(output) : []
      record(result, outputs: outputs, of: step, fingerprint, since: start, in: &manifest)
      try manifest.write(to: manifestPath)
      report(.ended(step: name, status: result.status, message: result.message))
    } catch let error where !(error is CancellationError) && !environment.isCancelled() {
      let result = CaseStepResult(status: .failed, message: error.message)
      record(result, outputs: [], of: step, fingerprint, since: start, in: &manifest)
      try manifest.write(to: manifestPath)
      report(.ended(step: name, status: .failed, message: result.message))
      throw error
    }
  }

  private func record(
    _ result: CaseStepResult, outputs: [CaseManifest.Output], of step: CaseStep,
    _ fingerprint: String, since start: Double, in manifest: inout CaseManifest
  ) {
    manifest.record(
      CaseManifest.Step(
        name: step.name, status: result.status, fingerprint: fingerprint, outputs: outputs,
        message: result.message, figures: result.figures.filter { $0.value.isFinite },
        facts: result.facts, seconds: environment.time.seconds - start,
        peakMiB: environment.peakMemoryMiB()))
  }

  private func output(_ name: String) throws(PipelineError) -> CaseManifest.Output {
    guard let byteCount = Self.byteCount("\(folder)/\(name)") else {
      throw .cannotRead(path: "\(folder)/\(name)", reason: "the step did not write it")
    }
    return CaseManifest.Output(name: name, byteCount: byteCount)
  }

  private func areComplete(_ outputs: [CaseManifest.Output]) -> Bool {
    outputs.allSatisfy { Self.byteCount("\(folder)/\($0.name)") == $0.byteCount }
  }

  /// The size of a file, or nothing where there is none.
  static func byteCount(_ path: String) -> Int? {
    // Whatever keeps the attributes from being read, the file is then not usable as an output.
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.intValue
  }
}
