import Rasters
import Registration
import TestSupport
import Testing

@Suite("Registering a series of sections")
struct SectionSeriesTests {
  private let tissue = SyntheticTissue(seed: 31)
  /// The three sections beside the reference.
  private let poses = [
    KnownPose(degrees: 25), KnownPose(degrees: 140, warp: 40),
    KnownPose(degrees: -70, isMirrored: true),
  ]

  private func series(spoilt: Bool) -> SectionSeries {
    var sections = [tissue.photograph(isBrown: false)]
    sections += poses.map { $0.movingSection(of: tissue) }
    if spoilt {
      let side = SyntheticTissue.side
      let glass = RGBImage(
        width: side, height: side, filledWith: RGBColor(red: 240, green: 241, blue: 240))
      sections.insert(
        SectionImage(
          image: glass, pixelSize: SyntheticTissue.pixelSize, frame: SyntheticTissue.frame), at: 2)
    }
    return SectionSeries(
      sections: sections, reference: 0, options: RegistrationOptions(threadCount: 2))
  }

  @Test("a map after a map is one map, within a hundredth of a pixel of the two")
  func composition() {
    let first = SectionTransform(
      fixed: SyntheticTissue.frame, moving: SyntheticTissue.frame,
      affine: AffineMap(a: 0.8, b: -0.6, c: 500, d: 0.6, e: 0.8, f: -200), displacement: wave(12))
    let second = SectionTransform(
      fixed: SyntheticTissue.frame, moving: SyntheticTissue.frame,
      affine: AffineMap(a: -1, b: 0.1, c: 1300, d: 0, e: 1, f: 20), displacement: wave(-15),
      status: .needsReview, reasons: [.lowMargin])
    let composed = first.followed(by: second, spacing: 128)
    #expect(composed.status == .needsReview && composed.reasons == [.lowMargin])
    #expect(composed.isMirrored && composed.kind == .bspline)
    for y in stride(from: 200.0, through: 1080, by: 37) {
      for x in stride(from: 200.0, through: 1080, by: 41) {
        let point = MicronPoint(x: x, y: y)
        let expected = second.movingPoint(for: first.movingPoint(for: point))
        #expect(composed.movingPoint(for: point).distance(to: expected) < 0.1)
      }
    }
  }

  private func wave(_ height: Double) -> DisplacementGrid {
    // Wide enough that the second map's grid is smooth wherever the first one leads.
    var grid = DisplacementGrid(spacing: 512, covering: MicronPoint(x: 1280, y: 1280))
    for index in grid.x.indices {
      let (column, row) = (Double(index % grid.columns), Double(index / grid.columns))
      grid.x[index] = Float(height * (0.3 * column + 0.1 * row * row / 4))
      grid.y[index] = Float(height * (0.2 * row - 0.05 * column * column / 4))
    }
    return grid
  }

  @Test("a known order is followed towards the reference, from both sides")
  func order() {
    let plan = series(spoilt: true).chain(order: [3, 1, 0, 2, 4])
    #expect(plan.map(\.section) == [1, 2, 3, 4])
    #expect(plan.map(\.neighbours) == [[0], [0], [1, 0], [2, 0]])
  }

  @Test("sections come to the reference through their neighbours; an empty one is reported alone")
  func chain() throws {
    let series = series(spoilt: true)
    let members = try series.members(plan: series.chain(order: [0, 1, 2, 3, 4]))
    #expect(members.map(\.section) == [1, 2, 3, 4])
    // Section 2 is bare glass: it fails, and section 3 hangs on section 1 instead.
    #expect(members[1].result.report.reasons == [.noTissue])
    #expect(members[2].neighbour == 1 && members[3].neighbour == 3)
    for (member, pose) in zip([members[0], members[2], members[3]], poses) {
      #expect(member.result.report.status == .ok, "\(member.result.report.reasons)")
      #expect(pose.medianError(of: member.result.transform) < 1)
    }
  }

  @Test("where no order is known every section still comes to the reference")
  func tree() throws {
    let series = series(spoilt: false)
    let plan = try series.tree()
    #expect(Set(plan.map(\.section)) == [1, 2, 3])
    #expect(plan[0].neighbours == [0])
    #expect(plan.allSatisfy { $0.neighbours.last == 0 })
    let members = try series.members(plan: plan)
    for member in members {
      #expect(member.result.report.status == .ok)
      #expect(poses[member.section - 1].medianError(of: member.result.transform) < 1)
    }
  }
}
