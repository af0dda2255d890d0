import Foundation

/// Tells the laboratory of a job that was given up: `OUTBOX/failed/<case>/reason.txt`.
enum FailureReport {
  /// The folder of the outbox that no case may be called.
  static let folderName = "failed"

  /// Writes why a job was given up.
  static func write(_ record: JobRecord, outbox: String, log: String?) throws(WatchError) {
    let folder = "\(outbox)/\(folderName)/\(record.caseName ?? record.id)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: folder, reason: "a folder cannot be made")
    }
    var lines = [record.reason ?? "failed", ""]
    if let moving = record.moving { lines.append("moving section: \(moving.path)") }
    if let fixed = record.fixed { lines.append("fixed section: \(fixed.path)") }
    if let status = record.exitStatus { lines.append("exit status: \(status)") }
    lines += [
      "attempts: \(record.attempts)", "time: \(record.updated.formatted(.iso8601))",
      "job: \(record.id)", "", "To try again: restain jobs retry \(record.id)",
    ]
    if let log, !log.isEmpty { lines += ["", "The worker's last words:", log] }
    let text = lines.joined(separator: "\n") + "\n"
    try DurableFile.write(Data(text.utf8), to: "\(folder)/reason.txt")
  }

  /// Takes the report away, once the job has ended well.
  static func remove(caseName: String, outbox: String) {
    let folder = "\(outbox)/\(folderName)/\(caseName)"
    unlink("\(folder)/reason.txt")
    // Only an empty folder goes.
    rmdir(folder)
    rmdir("\(outbox)/\(folderName)")
  }
}
