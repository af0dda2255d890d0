import Foundation
import Phantoms
import Rasters
import TestSupport
import Testing

@Suite("The map between the sections of a phantom")
struct PhantomMapTests {
  /// 0.01 px of the default 0.5 µm/px.
  private static let hundredthOfPixel = 0.005

  private func points(_ count: Int, extent: Double) -> [MicronPoint] {
    var generator = SeededGenerator(seed: 11)
    return (0..<count).map { _ in
      MicronPoint(
        x: .random(in: 0...extent, using: &generator), y: .random(in: 0...extent, using: &generator)
      )
    }
  }

  @Test("there and back again is the same point", arguments: [false, true])
  func roundTrip(isMirrored: Bool) throws {
    let phantom = try SerialSections(
      PhantomOptions(size: 1024, seed: 5, warpMicrons: 22, isMirrored: isMirrored))
    for point in points(200, extent: 512) {
      let there = phantom.map.moving(point)
      #expect(phantom.map.fixed(there).distance(to: point) < PhantomMapTests.hundredthOfPixel)
      let back = phantom.map.fixed(point)
      #expect(phantom.map.moving(back).distance(to: point) < PhantomMapTests.hundredthOfPixel)
    }
  }

  @Test("a turn by 90° takes what lies right of the centre to above it")
  func counterClockwise() throws {
    let phantom = try SerialSections(
      PhantomOptions(size: 512, rotationDegrees: 90, shift: (0, 0), warpMicrons: 0))
    let moved = phantom.map.moving(MicronPoint(x: 228, y: 128))
    #expect(moved.distance(to: MicronPoint(x: 128, y: 28)) < 1e-9)
  }

  @Test("a mirrored section swaps left and right before it is turned")
  func mirror() throws {
    let phantom = try SerialSections(
      PhantomOptions(
        size: 512, rotationDegrees: 0, shift: (3, -4), warpMicrons: 0, isMirrored: true))
    let moved = phantom.map.moving(MicronPoint(x: 228, y: 100))
    #expect(moved.distance(to: MicronPoint(x: 31, y: 96)) < 1e-9)
    #expect(phantom.map.affine.determinant < 0)
  }

  @Test(
    "the warp reaches the wanted displacement and never folds", arguments: [1, 2, 3] as [UInt64])
  func warp(seed: UInt64) throws {
    let phantom = try SerialSections(PhantomOptions(size: 2048, seed: seed, warpMicrons: 40))
    var largest = 0.0
    for row in 0...80 {
      for column in 0...80 {
        let point = MicronPoint(x: Double(column) * 12.8, y: Double(row) * 12.8)
        let push = phantom.map.displacement(point.x, point.y)
        largest = max(largest, (push.x * push.x + push.y * push.y).squareRoot())
        #expect(phantom.map.areaFactor(at: point) >= PhantomMap.smallestDeterminant)
      }
    }
    // The grids of phantom and test miss the very crest: 2 % is ten times what they can miss.
    #expect(abs(largest - 40) < 0.8)
  }

  @Test("a warp that would fold is refused with the largest that would not")
  func foldingWarp() throws {
    let error = #expect(throws: PhantomError.self) {
      try SerialSections(PhantomOptions(size: 512, warpMicrons: 200))
    }
    guard case .foldingWarp(_, let largest) = error else {
      Issue.record("another error: \(String(describing: error))")
      return
    }
    #expect(largest > 5)
    _ = try SerialSections(PhantomOptions(size: 512, warpMicrons: largest))
  }

  @Test(
    "options out of range are refused",
    arguments: [
      PhantomOptions(size: 100), PhantomOptions(pixelSize: 9), PhantomOptions(missingShare: 1),
      PhantomOptions(shift: (1e9, 0)), PhantomOptions(warpMicrons: -1),
    ])
  func badOptions(options: PhantomOptions) {
    #expect(throws: PhantomError.self) { try SerialSections(options) }
  }
}
