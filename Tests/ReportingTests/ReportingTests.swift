import Foundation
import Reporting
import Synchronization
import Testing

/// Keeps what was written.
final class Written: Sendable {
  private let kept = Mutex("")

  var text: String { kept.withLock { $0 } }
  var lines: [String] { text.split(separator: "\n").map(String.init) }
  var sink: TextSink { TextSink { text in self.kept.withLock { $0 += text } } }
}

@Suite("Progress")
struct ProgressTests {
  @Test("the line tells work, share, speed, time left and memory")
  func line() {
    let state = ProgressState(
      stage: "stain", done: 12, total: 48, unit: "tiles", secondsElapsed: 4)
    #expect(
      state.line(peakBytes: 2_040_109_466)
        == "stain 12/48 tiles 25 %  3.0 tiles/s  ETA 12 s  peak 1.9 GiB")
    let resumed = ProgressState(
      stage: "stain", done: 12, total: 48, unit: "tiles", secondsElapsed: 4, doneAtStart: 8)
    #expect(resumed.rate == 1)
    #expect(resumed.secondsLeft == 36)
    let open = ProgressState(stage: "read", done: 3, total: 0, unit: "rows", secondsElapsed: 0)
    #expect(open.line() == "read 3 rows")
  }

  @Test("plain lines come every interval or every tenth, not with every tile")
  func plainLines() {
    let (written, time) = (Written(), ManualTime())
    let meter = ProgressMeter(style: .lines, time: time, sink: written.sink)
    meter.begin("stain", total: 1000, unit: "tiles")
    for _ in 0..<350 { meter.advance(by: 1) }
    #expect(written.lines.count == 3)
    time.advance(by: 61)
    meter.advance(to: 360)
    #expect(written.lines.count == 4)
    meter.advance(to: 361)
    #expect(written.lines.count == 4)
    #expect(!written.text.contains("\r"))
  }

  @Test("the interval can be set")
  func interval() {
    let (written, time) = (Written(), ManualTime())
    let meter = ProgressMeter(style: .lines, intervalSeconds: 1, time: time, sink: written.sink)
    meter.begin("stain", total: 1e6, unit: "tiles")
    for done in 1...5 {
      time.advance(by: 1)
      meter.advance(to: Double(done))
    }
    #expect(written.lines.count == 5)
  }

  @Test("on a terminal one line rewrites itself, five times a second at most")
  func rewriting() {
    let (written, time) = (Written(), ManualTime())
    let meter = ProgressMeter(style: .rewriting, time: time, sink: written.sink)
    meter.begin("stain", total: 100, unit: "tiles")
    for done in 1...50 {
      time.advance(by: 0.1)
      meter.advance(to: Double(done))
    }
    let count = written.text.split(separator: "\r").count
    #expect((20...26).contains(count))
    #expect(!written.text.contains("\n"))
    meter.finish()
    #expect(written.text.hasSuffix("\n"))
  }

  @Test("a silent meter still answers when asked")
  func printNow() {
    let (written, time) = (Written(), ManualTime())
    let meter = ProgressMeter(style: .silent, time: time, sink: written.sink)
    meter.begin("stain", total: 10, unit: "tiles", done: 2)
    meter.advance(to: 5)
    #expect(written.text == "")
    meter.printNow()
    #expect(written.text == "stain 5/10 tiles 50 %\n")
  }

  @Test("work from many threads is all counted")
  func threads() {
    let (written, time) = (Written(), ManualTime())
    let meter = ProgressMeter(style: .silent, time: time, sink: written.sink)
    meter.begin("stain", total: 1000, unit: "tiles")
    DispatchQueue.concurrentPerform(iterations: 1000) { _ in meter.advance(by: 1) }
    meter.printNow()
    #expect(written.text.hasPrefix("stain 1000/1000 tiles 100 %"))
  }
}

@Suite("JSON lines")
struct EventTests {
  private struct Payload: Encodable {
    let tiles: Int
    let seconds: Double
  }

  @Test("each event is one object a line with its type and time")
  func events() throws {
    let (written, time) = (Written(), ManualTime(start: Date(timeIntervalSince1970: 0)))
    let writer = EventWriter(time: time, sink: written.sink)
    writer.start(command: "run", version: "1", subject: "A12")
    writer.status(
      ProgressState(stage: "stain", done: 1, total: 4, unit: "tiles", secondsElapsed: 2),
      peakBytes: 7)
    writer.warning("line\nbreak")
    writer.result(Payload(tiles: 3, seconds: 0.5))
    writer.exit(code: 3, message: "1 of 2 failed", outputs: ["a"])
    #expect(
      written.lines == [
        #"{"command":"run","subject":"A12","time":"1970-01-01T00:00:00Z","type":"start","version":"1"}"#,
        #"{"done":1,"peak_bytes":7,"seconds_elapsed":2,"seconds_left":6,"stage":"stain","#
          + #""time":"1970-01-01T00:00:00Z","total":4,"type":"status","unit":"tiles"}"#,
        #"{"message":"line\nbreak","time":"1970-01-01T00:00:00Z","type":"warning"}"#,
        #"{"seconds":0.5,"tiles":3,"time":"1970-01-01T00:00:00Z","type":"result"}"#,
        #"{"code":3,"message":"1 of 2 failed","outputs":["a"],"time":"1970-01-01T00:00:00Z","type":"exit"}"#,
      ])
  }

  @Test("a number that JSON cannot hold becomes a warning, not a broken line")
  func notFinite() {
    let written = Written()
    EventWriter(time: ManualTime(), sink: written.sink).result(Payload(tiles: 1, seconds: .nan))
    #expect(written.lines.count == 1)
    #expect(written.text.contains(#""type":"warning""#))
  }
}

@Suite("The log")
struct JournalLogTests {
  @Test("the journal gets the priority, and no time")
  func journal() {
    let written = Written()
    JournalLog(style: .journal, time: ManualTime(), sink: written.sink)
      .write(.error, "job failed", ["job": "8f3a", "slide": "A 1.svs", "empty": ""])
    #expect(written.text == "<3>job failed job=8f3a slide=\"A 1.svs\" empty=\"\"\n")
  }

  @Test("elsewhere a line begins with the time, and a name cannot forge a second line")
  func plain() {
    let written = Written()
    JournalLog(
      style: .plain(isColored: false), time: ManualTime(start: Date(timeIntervalSince1970: 0)),
      sink: written.sink
    ).write(.notice, "taken", ["slide": "a\n<0>b"])
    #expect(written.text == "1970-01-01T00:00:00Z taken slide=\"a <0>b\"\n")
  }

  @Test("the journal's stream is told by device and inode")
  func stream() {
    #expect(JournalLog.isJournal(stream: "8:123", device: 8, inode: 123))
    #expect(!JournalLog.isJournal(stream: "8:124", device: 8, inode: 123))
    #expect(!JournalLog.isJournal(stream: nil, device: 8, inode: 123))
  }
}

@Suite("Numbers for people")
struct HumanTextTests {
  @Test("durations, sizes and numbers keep the digits that matter")
  func texts() {
    #expect(HumanText.duration(45) == "45 s")
    #expect(HumanText.duration(240) == "4 min")
    #expect(HumanText.duration(7800) == "2 h 10 min")
    #expect(HumanText.duration(48 * 3600 - 60) == "47 h 59 min")
    #expect(HumanText.duration(277_000) == "3 days 5 h")
    #expect(HumanText.duration(172_800) == "2 days")
    #expect(HumanText.duration(.infinity) == "?")
    #expect(HumanText.bytes(512) == "512 B")
    #expect(HumanText.bytes(2_040_109_466) == "1.9 GiB")
    #expect(HumanText.number(0.416) == "0.42")
    #expect(HumanText.number(123.4) == "123")
    #expect(HumanText.fixed(-0.001, decimals: 2) == "0.00")
    #expect(HumanText.fixed(-1.005, decimals: 1) == "-1.0")
    #expect(HumanText.fixed(12.3456, decimals: 3) == "12.346")
  }
}

struct ProcessMemoryTests {
  @Test("the greatest size grows with what is touched")
  func peak() throws {
    let before = try #require(ProcessMemory.peakBytes())
    let block = [UInt8](repeating: 1, count: before + 64 << 20)
    #expect(block[block.count - 1] == 1)
    let after = try #require(ProcessMemory.peakBytes())
    #expect(after >= block.count)
  }
}
