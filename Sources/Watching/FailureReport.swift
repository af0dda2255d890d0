import Foundation
import Reporting

/// Tells the laboratory of a job that was given up: `OUTBOX/failed/<case>/reason.txt`.
enum FailureReport {
  /// The folder of the outbox that no case may be called.
  static let folderName = "failed"

  /// Writes why a job was given up; beside the report of another slide of that name, under the job's own.
  static func write(_ record: JobRecord, outbox: String, log: String?) throws(WatchError) {
    let name = record.caseName ?? record.id
    let own = "\(outbox)/\(folderName)/\(name)"
    let isFree = text(in: own).map { tells($0, of: record.slide) } ?? true
    let folder = isFree ? own : "\(own)_\(record.id)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: folder, reason: "a folder cannot be made")
    }
    var lines = [record.reason ?? "failed", ""]
    if let moving = record.moving { lines.append(line("moving", moving)) }
    if let fixed = record.fixed { lines.append(line("fixed", fixed)) }
    if let status = record.exitStatus { lines.append("exit status: \(status)") }
    lines += [
      "attempts: \(record.attempts)", "time: \(record.updated.formatted(.iso8601))",
      "job: \(record.id)", "", "To try again: restain jobs retry \(record.id)",
    ]
    if let log, !log.isEmpty { lines += ["", "The worker's last words:", log] }
    let text = lines.joined(separator: "\n") + "\n"
    try DurableFile.write(Data(text.utf8), to: "\(folder)/\(fileName)")
  }

  /// Takes the reports of a slide away, once its job has ended well or it opens.
  static func remove(_ slide: SlideIdentity?, caseName: String, outbox: String) {
    let all = "\(outbox)/\(folderName)"
    // A folder that cannot be read holds no report that could be removed.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: all)) ?? []
    for name in names where name == caseName || name.hasPrefix(caseName + "_") {
      let folder = "\(all)/\(name)"
      guard let text = text(in: folder), tells(text, of: slide) else { continue }
      unlink("\(folder)/\(fileName)")
      // Only an empty folder goes.
      rmdir(folder)
    }
    rmdir(all)
  }

  private static let fileName = "reason.txt"

  private static func text(in folder: String) -> String? {
    // Nothing that can be read is no report.
    try? String(contentsOfFile: "\(folder)/\(fileName)", encoding: .utf8)
  }

  private static func line(_ role: String, _ slide: SlideIdentity) -> String {
    "\(role) section: \(OneLine.of(slide.path))"
  }

  /// Whether a report is about a slide, as the one that was to be converted or the one that does not open.
  private static func tells(_ text: String, of slide: SlideIdentity?) -> Bool {
    guard let slide else { return true }
    let lines = text.split(separator: "\n").prefix { !$0.hasPrefix("job: ") }
    let sections = lines.filter {
      $0.hasPrefix("moving section: ") || $0.hasPrefix("fixed section: ")
    }
    return sections.first.map { ["moving", "fixed"].map { line($0, slide) }.contains(String($0)) }
      ?? true
  }
}
