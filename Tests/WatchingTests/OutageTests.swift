import Foundation
import TestSupport
import Testing
import Watching

@Suite("What is away for a while")
struct OutageTests {
  @Test("while the inbox is gone nothing counts as gone, and it is taken up again")
  func inboxGone() throws {
    let lab = try Laboratory()
    try lab.drop("A_HE.svs")
    lab.pass(70)
    try FileManager.default.moveItem(atPath: lab.inbox, toPath: lab.scratch.path("away"))
    lab.pass(600)
    #expect(lab.service.jobs.count == 1)
    #expect(lab.logged.components(separatedBy: "cannot be read").count == 2)
    try FileManager.default.moveItem(atPath: lab.scratch.path("away"), toPath: lab.inbox)
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    #expect(lab.executor.tasks.count == 1)
  }

  @Test("while the inbox is gone no job is started, and none fails for it")
  func outage() throws {
    let lab = try Laboratory("watch: { parallelCases: 2 }")
    for name in ["A_CK7.svs", "A_HE.svs", "B_CK7.svs", "B_HE.svs"] { try lab.drop(name) }
    lab.pass(70)
    try #require(lab.executor.tasks.count == 2)
    let away = lab.scratch.path("away")
    try FileManager.default.moveItem(atPath: lab.inbox, toPath: away)
    lab.executor.end(.exited(status: 66, message: "no such file"), index: 0)
    // What fails while it is being read is not to blame either.
    lab.executor.end(.exited(status: 65, message: "cannot be read"), index: 1)
    lab.pass(3600)
    #expect(lab.service.jobs.map(\.state) == [.queued, .queued])
    #expect(lab.executor.tasks.count == 2)
    #expect(lab.service.isInboxGone)
    try FileManager.default.moveItem(atPath: away, toPath: lab.inbox)
    lab.pass(10)
    #expect(lab.executor.tasks.count == 4)
    #expect(lab.service.jobs.map(\.attempts) == [2, 2])
    #expect(
      Set(lab.executor.tasks.suffix(2).map(\.arguments))
        == Set(lab.executor.tasks.prefix(2).map(\.arguments)))
  }

  @Test("a job whose slide is gone waits for it, with one warning")
  func movingGone() throws {
    let lab = try Laboratory()
    for name in ["A_CK7.svs", "A_HE.svs", "B_CK7.svs", "B_HE.svs"] { try lab.drop(name) }
    lab.pass(70)
    let away = lab.scratch.path("B_CK7.svs")
    try FileManager.default.moveItem(atPath: "\(lab.inbox)/B_CK7.svs", toPath: away)
    lab.pass(10)
    lab.executor.end(.exited(status: 0, message: nil))
    lab.pass(3600)
    #expect(lab.executor.tasks.count == 1)
    #expect(lab.job("B_CK7")?.state == .queued)
    #expect(lab.logged.components(separatedBy: "is gone or has changed").count == 2)
    try FileManager.default.moveItem(atPath: away, toPath: "\(lab.inbox)/B_CK7.svs")
    lab.pass(10)
    #expect(lab.executor.tasks.count == 2)
  }

  @Test("a job whose fixed section is gone waits for another one, then is converted alone")
  func fixedGone() throws {
    for comesBack in [true, false] {
      let lab = try Laboratory()
      for name in ["A_CK7.svs", "A_HE.svs", "B_CK7.svs", "B_HE.svs"] { try lab.drop(name) }
      lab.pass(70 + 600)
      try lab.removeSlide("B_HE.svs")
      lab.pass(10)
      lab.executor.end(.exited(status: 0, message: nil))
      lab.settle()
      #expect(lab.job("B_CK7")?.state == .waiting)
      lab.pass(100)
      #expect(lab.executor.tasks.count == 1)
      if comesBack { try lab.drop("B_HE.svs", "scanned again") }
      lab.pass(comesBack ? 70 : 600)
      let task = try #require(lab.executor.tasks.dropFirst().first)
      #expect(task.arguments.contains("--fixed=\(lab.inbox)/B_HE.svs") == comesBack)
      #expect(task.arguments.contains("--case=B"))
    }
  }

  @Test("what waits for a slide or for the inbox does not keep the run from ending")
  func gone() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s' }", isOnce: true)
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    lab.executor.end(.exited(status: 1, message: "once more"))
    try lab.removeSlide("A_CK7.svs")
    lab.pass(40)
    #expect(lab.service.isFinished && lab.service.hasTrouble && !lab.service.isHeldUp)
    try FileManager.default.removeItem(atPath: lab.inbox)
    lab.pass(10)
    #expect(lab.service.isHeldUp)
  }

  @Test("a retry finds the fixed section that came too late, and keeps the case's name")
  func lateFixed() throws {
    let lab = try started()
    lab.executor.end(.exited(status: 0, message: nil))
    try lab.drop("A_HE.svs")
    lab.pass(70)
    #expect(lab.job("A_HE")?.state == .waiting)
    _ = try lab.ask(.retry, of: try #require(lab.job("A_CK7")))
    try lab.restart()
    lab.settle()
    try #require(lab.executor.tasks.count == 2)
    #expect(lab.executor.tasks[1].arguments.contains("--fixed=\(lab.inbox)/A_HE.svs"))
    #expect(lab.executor.tasks[1].arguments.contains("--case=A"))
    lab.executor.end(.exited(status: 0, message: nil))
    lab.settle()
    // The case was begun with that section: a newer one is not taken for it.
    try lab.drop("A_HE.tif")
    lab.pass(70)
    _ = try lab.ask(.retry, of: try #require(lab.job("A_CK7")))
    try lab.restart()
    lab.settle()
    #expect(lab.executor.tasks.count == 3)
    #expect(lab.executor.tasks.last?.arguments == lab.executor.tasks[1].arguments)
  }
}

@Suite("What cannot be read")
struct UnreadableTests {
  @Test("a slide that the service may not read fails with its reason")
  func unreadableSlide() throws {
    let lab = try Laboratory()
    try lab.drop("broken_CK7.svs")
    try lab.withoutRights(to: "broken_CK7.svs") { lab.pass(250) }
    let job = try #require(lab.job("broken_CK7"))
    #expect(job.state == .failed && job.slide?.endsHash == "")
    #expect(job.reason?.contains("not a slide") == true)
  }

  @Test("a folder that may not be read, or a name that is not UTF-8, is told of once")
  func unreadableFolder() throws {
    let lab = try Laboratory()
    try lab.drop("A/HE.svs")
    lab.pass(70)
    #expect(lab.service.jobs.count == 1)
    let name =
      "\(lab.inbox)/".utf8.map { CChar(bitPattern: $0) } + [0x41, -4, 0x2E, 0x73, 0x76, 0x73, 0]
    close(open(name, O_CREAT | O_WRONLY, 0o644))
    try lab.withoutRights(to: "A") { lab.pass(600) }
    #expect(lab.logged.components(separatedBy: "/A: cannot be read (Permission denied)").count == 2)
    #expect(lab.logged.components(separatedBy: "its name is not UTF-8").count == 2)
    // What it holds does not count as gone.
    #expect(lab.service.jobs.count == 1)
    lab.pass(10)
    #expect(lab.logged.contains("no longer so"))
  }

  @Test("two names that differ in their bytes alone are two slides")
  func normalization() throws {
    let lab = try Laboratory("watch: { parallelCases: 2, pairWait: '0 s' }")
    try lab.drop("\u{E9}_CK7.svs", "one")
    try lab.drop("e\u{301}_CK7.svs", "another")
    lab.pass(120)
    #expect(lab.service.jobs.map(\.state) == [.running, .running])
    #expect(Set(lab.service.jobs.map(\.caseName)).count == 2)
    let paths = lab.service.jobs.compactMap { $0.moving?.path.utf8.count }
    #expect(Set(paths).count == 2)
  }
}

@Suite("An outbox that holds the inbox")
struct OuterOutboxTests {
  @Test("a case never gets a folder that is the inbox")
  func caseName() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s', outbox: '.', state: 'jobs' }")
    try lab.drop("in_CK7.svs")
    lab.pass(70)
    let task = try #require(lab.executor.tasks.first)
    #expect(task.arguments.contains("--output=\(lab.scratch.url.path)/."))
    #expect(task.arguments.contains("--case=in_CK7"))
  }

  @Test("an inbox that is the folder of failures is refused")
  func failures() throws {
    let lab = try Laboratory()
    let failed = "\(lab.outbox)/failed"
    try FileManager.default.createDirectory(atPath: failed, withIntermediateDirectories: true)
    #expect(throws: WatchError.insideInbox(path: failed, inbox: failed)) {
      try lab.restart("watch: { inbox: '\(failed)' }")
    }
  }
}
