public import Rasters

/// Measures ``SeamScore`` while rows stream by.
///
/// Only the sums are part of the encoded state; the last rows are not. After decoding, hand the rows
/// above the next one in once more as repeated (32 are enough, and those under the last blended zone).
public struct SeamMeter: Sendable {
  private let plan: TilePlan
  private let columnPhases: SeamPhases
  private let rowPhases: SeamPhases
  /// Columns whose left boundary counts.
  private let boundaries: [Int]
  /// The column after each blended zone between tiles, and the column before it.
  private let steps: [(after: Int, before: Int)]

  private var state: State
  private var history: History

  /// Edge of the blocks of the low-frequency form, in pixels.
  static let blockSize = 16
  private static let limit = SeamScore.tissueLimit * 3

  /// The sums so far; exact integers but for the row phases, which are added from top to bottom.
  public struct State: Codable, Equatable, Sendable {
    fileprivate var columnSums: [Int]
    fileprivate var columnCounts: [Int]
    fileprivate var columnBlockSums: [Int]
    fileprivate var columnBlockCounts: [Int]
    fileprivate var rowPhases: PhaseSums
    fileprivate var rowBlockPhases: PhaseSums
    fileprivate var columnStep = SignedSum()
    fileprivate var rowStep = SignedSum()
  }

  fileprivate struct SignedSum: Codable, Equatable, Sendable {
    var sum = 0
    var count = 0
    var mean: Double { count > 0 ? Double(sum) / Double(3 * count) : 0 }
  }

  /// What is remembered of the rows above.
  private struct History {
    var nextY: Int?
    var previous: [UInt8] = []
    var beforeBlend: (y: Int, pixels: [UInt8])?
    /// Sums of each pixel column since the last multiple of 16 rows, and how many rows they hold.
    var columnSums: [Int32]
    var columnSumRows = 0
    /// Running sums of each 16-pixel block of columns, after the row of the index modulo 33.
    var cumulative: [[Int32]]
    var cumulativeRows = 0
  }

  /// Starts, or takes a measurement up again.
  ///
  /// - Parameters:
  ///   - plan: The tiling, and the region whose rows will come.
  ///   - state: The sums of an interrupted measurement with the same plan.
  public init(plan: TilePlan, state: State? = nil) {
    self.plan = plan
    columnPhases = SeamPhases(plan: plan, tileCount: plan.columnCount)
    rowPhases = SeamPhases(plan: plan, tileCount: plan.rowCount)
    let region = plan.region
    let phases = columnPhases
    boundaries = ((region.x + 1)..<max(region.x + 1, region.maxX))
      .filter { phases.role(of: $0) != .ignored }
    let (before, after) = (plan.discarded - 1, plan.overlap - plan.discarded)
    steps = (1..<max(1, plan.columnCount)).map { (after, before, $0 * plan.stride) }
      .map { (after: $0.2 + $0.0, before: $0.2 + $0.1) }
      .filter { $0.before >= region.x && $0.after < region.maxX }
    let zeros = [Int](repeating: 0, count: boundaries.count)
    self.state =
      state
      ?? State(
        columnSums: zeros, columnCounts: zeros, columnBlockSums: zeros, columnBlockCounts: zeros,
        rowPhases: PhaseSums(stride: plan.stride), rowBlockPhases: PhaseSums(stride: plan.stride))
    let blockCount = region.width / Self.blockSize
    history = History(
      columnSums: [Int32](repeating: 0, count: region.width * 3),
      cumulative: [[Int32]](
        repeating: [Int32](repeating: 0, count: blockCount * 3), count: 2 * Self.blockSize + 1))
  }

  /// The sums so far, to be stored beside an interrupted raster.
  public var snapshot: State { state }

  /// Takes the next rows.
  ///
  /// - Parameters:
  ///   - image: Rows as wide as the plan's region.
  ///   - y: The first row, in pixels of the raster; rows follow one another without gaps.
  ///   - isRepeated: Whether the rows were counted before; they are then only remembered.
  public mutating func add(_ image: RGBImage, y: Int, isRepeated: Bool = false) {
    precondition(image.width == plan.region.width, "the rows are not as wide as the region")
    precondition(history.nextY == nil || history.nextY == y, "rows before \(y) are missing")
    let rowBytes = image.width * 3
    image.pixels.withUnsafeBufferPointer { pixels in
      for row in 0..<image.height {
        let line = UnsafeBufferPointer(rebasing: pixels[(row * rowBytes)..<((row + 1) * rowBytes)])
        add(line, y: y + row, isCounted: !isRepeated)
      }
    }
    history.nextY = y + image.height
  }

  /// The score of all rows so far.
  public var score: SeamScore {
    SeamScore(
      columns: axis(
        columnResult(sums: state.columnSums, counts: state.columnCounts, divisor: 3),
        low: columnResult(
          sums: state.columnBlockSums, counts: state.columnBlockCounts,
          divisor: 3 * Self.blockSize * Self.blockSize),
        step: state.columnStep),
      rows: axis(
        state.rowPhases.result(phases: rowPhases),
        low: state.rowBlockPhases.result(phases: rowPhases), step: state.rowStep))
  }

  private func axis(
    _ result: (score: Double, zValue: Double?)?, low: (score: Double, zValue: Double?)?,
    step: SignedSum
  ) -> SeamScore.Axis? {
    result.map {
      SeamScore.Axis(
        score: $0.score, zValue: $0.zValue, signedStep: step.mean, lowFrequencyScore: low?.score)
    }
  }

  private func columnResult(
    sums: [Int], counts: [Int], divisor: Int
  ) -> (score: Double, zValue: Double?)? {
    var phases = PhaseSums(stride: plan.stride)
    for (index, x) in boundaries.enumerated() where counts[index] > 0 {
      phases.add(Double(sums[index]) / Double(divisor * counts[index]), at: x)
    }
    return phases.result(phases: columnPhases)
  }
}

// MARK: - One row

extension SeamMeter {
  private typealias Line = UnsafeBufferPointer<UInt8>

  private mutating func add(_ line: Line, y: Int, isCounted: Bool) {
    if isCounted {
      countColumns(line)
      if !history.previous.isEmpty, rowPhases.role(of: y) != .ignored { countRow(line, y: y) }
      countRowStep(line, y: y)
    }
    countColumnBlocks(line, y: y, isCounted: isCounted)
    countRowBlocks(line, y: y, isCounted: isCounted)
    if (y - plan.discarded + 1) % plan.stride == 0 { history.beforeBlend = (y, Array(line)) }
    history.previous = Array(line)
  }

  private mutating func countColumns(_ line: Line) {
    let left = plan.region.x
    for index in boundaries.indices {
      let pixel = (boundaries[index] - left) * 3
      guard let change = Self.change(line, pixel, line, pixel - 3) else { continue }
      state.columnSums[index] += change.absolute
      state.columnCounts[index] += 1
    }
    for step in steps {
      guard
        let change = Self.change(line, (step.after - left) * 3, line, (step.before - left) * 3)
      else { continue }
      state.columnStep.sum += change.signed
      state.columnStep.count += 1
    }
  }

  private mutating func countRow(_ line: Line, y: Int) {
    var sum = 0
    var count = 0
    history.previous.withUnsafeBufferPointer { previous in
      for x in 0..<plan.region.width {
        guard let change = Self.change(line, x * 3, previous, x * 3) else { continue }
        sum += change.absolute
        count += 1
      }
    }
    if count > 0 { state.rowPhases.add(Double(sum) / Double(3 * count), at: y) }
  }

  private mutating func countRowStep(_ line: Line, y: Int) {
    let start = y - (plan.overlap - plan.discarded)
    guard start > 0, start.isMultiple(of: plan.stride), start / plan.stride < plan.rowCount,
      let before = history.beforeBlend, before.y == start + plan.discarded - 1
    else { return }
    before.pixels.withUnsafeBufferPointer { previous in
      for x in 0..<plan.region.width {
        guard let change = Self.change(line, x * 3, previous, x * 3) else { continue }
        state.rowStep.sum += change.signed
        state.rowStep.count += 1
      }
    }
  }

  /// The change between two pixels, summed over the channels; nothing unless both are tissue.
  private static func change(
    _ line: Line, _ pixel: Int, _ other: Line, _ otherPixel: Int
  ) -> (absolute: Int, signed: Int)? {
    let (r, g, b) = (Int(line[pixel]), Int(line[pixel + 1]), Int(line[pixel + 2]))
    let (s, h, c) = (Int(other[otherPixel]), Int(other[otherPixel + 1]), Int(other[otherPixel + 2]))
    guard r + g + b < limit, s + h + c < limit else { return nil }
    return (abs(r - s) + abs(g - h) + abs(b - c), r + g + b - s - h - c)
  }
}

// MARK: - Means of 16 × 16 pixels

extension SeamMeter {
  private mutating func countColumnBlocks(_ line: Line, y: Int, isCounted: Bool) {
    let size = Self.blockSize
    if y.isMultiple(of: size) {
      history.columnSums.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
      history.columnSumRows = 0
    }
    history.columnSums.withUnsafeMutableBufferPointer { sums in
      for index in 0..<line.count { sums[index] &+= Int32(line[index]) }
    }
    history.columnSumRows += 1
    guard isCounted, (y + 1).isMultiple(of: size), history.columnSumRows == size else { return }
    let left = plan.region.x
    let width = plan.region.width
    var prefix = [Int32](repeating: 0, count: (width + 1) * 3)
    for index in 0..<(width * 3) { prefix[index + 3] = prefix[index] &+ history.columnSums[index] }
    for index in boundaries.indices {
      let x = boundaries[index] - left
      guard x >= size, x + size <= width else { continue }
      let change = blockChange { channel in
        let middle = prefix[x * 3 + channel]
        return (
          middle &- prefix[(x - size) * 3 + channel], prefix[(x + size) * 3 + channel] &- middle
        )
      }
      guard let change else { continue }
      state.columnBlockSums[index] += change
      state.columnBlockCounts[index] += 1
    }
  }

  private mutating func countRowBlocks(_ line: Line, y: Int, isCounted: Bool) {
    let size = Self.blockSize
    let ringSize = 2 * size + 1
    let blockCount = plan.region.width / size
    var sums = history.cumulative[y % ringSize]
    for block in 0..<blockCount {
      var (red, green, blue) = (Int32(0), Int32(0), Int32(0))
      for pixel in (block * size)..<((block + 1) * size) {
        red &+= Int32(line[pixel * 3])
        green &+= Int32(line[pixel * 3 + 1])
        blue &+= Int32(line[pixel * 3 + 2])
      }
      sums[block * 3] &+= red
      sums[block * 3 + 1] &+= green
      sums[block * 3 + 2] &+= blue
    }
    history.cumulative[(y + 1) % ringSize] = sums
    history.cumulativeRows += 1
    let boundary = y + 1 - size
    guard isCounted, history.cumulativeRows >= 2 * size, rowPhases.role(of: boundary) != .ignored
    else { return }
    let above = history.cumulative[(boundary - size) % ringSize]
    let middle = history.cumulative[boundary % ringSize]
    var (sum, count) = (0, 0)
    for block in 0..<blockCount {
      let change = blockChange { channel in
        let index = block * 3 + channel
        return (middle[index] &- above[index], sums[index] &- middle[index])
      }
      guard let change else { continue }
      sum += change
      count += 1
    }
    if count > 0 {
      state.rowBlockPhases.add(Double(sum) / Double(3 * size * size * count), at: boundary)
    }
  }

  /// The summed change between two blocks; nothing unless both are tissue on the mean.
  private func blockChange(_ sums: (_ channel: Int) -> (Int32, Int32)) -> Int? {
    var (before, after, change) = (0, 0, 0)
    for channel in 0..<3 {
      let (first, second) = sums(channel)
      before += Int(first)
      after += Int(second)
      change += abs(Int(first) - Int(second))
    }
    let limit = Self.limit * Self.blockSize * Self.blockSize
    return before < limit && after < limit ? change : nil
  }
}

extension SeamScore {
  /// Measures a whole raster, or the region of a plan, in bands of 256 rows.
  ///
  /// - Parameters:
  ///   - source: The stitched raster.
  ///   - plan: The tiling that made it.
  /// - Returns: The score.
  /// - Throws: What the source throws.
  public static func measured(on source: any PixelSource, plan: TilePlan) throws -> SeamScore {
    var meter = SeamMeter(plan: plan)
    let region = plan.region
    for y in stride(from: region.y, to: region.maxY, by: 256) {
      let height = min(256, region.maxY - y)
      let band = PixelRegion(x: region.x, y: y, width: region.width, height: height)
      meter.add(try source.read(band), y: y)
    }
    return meter.score
  }
}
