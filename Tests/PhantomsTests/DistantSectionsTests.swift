import Foundation
import Phantoms
import Rasters
import Testing

@Suite("Sections that lie apart in the block")
struct DistantSectionsTests {
  /// How alike the two sections' brightness is along the true map: the squared correlation.
  private func agreement(_ sections: DistantSections) -> Double {
    func grey(_ image: RGBImage, _ point: MicronPoint) -> Double? {
      let x = Int((point.x / DistantSections.pixelSize).rounded(.down))
      let y = Int((point.y / DistantSections.pixelSize).rounded(.down))
      guard x >= 0, y >= 0, x < image.width, y < image.height else { return nil }
      return Double(image.pixels[(y * image.width + x) * 3])
    }
    var pairs: [(Double, Double)] = []
    for index in 0..<22_500 {
      let point = MicronPoint(x: Double(index % 150) * 20 + 10, y: Double(index / 150) * 20 + 10)
      if let one = grey(sections.fixed, point),
        let other = grey(sections.moving, sections.movingPoint(point))
      {
        pairs.append((one, other))
      }
    }
    let count = Double(pairs.count)
    let mean = (
      pairs.reduce(0) { $0 + $1.0 } / count, pairs.reduce(0) { $0 + $1.1 } / count
    )
    var sums = (0.0, 0.0, 0.0)
    for pair in pairs {
      let (x, y) = (pair.0 - mean.0, pair.1 - mean.1)
      sums = (sums.0 + x * x, sums.1 + x * y, sums.2 + y * y)
    }
    return sums.1 * sums.1 / (sums.0 * sums.2)
  }

  @Test(
    "agree along the true map, the less the further apart they were cut",
    arguments: DistantSections.Tissue.allCases)
  func depth(tissue: DistantSections.Tissue) throws {
    let near = agreement(try DistantSections(tissue: tissue, depthMicrons: 5, seed: 12))
    let far = agreement(try DistantSections(tissue: tissue, depthMicrons: 35, seed: 12))
    #expect(near > 0.2)
    #expect(far < near)
  }

  @Test("are the same every time, and others for another seed")
  func seeds() throws {
    func pair(_ seed: UInt64) throws -> DistantSections {
      try DistantSections(tissue: .solid, depthMicrons: 20, seed: seed)
    }
    let one = try pair(3)
    let again = try pair(3)
    #expect(one.fixed == again.fixed && one.moving == again.moving)
    let other = try pair(4)
    #expect(one.fixed != other.fixed)
  }
}
