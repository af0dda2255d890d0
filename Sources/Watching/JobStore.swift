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

  /// The file of a job.
  func path(_ id: String) -> String { "\(jobsFolder)/\(id).json" }

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

  /// What the job files hold.
  public struct Contents: Sendable {
    /// Every job, the oldest first.
    public var records: [JobRecord] = []
    /// The files that hold no job.
    public var damaged: [String] = []
    /// The files that cannot be read, each with why: ``WatchError/unreadable(path:reason:)``.
    public var unreadable: [(path: String, problem: WatchError)] = []
  }

  /// Every job; a folder that is not there holds none.
  ///
  /// - Throws: ``WatchError/unreadable(path:reason:)`` if the folder cannot be read.
  public func load() throws(WatchError) -> Contents {
    var contents = Contents()
    for name in try names() where name.hasSuffix(".json") {
      let path = "\(jobsFolder)/\(name)"
      do {
        contents.records.append(try Self.record(at: path))
      } catch is DecodingError {
        contents.damaged.append(path)
      } catch {
        contents.unreadable.append((path, .unreadable(path: path, reason: error.systemReason)))
      }
    }
    contents.records.sort(by: JobRecord.isBefore)
    return contents
  }

  private func names() throws(WatchError) -> [String] {
    var status = stat()
    // Nothing there is the state of a service that has not run yet.
    if stat(jobsFolder, &status) != 0, errno == ENOENT { return [] }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: jobsFolder).sorted()
    } catch {
      throw .unreadable(path: jobsFolder, reason: error.systemReason)
    }
  }

  /// A job as it is in the journal now; nothing where it has none.
  func record(_ id: String) -> JobRecord? {
    // A file that is gone or damaged holds no job.
    try? Self.record(at: path(id))
  }

  private static func record(at path: String) throws -> JobRecord {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try decoder.decode(JobRecord.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Writes a job so that it outlives a power cut.
  public func save(_ record: JobRecord) throws(WatchError) {
    try DurableFile.write(record, to: path(record.id))
  }

  /// Takes a job off the journal, with its log.
  public func remove(_ id: String) {
    for path in [path(id), logPath(id)] {
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
    // A job that waits has no case yet, and is listed by its block.
    let matches = records.filter {
      $0.id.hasPrefix(name) || ($0.caseName ?? $0.block) == name
    }
    guard let match = matches.first, !name.isEmpty else { throw .unknownJob(id: name) }
    guard matches.count == 1 else { throw .ambiguousJob(id: name, count: matches.count) }
    return match
  }
}
