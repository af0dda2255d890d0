import Foundation
import Pyramids
import Rasters
import Slides
import Staining
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Conversion of a damaged slide")
struct DamagedConversionTests {
  private let folder: TemporaryDirectory

  /// Writes a slide of JPEG tiles, the second of which ends in the middle.
  init() throws {
    folder = try TemporaryDirectory()
    let path = folder.path("IHC.tif")
    _ = try PyramidCopy.write(
      source: section(width: 300, height: 1500, glassFrom: 1, seed: 3), path: path,
      options: PyramidOptions(
        compression: .jpeg, pixelSize: PixelSize(0.5),
        description: PyramidDescription(name: "test")))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let scan = Data([0xFF, 0xDA, 0, 12])
    let first = try #require(bytes.range(of: scan))
    let second = try #require(bytes.range(of: scan, in: first.upperBound..<bytes.endIndex))
    bytes.replaceSubrange(second.upperBound + 400..<second.upperBound + 402, with: [0xFF, 0xD9])
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  private func conversion() throws -> SlideConversion {
    let model = identityModel(microns: 0.5)
    let path = folder.path("model.safetensors")
    try model.write(to: path)
    var options = ConversionOptions()
    // No look at the whole slide before the first tile.
    options.convertsBackground = true
    return try SlideConversion(
      slide: Slide(path: folder.path("IHC.tif")), model: model, modelPath: path, options: options,
      restainVersion: "test",
      context: ComputeContext(parallelism: Parallelism(threadCount: 1)))
  }

  @Test("damage that was read before an interruption is told after it")
  func interrupted() throws {
    let whole = try conversion().run(to: folder.path("whole.tif"), replaces: false)
    #expect(whole.damagedTiles.map(\.tile) == [1])
    let rows = Mutex(0)
    #expect(throws: CancellationError.self) {
      _ = try conversion().run(
        to: folder.path("out.tif"), replaces: false,
        surroundings: SlideConversion.Surroundings(
          isCancelled: { rows.withLock { $0 } >= 4 },
          progress: { _ in rows.withLock { $0 += 1 } }))
    }
    // The rows with the damaged tile are not read again.
    let resumed = try conversion()
    let summary = try resumed.run(to: folder.path("out.tif"), replaces: false)
    #expect(summary.damagedTiles == whole.damagedTiles)
    #expect(summary.convertedNow < summary.convertedCount)
  }
}
