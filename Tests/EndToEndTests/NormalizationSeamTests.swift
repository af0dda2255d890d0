import Foundation
import Rasters
import Slides
import TestSupport
import Testing

/// Steps at tile borders, told from the slide's own by a second conversion whose borders lie elsewhere.
///
/// The seam score of one picture also holds what the tissue does at these places: on a 2048-pixel
/// phantom it is 1.04 for the true stain, which has no tiles at all.
@Suite("Seams of the normalisations")
struct NormalizationSeamTests {
  /// From one tile to the next, half of that for the second conversion's grid, and the middle of the zone in
  /// which two tiles are blended.
  private static let (stride, shift, middle) = (192, 96, 32)
  /// Along a border, and to either side of it, over which colours are averaged: all of the blended zone.
  private static let (segment, reach) = (64, 16)
  /// Further along than the middle of the zone: neither grid has a border there.
  private static let elsewhere = 48

  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    _ = try tool.run(
      ["phantom", "-o", scratch.path("p"), "--size", "1024", "--seed", "77", "--quiet"])
    let image = try pixels("p/phantom_IHC.tif")
    // Mirrored to the left and above: the same tissue, further along the grid.
    var moved = RGBImage(width: image.width + Self.shift, height: image.height + Self.shift)
    for y in 0..<moved.height {
      for x in 0..<moved.width { moved[x, y] = image[abs(x - Self.shift), abs(y - Self.shift)] }
    }
    try SlideFiles.write(moved, to: scratch.path("moved.tif"))
    try SlideFiles.write(image, to: scratch.path("plain.tif"))
  }

  private func pixels(_ name: String) throws -> RGBImage {
    let slide = try Slide(path: scratch.path(name))
    return try slide.read(
      PixelRegion(x: 0, y: 0, width: slide.width, height: slide.height), level: 0)
  }

  private func converted(
    _ name: String, _ mode: String, _ more: String...
  ) throws -> RGBImage {
    let model = SharedData.demoModel
    let outcome = try tool.run(
      [
        "convert", scratch.path("\(name).tif"), "--model", model, "-o", scratch.path("out.tif"),
        "--normalization", mode, "--compression", "none", "--force",
      ] + more)
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    return try pixels("out.tif")
  }

  @Test("glass keeps its pixels in tiles with tissue, as it does in tiles without")
  func glass() throws {
    let source = try pixels("plain.tif")
    let result = try converted("plain", "running")
    let painted = try converted("plain", "running", "--all-tiles")
    // Blocks of open glass: everything around is glass, too.
    let (side, count, reach) = (8, source.width / 8, 9)
    func places(_ block: Int) -> [(x: Int, y: Int)] {
      (0..<side * side).map {
        (block % count * side + $0 % side, block / count * side + $0 / side)
      }
    }
    let isGlass = (0..<count * count).map { block in
      places(block).allSatisfy { source[$0.x, $0.y].green > 225 }
    }
    var (blocks, changed) = (0, 0)
    for block in isGlass.indices {
      let (column, row) = (block % count, block / count)
      let isOpen = (max(0, row - reach)...min(count - 1, row + reach)).allSatisfy { y in
        (max(0, column - reach)...min(count - 1, column + reach)).allSatisfy {
          isGlass[y * count + $0]
        }
      }
      guard isOpen else { continue }
      func change(_ image: RGBImage) -> Int {
        places(block).map { image[$0.x, $0.y].distance(to: source[$0.x, $0.y]) }.max() ?? 0
      }
      blocks += 1
      #expect(change(result) == 0, "block \(column), \(row)")
      if change(painted) >= 3 { changed += 1 }
    }
    #expect(blocks > 300)
    #expect(changed > blocks * 95 / 100, "\(changed) of \(blocks)")
  }

  /// How much more the colours step across the upright borders of tiles than elsewhere, in levels.
  private func excess(_ mode: String) throws -> Double {
    let (plain, moved) = (try converted("plain", mode), try converted("moved", mode))
    /// Mean difference of the two conversions over a segment, and whether nearly all of it is tissue.
    func difference(_ columns: Range<Int>, _ rows: Range<Int>) -> (means: [Double], isTissue: Bool)
    {
      var sums = [0, 0, 0]
      var tissueCount = 0
      for y in rows {
        for x in columns {
          let place = (y * plain.width + x) * 3
          let other = ((y + Self.shift) * moved.width + x + Self.shift) * 3
          var (sum, otherSum) = (0, 0)
          for channel in 0..<3 {
            let (a, b) = (Int(plain.pixels[place + channel]), Int(moved.pixels[other + channel]))
            sums[channel] += a - b
            sum += a
            otherSum += b
          }
          if max(sum, otherSum) < 3 * 225 { tissueCount += 1 }
        }
      }
      let count = columns.count * rows.count
      return (sums.map { Double($0) / Double(count) }, 20 * tissueCount > 19 * count)
    }
    /// The mean step over the segments that are tissue.
    func step(_ offset: Int) -> Double {
      var steps: [Double] = []
      for border in Swift.stride(
        from: Self.stride + offset, to: plain.width - 2 * Self.reach, by: Self.stride)
      {
        for y in Swift.stride(from: 0, to: plain.height, by: Self.segment) {
          let rows = y..<min(plain.height, y + Self.segment)
          let before = difference(border - Self.reach..<border, rows)
          let after = difference(border..<border + Self.reach, rows)
          guard before.isTissue, after.isTissue else { continue }
          steps += zip(before.means, after.means).map { abs($0 - $1) }
        }
      }
      #expect(steps.count > 20, "\(mode): too little tissue at the borders")
      return steps.reduce(0, +) / Double(steps.count)
    }
    return step(Self.middle) - step(Self.middle + Self.elsewhere)
  }

  @Test("statistics that pass from tile to tile leave no seam where per-tile ones do")
  func seams() throws {
    let own = try excess("reference")
    let interpolated = try excess("interpolated")
    #expect(own > 0.4, "\(own) levels")
    #expect(interpolated < own / 3, "\(interpolated) against \(own) levels")
  }
}
