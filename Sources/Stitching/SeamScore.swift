/// How much a stitched raster changes at its tile borders compared with everywhere else; 1 = no seam.
///
/// For each column boundary `x`, `g(x)` is the mean of `|I(x) − I(x − 1)|` over the pixels that are
/// tissue (mean RGB below 225) on both sides, and over the three channels. The score is the mean of `g`
/// at the tile starts and the blend borders (modulo the stride) over the mean of `g` at the other phases
/// of the stride; of these only the multiples of 8 where the stride is one, so that the blocks of a JPEG
/// stand on both sides of the fraction. All phases are taken from the second tile's start to a stride after the
/// last one's. Rows likewise; the larger of the two is the result.
public struct SeamScore: Codable, Equatable, Sendable {
  /// What was measured along one axis.
  public struct Axis: Codable, Equatable, Sendable {
    /// Mean change at the seams over the mean change elsewhere; 1 = no seam.
    public var score: Double
    /// How many standard deviations (over the other phases) the seams' mean lies above theirs; nothing
    /// where the phases do not vary.
    public var zValue: Double?
    /// Mean of the pixel after a tile border minus the pixel before it, in grey levels; the blended
    /// zone lies between the two.
    public var signedStep: Double
    /// The same score on means of 16 × 16 pixels on either side: steps too low to see in single pixels.
    public var lowFrequencyScore: Double?
  }

  /// Boundaries between columns, or nothing where no tissue crosses one.
  public var columns: Axis?
  /// Boundaries between rows, or nothing where no tissue crosses one.
  public var rows: Axis?

  /// The larger score of the two axes; nothing where neither has tissue at a seam.
  public var score: Double? { worse?.score }
  /// The z value of the axis with the larger score.
  public var zValue: Double? { worse?.zValue }
  /// The signed step of the axis with the larger score, in grey levels.
  public var signedStep: Double? { worse?.signedStep }
  /// The larger low-frequency score of the two axes.
  public var lowFrequencyScore: Double? {
    [columns?.lowFrequencyScore, rows?.lowFrequencyScore].compactMap { $0 }.max()
  }

  private var worse: Axis? {
    [columns, rows].compactMap { $0 }.max { $0.score < $1.score }
  }

  /// Pixels at and above this mean of red, green and blue are background.
  public static let tissueLimit = 225
}

/// Which boundaries along one axis are seams, and which ones they are compared with.
struct SeamPhases: Sendable {
  enum Role { case seam, other, ignored }

  let stride: Int
  let tileCount: Int
  private let seams: Set<Int>
  private let step: Int

  /// - Parameters:
  ///   - plan: The tiling.
  ///   - tileCount: Tiles along the axis in the whole raster.
  init(plan: TilePlan, tileCount: Int) {
    stride = plan.stride
    self.tileCount = tileCount
    let discarded = plan.discarded
    seams = [0, discarded, plan.overlap - discarded]
    step = plan.stride.isMultiple(of: 8) ? 8 : 1
  }

  /// What the boundary before pixel `position` counts as.
  func role(of position: Int) -> Role {
    // Before the second tile and a stride after the last one's start there is no neighbour to blend with. The
    // other phases are left out there, too: slides have little tissue at their borders, and what its few pixels
    // change by would enter on one side only.
    guard position >= stride, position / stride < tileCount else { return .ignored }
    let phase = position % stride
    if seams.contains(phase) { return .seam }
    return phase.isMultiple(of: step) ? .other : .ignored
  }
}

/// Sums of `g` over the boundaries of each phase.
struct PhaseSums: Codable, Equatable, Sendable {
  private var sums: [Double]
  private var counts: [Int]

  /// A picture flat but for its seams would divide by 0: changes elsewhere count at least this many
  /// grey levels, below what one level of one pixel leaves in a mean of 16 × 16 pixels (0.0039).
  private static let smallestChange = 1e-3

  init(stride: Int) {
    sums = [Double](repeating: 0, count: stride)
    counts = [Int](repeating: 0, count: stride)
  }

  mutating func add(_ value: Double, at position: Int) {
    sums[position % sums.count] += value
    counts[position % sums.count] += 1
  }

  /// The score and its z value; nothing where seams or other phases are missing.
  func result(phases: SeamPhases) -> (score: Double, zValue: Double?)? {
    var seamMeans: [Double] = []
    var otherMeans: [Double] = []
    for phase in 0..<sums.count where counts[phase] > 0 {
      let mean = sums[phase] / Double(counts[phase])
      // One stride further on, where every phase has its full role.
      switch phases.role(of: phase + sums.count) {
      case .seam: seamMeans.append(mean)
      case .other: otherMeans.append(mean)
      case .ignored: break
      }
    }
    guard !seamMeans.isEmpty, !otherMeans.isEmpty else { return nil }
    let seam = seamMeans.reduce(0, +) / Double(seamMeans.count)
    let other = otherMeans.reduce(0, +) / Double(otherMeans.count)
    guard other > 0 || seam > 0 else { return (1, nil) }
    let variance =
      otherMeans.reduce(0) { $0 + ($1 - other) * ($1 - other) }
      / Double(max(1, otherMeans.count - 1))
    return (
      seam / max(other, Self.smallestChange),
      variance > 0 ? (seam - other) / variance.squareRoot() : nil
    )
  }
}
