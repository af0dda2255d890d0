import Foundation
import Networks
import TestSupport
import Testing

/// A network of FID with random weights and a thirty-second of its widths, in files of its own folder.
struct InceptionFiles {
  let scratch: TemporaryDirectory
  let tool: CommandLineTool
  /// Written as PyTorch would.
  let checkpoint: String
  let state = InceptionNetwork.randomState(divisor: 32, seed: 8)

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    checkpoint = scratch.path("inception.pth")
    var counted = state
    counted.tensors.append(
      NamedTensor(
        name: "Mixed_5b.branch1x1.bn.num_batches_tracked", shape: [], contents: .int64([0])))
    try counted.writePyTorchFile(to: checkpoint)
  }

  func path(_ name: String) -> String { scratch.path(name) }

  func importArguments(_ input: String, _ output: String) -> [String] {
    ["model", "import", input, "--architecture", "inception-fid", "-o", path(output)]
  }

  /// The model, imported.
  func imported() throws -> String {
    let outcome = try tool.run(importArguments(checkpoint, "w.safetensors"))
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    return path("w.safetensors")
  }

  func expectFailure(
    _ arguments: [String], _ status: Int32, _ part: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try tool.run(arguments)
    #expect(outcome.status == status, "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.contains(part), "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
  }
}
