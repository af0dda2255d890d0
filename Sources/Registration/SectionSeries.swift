import Rasters

/// Registers a series of sections to one of them.
///
/// Each section is registered to a neighbour that lies nearer to the reference, composed with that one's
/// map to the reference, and refined against the reference. It is also registered to the reference
/// directly, and the better of the two maps is kept; where both pass every gate and yet disagree, a person
/// has to look. A section that fails is never a neighbour, so it does not stop the others.
public struct SectionSeries: Sendable {
  /// How one section came to the reference.
  public struct Member: Sendable {
    /// The section, as an index into the series.
    public let section: Int
    /// The section that it was registered to; the reference itself, or one nearer to it.
    public let neighbour: Int
    /// Whether the map by way of the neighbour was kept, or the direct one.
    public let isChained: Bool
    /// The map from the reference to the section, and its report.
    public internal(set) var result: RegistrationResult
  }

  /// The sections, all at one pixel size.
  public let sections: [SectionImage]
  /// The index of the section that stays.
  public let reference: Int
  private let options: RegistrationOptions
  private let planes: [SectionPlanes]

  /// Direct and chained maps that differ by more over tissue are in conflict, in microns (median).
  static let mostDisagreement = 50.0

  /// Prepares a series.
  ///
  /// - Parameters:
  ///   - sections: All at the same pixel size.
  ///   - reference: The index of the section that stays.
  ///   - options: How pairs are registered.
  public init(sections: [SectionImage], reference: Int, options: RegistrationOptions) {
    precondition(
      sections.indices.contains(reference), "reference \(reference) of \(sections.count)")
    self.sections = sections
    self.reference = reference
    self.options = options
    planes = sections.map(SectionPlanes.init)
  }

  /// The neighbour of each section in a known order: the next one towards the reference.
  ///
  /// - Parameter order: Every index once, as the block was cut.
  /// - Returns: Sections in the order in which they can be registered, with those that may be their
  ///   neighbour, the nearest first; the last one is always the reference.
  public func chain(order: [Int]) -> [(section: Int, neighbours: [Int])] {
    guard let middle = order.firstIndex(of: reference) else { return [] }
    return order.indices.filter { $0 != middle }
      .sorted { (abs($0 - middle), $0) < (abs($1 - middle), $1) }
      .map { place in
        let between =
          place < middle ? Array(order[(place + 1)...middle]) : order[middle..<place].reversed()
        return (order[place], between)
      }
  }

  /// The neighbours of each section where no order is known: a tree from the reference in which every
  /// section hangs on the most similar one that is nearer.
  ///
  /// Every pair is compared once at up to 160 pixels across, so the time grows with the square of the count.
  ///
  /// - Parameter beforeEachPair: Called before each comparison; throws to stop.
  /// - Returns: As ``chain(order:)``.
  /// - Throws: What `beforeEachPair` throws.
  public func tree(
    beforeEachPair: () throws -> Void = {}
  ) rethrows -> [(section: Int, neighbours: [Int])] {
    let count = sections.count
    var similarity = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
    for first in 0..<count {
      for second in (first + 1)..<max(count, first + 1) {
        try beforeEachPair()
        guard
          min(planes[first].tissueArea, planes[second].tissueArea) >= RegistrationGates.leastTissue
        else { continue }
        let score = PoseChoice(run: run(fixed: first, moving: second)).pose()?.score ?? 0
        similarity[first][second] = score
        similarity[second][first] = score
      }
    }
    var placed = [reference]
    var result: [(section: Int, neighbours: [Int])] = []
    while placed.count < count {
      let candidates = sections.indices.filter { !placed.contains($0) }
      // Ties go to the earlier section, so the tree does not depend on anything but the sections.
      var best = (section: candidates[0], score: -1.0)
      for section in candidates {
        let score = placed.map { similarity[section][$0] }.max() ?? 0
        if score > best.score { best = (section, score) }
      }
      let neighbours =
        placed.enumerated()
        .sorted { first, second in
          let scores = (
            similarity[best.section][first.element], similarity[best.section][second.element]
          )
          return scores.0 != scores.1 ? scores.0 > scores.1 : first.offset < second.offset
        }.map(\.element)
      // Beyond the reference there is no point in a detour.
      let end = neighbours.firstIndex(of: reference) ?? neighbours.count - 1
      result.append((best.section, Array(neighbours[...end])))
      placed.append(best.section)
    }
    return result
  }

  /// Registers every section to the reference.
  ///
  /// - Parameters:
  ///   - plan: From ``chain(order:)`` or ``tree(beforeEachPair:)``.
  ///   - fine: The reference and a section at finer pixel sizes: the map that is kept is bent further by them where
  ///     that makes it better.
  ///   - finished: Called after each section; throws to stop.
  /// - Returns: One member a section, in the order of the plan.
  /// - Throws: What `finished` and the slides throw.
  public func members(
    plan: [(section: Int, neighbours: [Int])],
    fine: (_ section: Int) throws -> FineSections = { _ in FineSections(levels: []) },
    finished: (Member) throws -> Void = { _ in }
  ) throws -> [Member] {
    var maps: [Int: RegistrationResult] = [:]
    var members: [Member] = []
    for (section, neighbours) in plan {
      let direct = run(fixed: reference, moving: section).result()
      let neighbour =
        neighbours.first { $0 == reference || maps[$0]?.report.status == .ok } ?? reference
      var member = Member(
        section: section, neighbour: neighbour, isChained: false, result: direct)
      if neighbour != reference, let first = maps[neighbour] {
        member = self.member(section, neighbour: neighbour, first: first, direct: direct)
      }
      member.result = try run(fixed: reference, moving: section)
        .refined(member.result, by: fine(section))
      maps[section] = member.result
      members.append(member)
      try finished(member)
    }
    return members
  }

  private func run(fixed: Int, moving: Int) -> RegistrationRun {
    RegistrationRun(
      fixedImage: sections[fixed], movingImage: sections[moving], fixed: planes[fixed],
      moving: planes[moving], options: options)
  }

  private func member(
    _ section: Int, neighbour: Int, first: RegistrationResult, direct: RegistrationResult
  ) -> Member {
    let step = run(fixed: neighbour, moving: section).result()
    guard step.report.status == .ok else {
      return Member(section: section, neighbour: neighbour, isChained: false, result: direct)
    }
    let spacing = Double(options.knotPixels) * sections[reference].pixelSize
    let composed = first.transform.followed(by: step.transform, spacing: spacing)
    let chained = run(fixed: reference, moving: section).refined(
      composed, margin: min(first.report.confidence, step.report.confidence))
    let isChained = Self.rank(chained) < Self.rank(direct)
    let kept = isChained ? chained : direct
    guard direct.report.status == .ok, chained.report.status == .ok,
      disagreement(direct.transform, chained.transform) > Self.mostDisagreement
    else {
      return Member(section: section, neighbour: neighbour, isChained: isChained, result: kept)
    }
    return Member(
      section: section, neighbour: neighbour, isChained: isChained,
      result: kept.doubted(.inconsistent))
  }

  /// Smaller is better: passing every gate, then the mean residual where an unclear block counts in full.
  private static func rank(_ result: RegistrationResult) -> Double {
    let report = result.report
    let residual = report.blockResidualMicrons ?? BlockTest.searchMicrons
    let cost =
      report.blockClearShare * residual + (1 - report.blockClearShare) * BlockTest.searchMicrons
    return report.status == .ok ? cost : cost + 1e6
  }

  /// The median distance of two maps over the reference's tissue, in microns.
  private func disagreement(_ first: SectionTransform, _ second: SectionTransform) -> Double {
    let level = planes[reference].levels[0]
    let step = max(1, Int(100 / level.pixelSize))
    var distances: [Double] = []
    for row in stride(from: 0, to: level.height, by: step) {
      for column in stride(from: 0, to: level.width, by: step) where level.tissue[column, row] > 0 {
        let point = MicronPoint(
          x: (Double(column) + 0.5) * level.pixelSize, y: (Double(row) + 0.5) * level.pixelSize)
        distances.append(
          first.movingPoint(for: point).distance(to: second.movingPoint(for: point)))
      }
    }
    guard !distances.isEmpty else { return 0 }
    return distances.sorted()[distances.count / 2]
  }
}
