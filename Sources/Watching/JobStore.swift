import Foundation
import Reporting

/// The journal: one JSON file a job, replaced as a whole, so that a crash leaves the old or the new one.
public struct JobStore: Sendable {
  /// The state folder.
  public let folder: String

  /// Names the state folder; nothing is made yet.
  public init(folder: String) { self.folder = folder }

  /// The folder of the job files.
  var jobsFolder: String { "\(folder)/jobs" }
  /// The folder of what persons ask for while a service runs.
  var requestsFolder: String { "\(folder)/requests" }

  /// Where the text output of a job's worker goes.
  func logPath(_ id: String) -> String { "\(jobsFolder)/\(id).log" }

  /// Makes the folders.
  public func prepare() throws(WatchError) {
    for path in [jobsFolder, requestsFolder] {
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      } catch {
        throw .unwritable(path: path, reason: "a folder cannot be made")
      }
    }
  }

  /// Every job, the oldest first, and the names of files that hold none.
  ///
  /// A folder that is not there holds no job.
  public func load() -> (records: [JobRecord], damaged: [String]) {
    var records: [JobRecord] = []
    var damaged: [String] = []
    // Nothing there is the state of a service that has not run yet.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: jobsFolder)) ?? []
    for name in names.sorted() where name.hasSuffix(".json") {
      let path = "\(jobsFolder)/\(name)"
      do {
        records.append(try Self.record(at: path))
      } catch {
        damaged.append(path)
      }
    }
    return (records.sorted(by: JobRecord.isBefore), damaged)
  }

  /// A job as it is in the journal now; nothing where it has none.
  func record(_ id: String) -> JobRecord? {
    // A file that is gone or damaged holds no job.
    try? Self.record(at: "\(jobsFolder)/\(id).json")
  }

  private static func record(at path: String) throws -> JobRecord {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try decoder.decode(JobRecord.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Writes a job so that it outlives a power cut.
  public func save(_ record: JobRecord) throws(WatchError) {
    try DurableFile.write(record, to: "\(jobsFolder)/\(record.id).json")
  }

  /// Takes a job off the journal, with its log.
  public func remove(_ id: String) {
    for path in ["\(jobsFolder)/\(id).json", logPath(id)] {
      // A file that is gone is what is wanted.
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// Sets a damaged file aside, so that it is kept for a person but not read again.
  func setAside(_ path: String) {
    // If it cannot be renamed it is reported again with the next start.
    try? FileManager.default.moveItem(atPath: path, toPath: path + ".damaged")
  }

  /// The job whose id begins with some letters, or whose case has that name.
  public static func record(
    named name: String, in records: [JobRecord]
  ) throws(WatchError) -> JobRecord {
    if let exact = records.first(where: { $0.id == name }) { return exact }
    let matches = records.filter { $0.id.hasPrefix(name) || $0.caseName == name }
    guard let match = matches.first, !name.isEmpty else { throw .unknownJob(id: name) }
    guard matches.count == 1 else { throw .ambiguousJob(id: name, count: matches.count) }
    return match
  }
}
