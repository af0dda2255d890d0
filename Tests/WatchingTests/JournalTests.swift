import Foundation
import TestSupport
import Testing
import Watching

@Suite("The journal")
struct JournalTests {
  @Test("a damaged job file is set aside with a warning, and the others count")
  func damaged() throws {
    let lab = try started()
    let path = "\(lab.store.folder)/jobs/000000000000.json"
    try Data("{ half".utf8).write(to: URL(fileURLWithPath: path))
    try lab.restart()
    #expect(lab.service.jobs.count == 1)
    #expect(FileManager.default.fileExists(atPath: path + ".damaged"))
    #expect(lab.logged.contains("000000000000.json"))
  }

  @Test("a job file that cannot be read stays, and its job is not made anew")
  func unreadable() throws {
    let lab = try started()
    let job = try #require(lab.job("A_CK7"))
    let path = "\(lab.store.folder)/jobs/\(job.id).json"
    try FileManager.default.removeItem(atPath: path)
    // Reading it fails, whoever reads.
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try lab.restart()
    lab.pass(200)
    #expect(lab.service.jobs.isEmpty)
    #expect(FileManager.default.fileExists(atPath: path))
    #expect(!FileManager.default.fileExists(atPath: path + ".damaged"))
    #expect(lab.logged.contains("\(job.id).json: cannot be read"))
  }

  @Test("a folder of the journal that cannot be read is an error, one that is not there is empty")
  func unreadableFolder() throws {
    let lab = try Laboratory()
    let jobs = "\(lab.store.folder)/jobs"
    try FileManager.default.removeItem(atPath: jobs)
    #expect(try lab.store.load().records.isEmpty)
    try Data().write(to: URL(fileURLWithPath: jobs))
    #expect(throws: WatchError.self) { try lab.store.load() }
  }

  @Test(
    "what root writes into the state folder belongs to whom the folder does",
    .enabled(if: geteuid() == 0, "only root can give files away"))
  func owner() throws {
    let lab = try started()
    lab.executor.end(.exited(status: 65, message: "no"))
    lab.settle()
    let job = try #require(lab.job("A_CK7"))
    unlink("\(lab.store.folder)/lock")
    try Tool("chown").run(["-R", "65534:65534", lab.store.folder])
    _ = try lab.ask(.retry, of: job)
    for name in ["jobs/\(job.id).json", "lock"] {
      var status = stat()
      #expect(stat("\(lab.store.folder)/\(name)", &status) == 0)
      #expect(status.st_uid == 65_534 && status.st_gid == 65_534, "\(name)")
    }
  }

  @Test("one service has a state folder; the lock goes with its holder")
  func lock() throws {
    let lab = try Laboratory()
    try StateLock(folder: lab.store.folder).whileHeld { () throws(WatchError) in
      #expect(throws: WatchError.locked(path: lab.store.folder)) {
        try StateLock(folder: lab.store.folder).whileHeld {}
      }
    }
    try StateLock(folder: lab.store.folder).whileHeld {}
  }

  @Test("a record reads back as it was written, with every change of state")
  func history() throws {
    let lab = try started()
    lab.executor.end(.exited(status: 0, message: nil))
    lab.settle()
    let job = try #require(try lab.store.load().records.first)
    #expect(job == lab.job("A_CK7"))
    #expect(job.history.map(\.state) == [.waiting, .queued, .running, .done])
    #expect(job.id.count == 12)
  }

  @Test("a state folder that cannot be written starts nothing, and recovers")
  func unwritableState() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s' }")
    let jobs = "\(lab.store.folder)/jobs"
    try FileManager.default.removeItem(atPath: jobs)
    try lab.drop("A_CK7.svs")
    lab.pass(300)
    #expect(lab.executor.tasks.isEmpty)
    try FileManager.default.createDirectory(atPath: jobs, withIntermediateDirectories: true)
    lab.pass(20)
    #expect(lab.executor.tasks.count == 1)
  }
}
