/// How far a stage has come; formats the line that people read.
public struct ProgressState: Sendable, Equatable {
  /// What is being done, in one word: `stain`, `register`.
  public var stage: String
  /// Work done, in `unit`.
  public var done: Double
  /// All the work of the stage, in `unit`; 0 if not known.
  public var total: Double
  /// What is counted, in the plural: `tiles`, `rows`.
  public var unit: String
  /// Seconds since the stage began.
  public var secondsElapsed: Double
  /// Work that an earlier run had done when this one began; it does not count for the speed.
  public var doneAtStart: Double

  /// Describes how far a stage has come.
  public init(
    stage: String, done: Double, total: Double, unit: String, secondsElapsed: Double,
    doneAtStart: Double = 0
  ) {
    self.stage = stage
    self.done = done
    self.total = total
    self.unit = unit
    self.secondsElapsed = secondsElapsed
    self.doneAtStart = doneAtStart
  }

  /// The share done, from 0 to 1; nil if the total is not known.
  public var fraction: Double? { total > 0 ? min(1, max(0, done / total)) : nil }

  /// Work a second in this run; nil before anything is done.
  public var rate: Double? {
    let work = done - doneAtStart
    return secondsElapsed > 0 && work > 0 ? work / secondsElapsed : nil
  }

  /// Seconds that the rest will take at this speed; nil before that can be said.
  public var secondsLeft: Double? {
    guard total > 0, let rate else { return nil }
    return max(0, total - done) / rate
  }

  /// The line: `stain 12/48 tiles 25 %  3.1 tiles/s  ETA 4 min  peak 1.9 GiB`.
  ///
  /// - Parameter peakBytes: The greatest memory so far; left out if nil.
  /// - Returns: The line without its end.
  public func line(peakBytes: Int? = nil) -> String {
    var parts = [stage]
    if total > 0 {
      parts[0] += " \(whole(done))/\(whole(total)) \(unit)"
      if let fraction { parts[0] += " \(Int((fraction * 100).rounded(.down))) %" }
    } else {
      parts[0] += " \(whole(done)) \(unit)"
    }
    if let rate { parts.append("\(HumanText.number(rate)) \(unit)/s") }
    if let secondsLeft, done < total { parts.append("ETA \(HumanText.duration(secondsLeft))") }
    if let peakBytes { parts.append("peak \(HumanText.bytes(peakBytes))") }
    return parts.joined(separator: "  ")
  }

  private func whole(_ value: Double) -> String { String(Int(value.rounded(.down))) }
}
