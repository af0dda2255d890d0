import Foundation

/// The JSON lines of `run`, `watch` and `train`: one object a line, told apart by `type`.
///
/// Fields may be added, never renamed; readers ignore fields and types that they do not know.
public struct EventWriter: Sendable {
  private let time: any TimeSource
  private let sink: TextSink

  /// Makes a writer.
  public init(time: any TimeSource, sink: TextSink) {
    self.time = time
    self.sink = sink
  }

  /// The first line.
  public func start(command: String, version: String, subject: String?) {
    write("start", StartEvent(command: command, version: version, subject: subject))
  }

  /// How far a stage has come.
  public func status(_ state: ProgressState, peakBytes: Int?) {
    write("status", StatusEvent(state, peakBytes: peakBytes))
  }

  /// Something that needs attention but does not stop the work.
  public func warning(_ message: String) { write("warning", MessageEvent(message: message)) }

  /// Something that failed.
  public func error(_ message: String) { write("error", MessageEvent(message: message)) }

  /// What came out; the fields of the value stand beside `type` and `time`.
  public func result(_ value: some Encodable) { write("result", value) }

  /// The last line; always written.
  ///
  /// - Parameters:
  ///   - code: The exit status.
  ///   - message: What it means, in one line.
  ///   - outputs: The files that were written and are complete.
  public func exit(code: Int32, message: String, outputs: [String]) {
    write("exit", ExitEvent(code: code, message: message, outputs: outputs))
  }

  /// Writes an event of any other type, such as those of the service.
  public func write(_ type: String, _ fields: some Encodable) {
    do {
      sink.write(try JSONText.line(Event(type: type, time: time.date, fields: fields)))
    } catch {
      // A number that is not finite cannot be written; the reader is told instead of misled.
      let message = "\(type) event: cannot be written as JSON; please report this"
      let event = Event(
        type: "warning", time: time.date, fields: MessageEvent(message: message))
      // Texts alone can always be encoded.
      if let line = try? JSONText.line(event) { sink.write(line) }
    }
  }
}

/// The fields of a value with the event's own beside them.
private struct Event<Fields: Encodable>: Encodable {
  let type: String
  let time: Date
  let fields: Fields

  private enum CodingKeys: String, CodingKey { case type, time }

  func encode(to encoder: any Encoder) throws {
    try fields.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(type, forKey: .type)
    try container.encode(time, forKey: .time)
  }
}

private struct StartEvent: Encodable {
  let command: String
  let version: String
  let subject: String?
}

private struct MessageEvent: Encodable {
  let message: String
}

private struct ExitEvent: Encodable {
  let code: Int32
  let message: String
  let outputs: [String]
}

/// A status line as it is written and read back: the service shows what its workers report.
public struct StatusEvent: Codable, Sendable, Equatable {
  /// What is being done, in one word.
  public let stage: String
  /// Work done, in `unit`.
  public let done: Double
  /// All the work, in `unit`; 0 if not known.
  public let total: Double
  /// What is counted.
  public let unit: String
  /// Seconds since the stage began.
  public let secondsElapsed: Double
  /// Seconds that the rest will take; nil if not known.
  public let secondsLeft: Double?
  /// The greatest memory so far in bytes; nil if not known.
  public let peakBytes: Int?

  private enum CodingKeys: String, CodingKey {
    case stage, done, total, unit
    case secondsElapsed = "seconds_elapsed"
    case secondsLeft = "seconds_left"
    case peakBytes = "peak_bytes"
  }

  /// Describes how far a stage has come.
  public init(_ state: ProgressState, peakBytes: Int?) {
    stage = state.stage
    done = state.done
    total = state.total
    unit = state.unit
    secondsElapsed = state.secondsElapsed
    secondsLeft = state.secondsLeft
    self.peakBytes = peakBytes
  }
}
