import Foundation
import Phantoms
import Rasters
import Registration
import TestSupport
import Testing

@Suite("What blocks of tissue say about a map")
struct BlockEvidenceTests {
  /// Matches that belong to the map, up to so many microns off, among ones anywhere within ±60 µm times the scale.
  private func matches(
    near: Int, within microns: Double, anywhere: Int, scale: Double = 1
  ) -> ResidualMap {
    var random = SeededGenerator(seed: 3)
    let reach = 60 * scale
    let placed = (0..<near).map { Float(microns * (Double($0) + 0.5) / Double(near)) }
    let chance = (0..<anywhere).map { _ in
      Float(
        hypot(
          Double.random(in: -reach...reach, using: &random),
          Double.random(in: -reach...reach, using: &random)))
    }
    return ResidualMap(
      spacing: 128 * scale, columns: near + anywhere, rows: 1, microns: placed + chance)
  }

  private func outcome(
    _ map: ResidualMap, scale: Double = 1, blockCount: Int? = nil
  ) -> BlockTest.Outcome {
    BlockTest.Outcome(
      map: map, scale: scale, blockCount: blockCount ?? map.columns, clearCount: map.columns,
      unsupportedShare: 0)
  }

  @Test(
    "the residual is that of the matches that belong to the map, without what lies there by chance")
  func residual() throws {
    let clean = outcome(matches(near: 120, within: 20, anywhere: 0))
    #expect(abs(try #require(clean.residual) - 10) < 1)
    let map = matches(near: 120, within: 20, anywhere: 80)
    let mixed = outcome(map)
    #expect(abs(try #require(mixed.residual) - 10) < 2)
    // The plain median is far above it.
    #expect(try #require(map.median) > 14)
    #expect(clean.agrees && mixed.agrees)
  }

  @Test("matches anywhere, or few among many of them, are no agreement")
  func chance() {
    let unrelated = outcome(matches(near: 0, within: 20, anywhere: 200))
    #expect(!unrelated.isBeyondChance && !unrelated.agrees)
    let part = outcome(matches(near: 60, within: 10, anywhere: 140))
    #expect(part.isBeyondChance && !part.agrees)
  }

  @Test("larger blocks are sought further, and still have to lie within the limit in microns")
  func scale() {
    #expect(outcome(matches(near: 60, within: 40, anywhere: 20, scale: 2), scale: 2).agrees)
    let off = outcome(matches(near: 60, within: 58, anywhere: 20, scale: 2), scale: 2)
    #expect(off.isBeyondChance && !off.agrees)
  }

  @Test("maps whose blocks agree come before clear ones that are off; then the cost decides")
  func choice() {
    let off = outcome(matches(near: 200, within: 58, anywhere: 0))
    let right = outcome(matches(near: 60, within: 20, anywhere: 0), blockCount: 200)
    let better = outcome(matches(near: 60, within: 10, anywhere: 0), blockCount: 200)
    #expect(right.agrees && !off.agrees)
    #expect([off, right, better].cheapest == 2)
    #expect([off, right].cheapest == 1)
    let unclear = outcome(matches(near: 200, within: 58, anywhere: 0), blockCount: 400)
    #expect([unclear, off].cheapest == 1)
    // A hundredth of a pixel is no reason to bend.
    let alike = outcome(matches(near: 60, within: 9.95, anywhere: 0), blockCount: 200)
    #expect([better, alike].cheapest == 0)
    #expect([BlockTest.Outcome]().cheapest == nil)
  }

  @Test("where most blocks are unclear, nearer matches say more than one or two more of them")
  func chanceChooses() {
    let straight = outcome(
      matches(near: 26, within: 30, anywhere: 3, scale: 2), scale: 2, blockCount: 70)
    let bent = outcome(
      matches(near: 24, within: 20, anywhere: 0, scale: 2), scale: 2, blockCount: 70)
    let off = outcome(
      matches(near: 29, within: 110, anywhere: 0, scale: 2), scale: 2, blockCount: 70)
    #expect(straight.agrees && bent.agrees && !off.agrees)
    #expect([straight, bent].cheapest == 0)
    #expect([off, straight, bent].leastByChance == 2)
    #expect([bent, straight].leastByChance == 0)
    #expect([off, off].leastByChance == 0)
  }

  /// Twelve pieces of eight blocks, four by two, with glass between them; of each so many have a near match.
  private func pieces(near: [Int]) -> (values: [Float], columns: Int, rows: Int) {
    let (columns, rows) = (24, 12)
    var values = [Float](repeating: -2, count: columns * rows)
    for (piece, count) in near.enumerated() {
      for block in 0..<8 {
        let x = piece % 4 * 6 + block % 4
        let y = piece / 4 * 4 + block / 4
        values[y * columns + x] = block < count ? 5 : -1
      }
    }
    return (values, columns, rows)
  }

  @Test("one small piece that fits shows that the others do not")
  func smallPieces() {
    func share(_ near: [Int]) -> Double {
      let (values, columns, rows) = pieces(near: near)
      return BlockTest.unsupportedShare(values, columns: columns, rows: rows)
    }
    var one = [Int](repeating: 0, count: 12)
    one[6] = 8
    #expect(abs(share(one) - 11.0 / 12) < 1e-9)
    // Where a third of the blocks has a match everywhere, a piece that has more says nothing of the others.
    var lucky = [Int](repeating: 3, count: 12)
    lucky[6] = 6
    #expect(share(lucky) == 0)
    #expect(share([Int](repeating: 0, count: 12)) == 0)
  }

  private func image(_ picture: RGBImage) -> SectionImage {
    SectionImage(
      image: picture, pixelSize: DistantSections.pixelSize,
      frame: SectionFrame(
        name: "section", width: picture.width, height: picture.height,
        pixelSize: PixelSize(DistantSections.pixelSize)))
  }

  @Test("sections 35 µm apart, which share no cells, are accepted by blocks of 256 µm")
  func distant() throws {
    let sections = try DistantSections(tissue: .spongy, depthMicrons: 35, seed: 12)
    let report = SectionRegistration.register(
      fixed: image(sections.fixed), moving: image(sections.moving),
      options: RegistrationOptions(threadCount: 2)
    ).report
    #expect(report.status == .ok, "\(report.reasons)")
    #expect(report.blockMicrons == 256)
  }

  @Test("sections of two blocks of the same kind of tissue are refused at any size of the blocks")
  func unrelated() throws {
    let fixed = try DistantSections(tissue: .spongy, depthMicrons: 35, seed: 1).fixed
    let moving = try DistantSections(tissue: .spongy, depthMicrons: 35, seed: 2).moving
    let report = SectionRegistration.register(
      fixed: image(fixed), moving: image(moving), options: RegistrationOptions(threadCount: 2)
    ).report
    #expect(report.reasons.contains(.noAgreement))
  }
}
