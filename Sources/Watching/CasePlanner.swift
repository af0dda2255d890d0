import Foundation
import Reporting

/// Which waiting jobs may run: those whose case is complete, and those that have waited long enough.
///
/// A pure function of the journal and the time.
struct CasePlanner {
  /// How long a moving section waits for a fixed one, in seconds.
  let pairWaitSeconds: Double
  /// Whether nothing waits for what is not there.
  let isOnce: Bool

  /// A job that may run.
  struct Order: Equatable {
    let id: String
    let caseName: String
    let fixed: SlideIdentity?
  }

  /// Decides about every waiting moving section.
  ///
  /// - Parameters:
  ///   - records: The journal, the oldest job first.
  ///   - arriving: Groups with a fixed section that is there but has not settled yet.
  ///   - isPresent: Whether a slide lies in the inbox, unchanged.
  ///   - mayName: Whether a case may have a name.
  ///   - now: The calendar time.
  /// - Returns: The jobs to queue, the oldest first.
  func orders(
    _ records: [JobRecord], arriving: Set<String>, isPresent: (SlideIdentity) -> Bool,
    mayName: (String) -> Bool, now: Date
  ) -> [Order] {
    var names = Set(records.compactMap(\.caseName))
    var orders: [Order] = []
    for record in records where record.state == .waiting && record.moving != nil {
      let fixed = fixedSection(of: record, in: records, isPresent)
      let hasWaited = now >= deadline(record, now: now)
      guard fixed != nil || !arriving.contains(record.group) && (isOnce || hasWaited) else {
        continue
      }
      let name = record.caseName ?? Self.caseName(record) { names.contains($0) || !mayName($0) }
      names.insert(name)
      orders.append(Order(id: record.id, caseName: name, fixed: fixed))
    }
    return orders
  }

  /// When the next job will have waited long enough; nil if none waits.
  func nextDeadline(_ records: [JobRecord], after now: Date) -> Date? {
    guard !isOnce else { return nil }
    return records.filter { $0.state == .waiting && $0.moving != nil }
      .map { deadline($0, now: now) }.filter { $0 > now }.min()
  }

  /// When a moving section has waited long enough for a fixed one.
  ///
  /// Where that is longer from now than it may wait at all, the clock has been set back: it has waited.
  private func deadline(_ record: JobRecord, now: Date) -> Date {
    let deadline = max(
      record.created.addingTimeInterval(pairWaitSeconds), record.nextAttempt ?? .distantPast)
    return deadline > now.addingTimeInterval(pairWaitSeconds + Self.clockTolerance) ? now : deadline
  }

  /// Seconds by which a clock may be set while jobs wait.
  static let clockTolerance = 60.0

  /// The job's own fixed section, else the newest of its group that waits, else one that other jobs use.
  func fixedSection(
    of record: JobRecord, in records: [JobRecord], _ isPresent: (SlideIdentity) -> Bool
  ) -> SlideIdentity? {
    let group = records.filter { $0.group == record.group && $0.id != record.id }
    let waiting = group.last { $0.moving == nil && $0.state == .waiting }?.fixed
    // Its case may have been begun with it, and takes no other.
    if let own = record.fixed, isPresent(own) { return own }
    return waiting ?? group.compactMap(\.fixed).last { isPresent($0) && !isRejected($0, group) }
  }

  private func isRejected(_ slide: SlideIdentity, _ records: [JobRecord]) -> Bool {
    records.contains { $0.moving == nil && $0.fixed == slide && $0.state.isFinal }
  }

  /// A folder name that is not taken: the block, else block and stain, else with a number.
  static func caseName(_ record: JobRecord, isTaken: (String) -> Bool) -> String {
    let block = folderName(record.block)
    let long = folderName("\(record.block)_\(record.stain)")
    if !isTaken(block), block != FailureReport.folderName { return block }
    if !isTaken(long) { return long }
    var number = 2
    while isTaken("\(long)_\(number)") { number += 1 }
    return "\(long)_\(number)"
  }

  /// A text as the name of one folder that is not hidden.
  static func folderName(_ text: String) -> String {
    let plain = String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0 == "/" || OneLine.isControl($0) ? "_" : $0 }))
    return plain.hasPrefix(".") || plain.hasPrefix("-") || plain.isEmpty ? "_" + plain : plain
  }
}
