import Foundation
import Networks
import Rasters
import Slides
import Staining
import Tensors
import TestSupport
import Testing

/// A slide through a network that PyTorch wrote, against what PyTorch makes of the same tiles.
///
/// Checkpoints and outputs are made by Tests/Reference/checkpoint_golden.py.
@Suite("Checkpoints on a slide")
struct CheckpointConversionTests {
  /// Half a level of rounding to 8 bits, and 2e-5 before it (`CheckpointTests`; the issue allows 1e-4).
  private static let largestDifference = 0.5 + 127.5 * 2e-5

  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool

  /// Two tiles of noise side by side, the second with half of the contrast, as in the script.
  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    let random = CounterRandom(seed: 22, stream: 1)
    var image = RGBImage(width: 512, height: 256)
    for index in image.pixels.indices {
      let value = random.uniform(at: UInt64(index))
      image.pixels[index] = UInt8((index / 3 % 512 < 256 ? value : value / 2 + 0.25) * 256)
    }
    try SlideFiles.write(image, to: scratch.path("slide.tif"))
  }

  private static func fixture(_ name: String) -> String {
    SharedData.packageFolder.appendingPathComponent("Tests/NetworksTests/Fixtures/\(name)").path
  }

  private func convert(_ model: String, _ more: [String]) throws -> RGBImage {
    let path = scratch.path("out.tif")
    let outcome = try tool.run(
      [
        "convert", scratch.path("slide.tif"), "--model", scratch.path(model), "-o", path,
        "--overlap", "0", "--all-tiles", "--compression", "none", "--force",
      ] + more)
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    return try Slide(path: path).read(PixelRegion(x: 0, y: 0, width: 512, height: 256), level: 0)
  }

  /// What a conversion of all tiles of a slide tells under a name, or its plan.
  private func figure(
    _ name: String, _ slide: String, _ model: String, _ more: [String]
  ) throws -> Double {
    let outcome = try tool.run(
      [
        "convert", slide, "--model", scratch.path(model), "-o", scratch.path("out.tif"),
        "--all-tiles", "--json",
      ] + more)
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    return try #require(SlideFiles.object(outcome.output)[name] as? Double)
  }

  @Test("the memory that a plan tells is about what the work takes", arguments: [1, 2])
  func memory(threadCount: Int) throws {
    let model = StainModel(
      card: ModelCard(
        architecture: .pix2pix, baseChannels: 32, normalization: .running, pixelSizeMicrons: 0.5,
        fromStain: "ihc", toStain: "he", restainVersion: "test"),
      state: UNetGenerator(baseChannels: 32, seed: 1).state)
    try model.write(to: scratch.path("wide.safetensors"))
    let slide = scratch.path("large.tif")
    try SlideFiles.write(RGBImage(width: 1024, height: 1024), to: slide)
    func figure(_ name: String, _ more: [String]) throws -> Double {
      try self.figure(name, slide, "wide.safetensors", ["--threads", "\(threadCount)"] + more)
    }
    let predicted = try figure("memory_mib", ["--dry-run"])
    let measured = try figure("peak_mib", [])
    // The allocator and the kernel have their say: measured 1.2 to 1.3.
    #expect((0.7...1.5).contains(predicted / measured), "\(predicted), taken \(measured) MiB")
  }

  @Test("the memory that a plan tells is enough for a wide slide")
  func wideMemory() throws {
    let model = StainModel(
      card: ModelCard(
        architecture: .identity, baseChannels: 0, normalization: .running, pixelSizeMicrons: 0.5,
        fromStain: "ihc", toStain: "he", restainVersion: "test"), state: StateDictionary([]))
    try model.write(to: scratch.path("same.safetensors"))
    let slide = scratch.path("wide.tif")
    try SlideFiles.write(RGBImage(width: 60_000, height: 512), to: slide)
    func figure(_ name: String, _ more: [String]) throws -> Double {
      try self.figure(name, slide, "same.safetensors", more)
    }
    let predicted = try figure("memory_mib", ["--dry-run"])
    let measured = try figure("peak_mib", [])
    // Without the rows in hand besides the blend's sums it was 0.75 at 100 000 pixels; measured now 1.0
    // there, and 1.06 at 400 000.
    #expect((0.9...1.35).contains(predicted / measured), "\(predicted), taken \(measured) MiB")
  }

  @Test(
    "each form of a checkpoint converts a slide to PyTorch's own tiles",
    arguments: [
      "checkpoint-unet.pth", "checkpoint-unet-legacy.pth", "checkpoint-unet.safetensors",
    ])
  func tiles(form: String) throws {
    let golden = try SafetensorsFile(contentsOf: Self.fixture("checkpoint-slide.safetensors")).state
    let imported = try tool.run([
      "model", "import", Self.fixture(form), "--architecture", "pix2pix-unet256", "--pixel-size",
      "0.5", "--from", "ihc", "--to", "he", "-o", scratch.path("m.safetensors"),
    ])
    #expect(imported.status == 0, "\(imported.diagnostics)")
    // The card's own mode is `reference`, as the public code tests.
    for (mode, more) in [("reference", []), ("running", ["--normalization", "running"])] {
      let output = try convert("m.safetensors", more)
      for tile in 0..<2 {
        let tensor = try #require(golden["\(mode).\(tile)"])
        guard case .float32(let expected) = tensor.contents else {
          Issue.record("\(mode).\(tile) holds no floats")
          continue
        }
        #expect(expected.count == 32 * 32 * 3)
        var worst = 0.0
        for (index, value) in expected.enumerated() {
          let (y, x, channel) = (3 + index / 96 * 8, 5 + index / 3 % 32 * 8, index % 3)
          let found = Double(output.pixels[(y * 512 + 256 * tile + x) * 3 + channel])
          worst = max(worst, abs(found - (Double(value) + 1) * 127.5))
        }
        #expect(worst <= Self.largestDifference, "\(mode), tile \(tile)")
      }
    }
  }

  @Test("every family of kernels converts to the same picture, but for one level of 255")
  func families() throws {
    let version = try SlideFiles.object(try tool.run(["version", "--json"]).output)
    let families =
      switch version["kernels"] as? String {
      case "avx512": ["avx512", "avx2", "baseline"]
      case "avx2": ["avx2", "baseline"]
      default: ["baseline"]
      }
    let model = SharedData.demoModel
    _ = try tool.run(
      ["phantom", "-o", scratch.path("phantom"), "--size", "768", "--seed", "11", "--quiet"])
    for mode in ["running", "reference", "interpolated"] {
      var pictures: [RGBImage] = []
      for family in families {
        let path = scratch.path("\(mode)-\(family).tif")
        let outcome = try tool.run([
          "convert", scratch.path("phantom/phantom_IHC.tif"), "--model", model, "-o", path,
          "--normalization", mode, "--kernels", family, "--compression", "none",
        ])
        #expect(outcome.status == 0, "\(outcome.diagnostics)")
        let slide = try Slide(path: path)
        pictures.append(
          try slide.read(
            PixelRegion(x: 0, y: 0, width: slide.width, height: slide.height), level: 0))
      }
      for (family, picture) in zip(families, pictures).dropFirst() {
        let worst = zip(picture.pixels, pictures[0].pixels)
          .reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
        #expect(worst <= 1, "\(mode): \(family) against \(families[0])")
      }
    }
  }
}
