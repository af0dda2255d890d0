import Foundation
import Networks
import Pyramids
import Rasters
import Slides
import Staining
import Stitching
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Conversion by a Schrödinger bridge")
struct BridgeConversionTests {
  private let folder: TemporaryDirectory
  private let image: RGBImage
  private let slide: Slide

  init() throws {
    folder = try TemporaryDirectory()
    image = section(width: 560, height: 440, glassFrom: 0.95, seed: 41)
    try writeSlide(image, folder.path("IHC.tif"), microns: 0.5)
    slide = try Slide(path: folder.path("IHC.tif"))
  }

  /// A tiny network whose layers that start at zero are filled, so that it does something.
  static func model(isConditional: Bool = false) -> StainModel {
    let network = DiffusionConfiguration(
      baseChannels: 8, multipliers: [1, 2, 2, 2], residualBlocks: 1, headChannels: 8,
      isConditional: isConditional, groupCount: 4)
    let random = CounterRandom(seed: 5, stream: 1)
    var next: UInt64 = 0
    let tensors = DiffusionUNet(configuration: network, seed: 3).state.tensors.map { tensor in
      guard case .float32(let values) = tensor.contents, values.allSatisfy({ $0 == 0 }) else {
        return tensor
      }
      let filled = values.map { _ in
        next += 1
        return 0.1 * random.normal(at: next)
      }
      return NamedTensor(tensor.name, tensor.shape, filled)
    }
    return StainModel(
      card: ModelCard(
        architecture: .bridge, baseChannels: 8,
        bridge: ModelCard.Bridge(network: network, schedule: BridgeSchedule(), evaluations: 2),
        normalization: .reference, pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he",
        restainVersion: "test"),
      state: StateDictionary(tensors))
  }

  private func conversion(
    _ model: StainModel = Self.model(), threads: Int = 1,
    change: (inout ConversionOptions) -> Void = { _ in }
  ) throws -> SlideConversion {
    let path = folder.path("model.safetensors")
    try model.write(to: path)
    var options = ConversionOptions()
    options.compression = .none
    change(&options)
    return try SlideConversion(
      slide: slide, model: try StainModel(path: path), modelPath: path, options: options,
      restainVersion: "test",
      context: ComputeContext(parallelism: Parallelism(threadCount: threads)))
  }

  private func converted(_ conversion: SlideConversion, _ name: String) throws -> RGBImage {
    _ = try conversion.run(to: folder.path(name), replaces: true)
    let result = try Slide(path: folder.path(name))
    return try result.read(
      PixelRegion(x: 0, y: 0, width: result.width, height: result.height), level: 0)
  }

  private func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.path(name)))
  }

  @Test(
    "threads change nothing, and two regions are the two parts of the whole",
    arguments: [(BridgeSampler.Kind.ddpm, true), (.direct, false)])
  func independence(kind: BridgeSampler.Kind, isConditional: Bool) throws {
    let model = Self.model(isConditional: isConditional)
    let whole = try converted(conversion(model) { $0.bridge.sampler = kind }, "one.tif")
    #expect(whole != image)
    _ = try converted(conversion(model, threads: 2) { $0.bridge.sampler = kind }, "two.tif")
    #expect(try data("one.tif") == data("two.tif"))
    for (index, x) in [0, 256].enumerated() {
      let part = try conversion(model, threads: 2) {
        $0.bridge.sampler = kind
        $0.region = PixelRegion(x: x, y: 0, width: x == 0 ? 256 : 304, height: 440)
      }
      #expect(
        try converted(part, "part\(index).tif")
          == whole.cropped(to: PixelRegion(x: x, y: 0, width: x == 0 ? 256 : 304, height: 440)))
    }
  }

  @Test("a conversion stopped in the middle is taken up and ends in the same bytes")
  func resume() throws {
    _ = try conversion().run(to: folder.path("whole.tif"), replaces: false)
    let rows = Mutex(0)
    #expect(throws: CancellationError.self) {
      _ = try conversion(threads: 2).run(
        to: folder.path("resumed.tif"), replaces: false,
        surroundings: SlideConversion.Surroundings(
          isCancelled: { rows.withLock { $0 >= 1 } },
          progress: { _ in rows.withLock { $0 += 1 } }))
    }
    let summary = try conversion().run(to: folder.path("resumed.tif"), replaces: false)
    #expect(summary.convertedNow < summary.convertedCount)
    #expect(try data("resumed.tif") == data("whole.tif"))
  }

  @Test(
    "a joint walk: threads change nothing, two regions are the two parts of the whole",
    arguments: [(BridgeSampler.Kind.ddpm, true), (.direct, false)])
  func joint(kind: BridgeSampler.Kind, isConditional: Bool) throws {
    let model = Self.model(isConditional: isConditional)
    func change(_ options: inout ConversionOptions) {
      options.bridge.sampler = kind
      options.bridge.evaluations = 3
      options.bridge.isJoint = true
    }
    let whole = try converted(conversion(model, change: change), "one.tif")
    _ = try converted(conversion(model, threads: 2, change: change), "two.tif")
    #expect(try data("one.tif") == data("two.tif"))
    let apart = try converted(
      conversion(model) {
        $0.bridge.sampler = kind
        $0.bridge.evaluations = 3
      }, "apart.tif")
    #expect(apart != whole)
    for (index, x) in [0, 256].enumerated() {
      let region = PixelRegion(x: x, y: 0, width: x == 0 ? 256 : 304, height: 440)
      let part = try conversion(model, threads: 2) {
        change(&$0)
        $0.region = region
      }
      #expect(part.tilesPerPlannedTile >= 1)
      #expect(try converted(part, "part\(index).tif") == whole.cropped(to: region))
    }
  }

  @Test("a joint walk in one step differs from blended tiles by rounding only")
  func jointStep() throws {
    let joint = try converted(
      conversion {
        $0.bridge.evaluations = 1
        $0.bridge.isJoint = true
      }, "joint.tif")
    let apart = try converted(conversion { $0.bridge.evaluations = 1 }, "apart.tif")
    #expect(zip(joint.pixels, apart.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
  }

  @Test("a joint walk stopped in the middle is taken up and ends in the same bytes")
  func jointResume() throws {
    func change(_ options: inout ConversionOptions) { options.bridge.isJoint = true }
    _ = try conversion(change: change).run(to: folder.path("whole.tif"), replaces: false)
    let rows = Mutex(0)
    #expect(throws: CancellationError.self) {
      _ = try conversion(threads: 2, change: change).run(
        to: folder.path("resumed.tif"), replaces: false,
        surroundings: SlideConversion.Surroundings(
          isCancelled: { rows.withLock { $0 >= 1 } },
          progress: { _ in rows.withLock { $0 += 1 } }))
    }
    // Work of another kind is not taken up.
    #expect(throws: (any Error).self) {
      _ = try conversion().run(to: folder.path("resumed.tif"), replaces: false)
    }
    let summary = try conversion(change: change).run(
      to: folder.path("resumed.tif"), replaces: false)
    #expect(summary.convertedNow < summary.convertedCount)
    #expect(try data("resumed.tif") == data("whole.tif"))
  }

  @Test("the seed decides the noise of ddpm, and nothing where there is none")
  func seed() throws {
    let first = try converted(conversion(), "a.tif")
    #expect(try converted(conversion { $0.bridge.seed = 2 }, "b.tif") != first)
    let still = try converted(conversion { $0.bridge.sampler = .otODE }, "c.tif")
    let other = try converted(
      conversion {
        $0.bridge.sampler = .otODE
        $0.bridge.seed = 2
      }, "d.tif")
    #expect(still == other)
  }

  @Test("the states lead from the slide to its conversion")
  func trajectory() throws {
    let part = try conversion(threads: 2) {
      $0.region = PixelRegion(x: 0, y: 0, width: 256, height: 256)
      $0.bridge.evaluations = 3
      $0.convertsBackground = true
    }
    let states = try part.trajectory()
    #expect(states.count == 4)
    #expect(states[0] == image.cropped(to: part.plan.region))
    let result = try converted(part, "part.tif")
    // The states are blended from whole levels.
    #expect(
      zip(states[3].pixels, result.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    #expect(throws: StainingError.self) {
      _ = try conversion { $0.bridge.evaluations = 998 }.trajectory()
    }
  }

  @Test("a card that does not describe its bridge, or walks too far, is refused")
  func cards() throws {
    var model = Self.model()
    model.card.bridge?.evaluations = 5000
    #expect(throws: StainingError.self) { _ = try conversion(model) }
    model.card.bridge = nil
    #expect(throws: StainingError.self) { _ = try conversion(model) }
    model = Self.model()
    model.card.bridge?.network.baseChannels = 16
    #expect(throws: StainingError.self) { _ = try conversion(model) }
    #expect(throws: StainingError.self) {
      _ = try conversion { $0.bridge.evaluations = 1000 }
    }
    #expect(throws: StainingError.self) {
      _ = try conversion(identityModel(microns: 0.5)).trajectory()
    }
  }
}
