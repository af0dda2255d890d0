import Foundation
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("The file of a pyramid")
struct PyramidFileTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  @Test(
    "no byte is claimed twice, and every level is there with its size, place and resolution",
    arguments: PyramidLayout.allCases, PyramidCompression.allCases)
  func structure(layout: PyramidLayout, compression: PyramidCompression) throws {
    let image = picture(width: 1100, height: 1030, seed: 1)
    let tiff = try ParsedTIFF(
      try write(image, to: folder.path("a.tif"), options(layout, compression)))
    #expect(tiff.conflicts.isEmpty)
    let expected = [(1100, 1030), (550, 515), (275, 258)]
    #expect(tiff.levels.count == expected.count)
    #expect(tiff.chain.count == (layout == .ome ? 1 : layout == .aperio ? 4 : 3))
    #expect(tiff.sub.count == (layout == .ome || layout == .universal ? 2 : 0))
    if layout == .universal {
      #expect(tiff.sub.map(\.offset) == tiff.chain.dropFirst().map(\.offset))
    }
    for (index, level) in tiff.levels.enumerated() {
      #expect(
        level.numbers(256) == [expected[index].0] && level.numbers(257) == [expected[index].1])
      #expect(level.numbers(322) == [256] && level.numbers(323) == [256])
      #expect(level.numbers(254) == [index > 0 && layout != .aperio ? 1 : 0])
      #expect(level.numbers(262) == [compression == .jpeg ? 6 : 2])
      #expect(level.numbers(296) == [3], "the unit is the centimetre")
      let fraction = try #require(level.tags[282]).bytes
      let parts = (0..<2).map { part in
        (0..<4).reversed().reduce(0) { $0 << 8 | Int(fraction[part * 4 + $1]) }
      }
      #expect(parts[0] == 20_000 * parts[1] / (1 << index) || parts == [20_000, 1 << index])
      #expect(level.tags[306] == nil, "no date, so that the same input gives the same bytes")
      #expect(level.text(305) == "restain test")
    }
    #expect(tiff.levels[0].text(270)?.contains("virtual stain, not for diagnosis") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.tif"])
  }

  @Test(
    "odd sizes have the levels that fit, and every tile",
    arguments: [(1, 1), (255, 255), (256, 256), (257, 513), (1, 700), (511, 511), (513, 1025)])
  func oddSizes(width: Int, height: Int) throws {
    for compression in PyramidCompression.allCases {
      let image = picture(width: width, height: height, seed: 2)
      let path = folder.path("\(width)x\(height)-\(compression).tif")
      let tiff = try ParsedTIFF(try write(image, to: path, options(.universal, compression)))
      let expected = levels(of: image)
      #expect(tiff.conflicts.isEmpty)
      #expect(tiff.chain.map { $0.numbers(256)[0] } == expected.map(\.width))
      #expect(tiff.chain.map { $0.numbers(257)[0] } == expected.map(\.height))
      for level in tiff.chain {
        let across = (level.numbers(256)[0] + 255) / 256
        #expect(level.numbers(324).count == across * ((level.numbers(257)[0] + 255) / 256))
      }
    }
  }

  @Test("the bytes do not depend on threads or on how rows are grouped")
  func byteStable() throws {
    let image = picture(width: 1500, height: 1111, seed: 3)
    for compression in [PyramidCompression.jpeg, .deflate] {
      let reference = try write(
        image, to: folder.path("r\(compression).tif"), options(.universal, compression))
      for (rows, threads) in [(256, 2), (256, 4), (1, 2), (100, 1), (700, 2), (1111, 4)] {
        let path = folder.path("\(compression)-\(rows)-\(threads).tif")
        let other = try write(
          image, to: path, options(.universal, compression), rowsAtOnce: rows, threadCount: threads)
        #expect(other == reference, "\(rows) rows at once, \(threads) threads")
      }
    }
  }

  @Test("64-bit offsets are chosen from the sum of all levels")
  func bigTIFF() throws {
    let image = RGBImage(width: 700, height: 600)
    #expect(try !ParsedTIFF(try write(image, to: folder.path("a.tif"), options())).isBig)
    // 32 768² · 3 bytes are 3 GiB; with the lower levels 4 GiB.
    let writer = try PyramidWriter(
      path: folder.path("b.tif"), width: 32_768, height: 32_768, options: options(.universal, .none)
    )
    #expect(writer.plan.predictedByteCount(options: writer.options) > 1 << 32)
    let header = try Data(contentsOf: folder.url.appendingPathComponent("b.tif.partial"))
    #expect(header.count == 16, "room for the header of a BigTIFF")
  }

  @Test("a profile is copied into every level")
  func profile() throws {
    var profiled = options()
    profiled.iccProfile = (0..<999).map { UInt8(truncatingIfNeeded: $0) }
    let image = picture(width: 600, height: 600, seed: 4)
    let tiff = try ParsedTIFF(try write(image, to: folder.path("a.tif"), profiled))
    #expect(tiff.levels.allSatisfy { $0.tags[34675]?.bytes == profiled.iccProfile })
  }

  @Test("a picture without pixel size carries no resolution")
  func noPixelSize() throws {
    let image = picture(width: 300, height: 300, seed: 4)
    for layout in PyramidLayout.allCases {
      let tiff = try ParsedTIFF(
        try write(image, to: folder.path("\(layout).tif"), options(layout, pixelSize: nil)))
      #expect(tiff.levels.allSatisfy { $0.tags[282] == nil && $0.tags[296] == nil })
    }
  }
}
