import Foundation
import Networks
import Tensors
import Testing

/// Element-wise agreement with PyTorch at the width of the preset `small`, whose layers are computed by
/// Winograd's algorithm; the fixture and its script are Tests/Reference/pix2pix_wide_golden.py.
struct GoldenWideTests {
  /// Winograd's transforms round by about 1e-6 of a sum's size (WinogradTransform's points), a layer's 2048
  /// products by √2048 · 6e-8 = 3e-6 of it; sixteen layers in a row add up like √16.
  private static let ofLargest: Float = 4 * 4e-6
  /// A gradient also jumps where rounding takes an activation across 0, the kink of the rectifications: of
  /// 10⁷ activations about ten lie that near, each with one slope of the 10⁵ or so of which a weight's
  /// gradient is the sum.
  private static let gradientOfLargest: Float = ofLargest + 3e-5

  private let fixture: SafetensorsFile
  private let input = randomPictures(count: 1, size: 256, seed: 14, stream: 0)
  private let target = randomPictures(count: 1, size: 256, seed: 14, stream: 1)
  private let generator = UNetGenerator(baseChannels: 16, seed: 11)
  private let discriminator = PatchDiscriminator(baseChannels: 16, seed: 12)

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    fixture = try SafetensorsFile(
      contentsOf: folder.appendingPathComponent("Fixtures/pix2pix-wide.safetensors").path)
  }

  @Test(
    "picture, logits and gradients are PyTorch's where Winograd's algorithm computes",
    arguments: KernelFamily.allCases.filter(\.isSupported))
  func step(kernels: KernelFamily) throws {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2), kernels: kernels)
    let (fake, cache) = generator.forward(
      input, dropout: .step(seed: 13, number: 0), context: context)
    // After tanh the project's bound is absolute.
    try expect(pixels(fake), "output", absolute: 1e-4)

    let (logits, passed) = discriminator.forward(
      [input, fake], weights: discriminator.weights(context: context), context: context)
    try expect(logits.values, "logits")

    var slopes: ParameterGradient? = discriminator.zeroGradient
    let adversarial = Losses.binaryCrossEntropy(logits: logits, target: 1)
    let slope = try #require(
      discriminator.backward(
        adversarial.gradient, cache: passed, gradient: &slopes, inputChannels: 3..<6,
        context: context))
    try expect(discriminator.named(#require(slopes)), "gradient.discriminator.")
    let difference = Losses.absoluteDifference(prediction: fake, target: target, weight: 100)
    let gradient = generator.backward(
      difference.gradient.adding(slope, context: context), cache: cache, context: context)
    try expect(generator.named(gradient), "gradient.generator.")
  }

  @Test(
    "the picture with fixed statistics, folded into the weights, is PyTorch's",
    arguments: KernelFamily.allCases.filter(\.isSupported))
  func fixedStatistics(kernels: KernelFamily) throws {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2), kernels: kernels)
    var generator = generator
    let (_, cache) = generator.forward(
      input, dropout: .step(seed: 13, number: 0), context: context)
    generator.updateRunningStatistics(from: cache)
    let picture = try generator.prepared(normalization: .running, context: context)
      .predict(input, context: context)
    try expect(pixels(picture), "fixed", absolute: 1e-4)
  }

  /// Every fourth pixel.
  private func pixels(_ picture: Tensor) -> [Float] {
    var pixels: [Float] = []
    for y in stride(from: 0, to: 256, by: 4) {
      for x in stride(from: 0, to: 256, by: 4) {
        pixels += picture.values[(y * 256 + x) * 3..<(y * 256 + x) * 3 + 3]
      }
    }
    return pixels
  }

  /// Evenly spaced elements of every tensor.
  private func expect(_ state: StateDictionary, _ prefix: String) throws {
    for tensor in state.tensors {
      let values = floats(tensor)
      let step = max(1, (values.count + 399) / 400)
      try expect(
        stride(from: 0, to: values.count, by: step).map { values[$0] }, prefix + tensor.name,
        ofLargest: Self.gradientOfLargest)
    }
  }

  private func expect(
    _ found: [Float], _ name: String, ofLargest: Float = Self.ofLargest, absolute: Float? = nil
  ) throws {
    let expected = floats(try #require(fixture.state[name], "\(name)"))
    guard let absolute else {
      return expectClose(found, expected, name, 0, ofLargest)
    }
    #expect(found.count == expected.count)
    let worst = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst <= absolute, "\(name)")
  }
}
