import Foundation

/// The log of the service: one line an event, with `key=value` fields at its end.
///
/// Under systemd each line carries the priority `<3>` to `<7>` and no time, since the journal has one;
/// on a terminal it is coloured; elsewhere it begins with the time.
public struct JournalLog: Sendable {
  /// How much an event matters; the numbers are those of syslog.
  public enum Priority: Int, Sendable, CaseIterable {
    /// A job failed.
    case error = 3
    /// Something needs attention, but the service goes on.
    case warning = 4
    /// The service starts, stops or reloads.
    case notice = 5
    /// A job started or finished.
    case information = 6
  }

  /// How lines begin.
  public enum Style: Sendable, Equatable {
    /// With `<N>`, for systemd's journal.
    case journal
    /// With a time, in colour if asked for.
    case plain(isColored: Bool)
  }

  private let style: Style
  private let time: any TimeSource
  private let sink: TextSink

  /// Makes a log.
  public init(style: Style, time: any TimeSource, sink: TextSink) {
    self.style = style
    self.time = time
    self.sink = sink
  }

  /// Whether a descriptor is the journal's stream.
  ///
  /// - Parameters:
  ///   - stream: The variable `JOURNAL_STREAM`: device and inode with a colon between.
  ///   - device: The device number of the descriptor.
  ///   - inode: The inode number of the descriptor.
  /// - Returns: Whether they are the same.
  ///
  /// Reference: systemd.exec(5), `$JOURNAL_STREAM`.
  public static func isJournal(stream: String?, device: UInt64, inode: UInt64) -> Bool {
    stream == "\(device):\(inode)"
  }

  /// Writes one line.
  ///
  /// - Parameters:
  ///   - priority: How much the event matters.
  ///   - event: What happened, in a few words.
  ///   - fields: Facts, in order; values with spaces are quoted.
  public func write(
    _ priority: Priority, _ event: String, _ fields: KeyValuePairs<String, String> = [:]
  ) {
    let tail = fields.map { " \($0.key)=\(Self.quoted($0.value))" }.joined()
    // One event, one line, whatever a file is called.
    let text = OneLine.of(event) + tail
    switch style {
    case .journal: sink.write("<\(priority.rawValue)>\(text)\n")
    case .plain(let isColored):
      let stamp = time.date.formatted(.iso8601)
      guard isColored, let color = Self.color(priority) else {
        sink.write("\(stamp) \(text)\n")
        return
      }
      sink.write("\(stamp) \u{1B}[\(color)m\(text)\u{1B}[0m\n")
    }
  }

  private static func color(_ priority: Priority) -> Int? {
    switch priority {
    case .error: 31
    case .warning: 33
    case .notice: 1
    case .information: nil
    }
  }

  private static func quoted(_ value: String) -> String {
    let line = OneLine.of(value)
    let isPlain = !line.isEmpty && line.allSatisfy { $0 != " " && $0 != "\"" && $0 != "=" }
    return isPlain ? line : "\"\(line.replacing("\"", with: "'"))\""
  }
}
