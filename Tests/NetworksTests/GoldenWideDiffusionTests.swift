import Foundation
import Networks
import Tensors
import Testing

/// Element-wise agreement with PyTorch where the convolutions of a bridge are computed by Winograd's
/// algorithm; the fixture and its script are Tests/Reference/diffusion_wide_golden.py.
struct GoldenWideDiffusionTests {
  // The fixture is computed in double precision. F(4, 3) rounds by 6e-7 of a sum's size (decision 8), some
  // twenty layers in a row by √20 times that, 3e-6; the rest is as in GoldenDiffusionTests.
  private static let relative: Float = 1e-5
  private static let absoluteOfLargest: Float = 1e-5

  private let fixture: SafetensorsFile
  private let configuration = DiffusionConfiguration(
    baseChannels: 32, multipliers: [1, 2, 4], residualBlocks: 1, headChannels: 64,
    isConditional: true, groupCount: 8)

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    fixture = try SafetensorsFile(
      contentsOf: folder.appendingPathComponent("Fixtures/diffusion-wide.safetensors").path)
  }

  private func picture(_ stream: UInt64) -> Tensor {
    randomPictures(count: 2, size: 40, seed: 31, stream: stream)
  }

  @Test(
    "output and gradient are PyTorch's where Winograd's algorithm computes",
    arguments: KernelFamily.allCases.filter(\.isSupported))
  func gradient(kernels: KernelFamily) throws {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2), kernels: kernels)
    let network = try DiffusionUNet(
      configuration: configuration,
      state: GoldenDiffusionTests.state(configuration, seed: 34))
    let (output, cache) = try network.forward(
      picture(0), levels: GoldenDiffusionTests.levels, condition: picture(1), context: context)
    let expected = try #require(fixture.state["output"])
    #expect(output.shape == expected.shape)
    expectClose(
      output.values, floats(expected), "output", Self.relative, Self.absoluteOfLargest)
    let target = picture(2)
    let slope = Tensor(
      shape: output.shape,
      values: zip(output.values, target.values).map { 2 * ($0 - $1) / Float(output.count) })
    var gradient = network.zeroGradient
    network.addGradient(slope, cache: cache, to: &gradient)
    for tensor in network.named(gradient).tensors {
      let values = floats(tensor)
      let step = max(1, (values.count + 149) / 150)
      expectClose(
        stride(from: 0, to: values.count, by: step).map { values[$0] },
        floats(try #require(fixture.state["gradient." + tensor.name])), tensor.name,
        Self.relative, Self.absoluteOfLargest)
    }
  }
}
