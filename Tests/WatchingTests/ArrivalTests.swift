import Foundation
import TestSupport
import Testing
import Watching

@Suite("From the inbox to a job")
struct ArrivalTests {
  @Test("two sections of a block become one case when both have settled")
  func pair() throws {
    let lab = try Laboratory("models: { ihc: '/models/ihc.safetensors' }")
    try lab.drop("A12_CK7.svs")
    try lab.drop("A12_HE.svs")
    lab.pass(50)
    #expect(lab.service.jobs.isEmpty)
    lab.pass(20)
    #expect(
      lab.executor.tasks.map(\.arguments) == [
        [
          "run", "--json", "--moving=\(lab.inbox)/A12_CK7.svs", "--fixed=\(lab.inbox)/A12_HE.svs",
          "--model=/models/ihc.safetensors", "--output=\(lab.outbox)", "--case=A12",
          "--config=\(lab.store.folder)/config.json5", "--threads=2",
        ]
      ])
    #expect(lab.service.jobs.map(\.state) == [.running])
  }

  @Test("a slide that grows is not taken, and holds up no other")
  func growing() throws {
    let lab = try Laboratory()
    try lab.drop("B_HE.svs")
    try lab.drop("B_CK7.svs")
    for step in 0..<30 {
      try lab.drop("A_CK7.svs", String(repeating: "x", count: step))
      lab.pass(10)
    }
    #expect(lab.executor.tasks.count == 1)
    #expect(lab.job("A_CK7") == nil)
    #expect(lab.job("B_CK7")?.state == .running)
  }

  @Test("a moving section waits for its fixed one, then is converted alone")
  func alone() throws {
    let lab = try Laboratory()
    try lab.drop("A12_CK7.svs")
    lab.pass(60 + 590)
    #expect(lab.job("A12_CK7")?.state == .waiting)
    lab.pass(20)
    #expect(lab.executor.tasks.count == 1)
    #expect(lab.executor.tasks.first?.arguments.contains { $0.hasPrefix("--fixed") } == false)
  }

  @Test("the wait goes on over a restart of the service")
  func waitSurvives() throws {
    let lab = try Laboratory()
    try lab.drop("A12_CK7.svs")
    lab.pass(60 + 500)
    try lab.restart()
    lab.pass(80)
    #expect(lab.executor.tasks.isEmpty)
    lab.pass(40)
    #expect(lab.executor.tasks.count == 1)
  }

  @Test("a fixed section that has not settled yet is waited for, beyond the wait for a pair")
  func fixedArrives() throws {
    let lab = try Laboratory()
    try lab.drop("A12_CK7.svs")
    lab.pass(600)
    for step in 0..<30 {
      try lab.drop("A12_HE.svs", String(repeating: "x", count: step))
      lab.pass(10)
    }
    #expect(lab.executor.tasks.isEmpty)
    lab.pass(70)
    #expect(lab.executor.tasks.first?.arguments.contains("--fixed=\(lab.inbox)/A12_HE.svs") == true)
  }

  @Test("a fixed section alone waits for ever and is listed")
  func fixedAlone() throws {
    let lab = try Laboratory()
    try lab.drop("A12_HE.svs")
    lab.pass(7200)
    #expect(lab.service.jobs.map(\.state) == [.waiting])
    #expect(try lab.store.load().records.map(\.block) == ["A12"])
    #expect(lab.executor.tasks.isEmpty)
    try lab.removeSlide("A12_HE.svs")
    lab.pass(10)
    #expect(try lab.store.load().records.isEmpty)
  }

  @Test("several moving sections share one fixed section, each in a folder of its own")
  func severalMoving() throws {
    let lab = try Laboratory("watch: { parallelCases: 3 }")
    for stain in ["CK7", "HE", "SOX9"] { try lab.drop("A12_\(stain).svs") }
    lab.pass(70)
    #expect(
      lab.service.jobs.map(\.caseName).sorted { ($0 ?? "") < ($1 ?? "") } == ["A12", "A12_SOX9"])
    // One that comes when the others are done still finds the fixed section.
    lab.executor.end(.exited(status: 0, message: nil), index: 0)
    lab.executor.end(.exited(status: 0, message: nil), index: 1)
    try lab.drop("A12_CD31.svs")
    lab.pass(70)
    try #require(lab.executor.tasks.count == 3)
    #expect(lab.executor.tasks[2].arguments.contains("--fixed=\(lab.inbox)/A12_HE.svs"))
    #expect(lab.job("A12_CD31")?.caseName == "A12_CD31")
  }

  @Test("a subfolder is a case, and its sections may be called by their stains")
  func folders() throws {
    let lab = try Laboratory("watch: { parallelCases: 2 }")
    try lab.drop("K7/HE.svs")
    try lab.drop("K7/CK7.svs")
    try lab.drop("K8/HE.svs")
    lab.pass(70)
    #expect(lab.executor.tasks.count == 1)
    #expect(lab.executor.tasks.first?.arguments.contains("--case=K7") == true)
    #expect(
      lab.executor.tasks.first?.arguments.contains("--fixed=\(lab.inbox)/K7/HE.svs") == true)
  }

  @Test(
    "unfinished, hidden and foreign files are left alone",
    arguments: [
      ".A_CK7.svs", "A_CK7.svs.part", "A_CK7.svs.partial", "A_CK7.svs.tmp", "~A_CK7.svs",
      "A_CK7.txt", "A_CK7", ".hidden/A_CK7.svs", "deep/er/A_CK7.svs",
    ])
  func ignored(name: String) throws {
    let lab = try Laboratory()
    try lab.drop(name)
    lab.pass(700)
    #expect(lab.service.jobs.isEmpty)
    #expect(lab.executor.tasks.isEmpty)
  }

  @Test("an .mrxs slide settles together with its folder, which is no case")
  func mrxs() throws {
    let lab = try Laboratory()
    try lab.drop("A_CK7.mrxs")
    try lab.drop("A_CK7/Data0000.dat")
    try lab.drop("A_CK7/inner.tif")
    lab.pass(50)
    try lab.drop("A_CK7/Data0001.dat")
    lab.pass(50)
    #expect(lab.service.jobs.isEmpty)
    lab.pass(20)
    #expect(lab.service.jobs.map(\.slide?.path) == ["\(lab.inbox)/A_CK7.mrxs"])
  }

  @Test("a slide that does not open fails with its reason, and the service goes on")
  func broken() throws {
    let lab = try Laboratory()
    try lab.drop("broken_CK7.svs")
    try lab.drop("B_CK7.svs")
    try lab.drop("B_HE.svs")
    lab.pass(250)
    let job = try #require(lab.job("broken_CK7"))
    #expect(job.state == .failed)
    #expect(job.exitStatus == 65)
    let report = lab.text("\(lab.outbox)/failed/broken_CK7/reason.txt") ?? ""
    #expect(report.hasPrefix("\(lab.inbox)/broken_CK7.svs: not a slide; check the file\n"))
    #expect(report.contains("restain jobs retry \(job.id)"))
    #expect(lab.executor.tasks.count == 1)
    // It is not tried again for ever.
    lab.pass(3600)
    #expect(lab.service.jobs.filter { $0.state == .failed }.count == 1)
  }

  @Test("a stain of no kind is an error of its slide alone")
  func unknownStain() throws {
    let lab = try Laboratory("stains: { '*': 'he' }")
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    #expect(lab.job("A_CK7")?.state == .waiting)
    #expect(lab.job("A_CK7")?.moving == nil)
  }

  @Test("a slide that comes again with another content is another job in another folder")
  func changedSlide() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s' }")
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    lab.executor.end(.exited(status: 0, message: nil))
    lab.pass(10)
    try lab.drop("A_CK7.svs", "more pixels")
    lab.pass(70)
    #expect(lab.service.jobs.map(\.caseName) == ["A", "A_CK7"])
    #expect(Set(lab.service.jobs.map(\.id)).count == 2)
  }

  @Test("the inbox is never written")
  func readOnly() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s' }")
    for name in ["A_CK7.svs", "A_HE.svs", "broken_X.svs", "C/HE.svs"] { try lab.drop(name) }
    func listing() throws -> [String] {
      let names = try FileManager.default.subpathsOfDirectory(atPath: lab.inbox).sorted()
      return try names.map { name in
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(lab.inbox)/\(name)")
        return "\(name) \(attributes[.size] ?? 0) \(attributes[.modificationDate] ?? 0)"
      }
    }
    let before = try listing()
    lab.pass(300)
    lab.executor.end(.exited(status: 0, message: nil))
    lab.pass(300)
    #expect(try listing() == before)
  }

  @Test(
    "an outbox in the inbox is refused, whatever its name, before anything is made",
    arguments: ["in/out", "./in", "in/../in/a/b", "link", "link/new"])
  func outboxInside(name: String) throws {
    let lab = try Laboratory()
    try FileManager.default.createSymbolicLink(
      atPath: lab.scratch.path("link"), withDestinationPath: lab.inbox)
    let plan = try ServicePlan(
      configuration: Laboratory.configuration(lab.scratch, "watch: { outbox: '\(name)' }"),
      workingFolder: lab.scratch.url.path, workerOptions: [],
      isOnce: false)
    let surroundings = Laboratory.surroundings(lab.time, lab.executor, lab.surface)
    let loop = WatchLoop(
      service: WatchService(plan: plan, surroundings: surroundings), surroundings: surroundings,
      isOnce: true, controls: WatchLoop.Controls(shouldStop: { false }, takeReload: { nil }))
    #expect(throws: WatchError.insideInbox(path: plan.outbox, inbox: lab.inbox)) {
      try loop.run(state: plan.state)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: lab.inbox).isEmpty)
  }
}

@Suite("A service that runs once")
struct OnceTests {
  @Test("it waits for settling, not for a pair, and ends when all is done")
  func once() throws {
    let lab = try Laboratory(isOnce: true)
    try lab.drop("A_CK7.svs")
    try lab.drop("B_HE.svs")
    #expect(!lab.service.isFinished)
    lab.pass(70)
    #expect(lab.executor.tasks.count == 1)
    #expect(!lab.service.isFinished)
    lab.executor.end(.exited(status: 0, message: nil))
    lab.settle()
    #expect(lab.service.isFinished)
    #expect(!lab.service.hasTrouble)
  }

  @Test("a case that failed, needs review, or a slide that does not open is trouble")
  func trouble() throws {
    for (name, status) in [("A_CK7.svs", 3), ("A_CK7.svs", 65), ("broken_CK7.svs", 0)] {
      let lab = try Laboratory(isOnce: true)
      try lab.drop(name)
      lab.pass(70)
      if !lab.executor.tasks.isEmpty {
        lab.executor.end(.exited(status: Int32(status), message: nil))
        lab.settle()
      }
      #expect(lab.service.isFinished)
      #expect(lab.service.hasTrouble)
    }
  }

  @Test("with an empty inbox it ends at once")
  func empty() throws {
    let lab = try Laboratory(isOnce: true)
    lab.settle()
    #expect(lab.service.isFinished)
  }

  @Test("what is busy to the last attempt is trouble, so that the run ends")
  func busy() throws {
    let lab = try Laboratory("watch: { attempts: 2 }", isOnce: true)
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    lab.executor.end(.exited(status: 75, message: "busy"))
    lab.pass(40)
    lab.executor.end(.exited(status: 75, message: "busy"))
    lab.settle()
    #expect(lab.service.isFinished && lab.service.hasTrouble)
  }

  @Test("trouble of an earlier run is not trouble of this one")
  func earlierTrouble() throws {
    let lab = try Laboratory(isOnce: true)
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    lab.executor.end(.exited(status: 65, message: nil))
    lab.settle()
    try lab.restart()
    lab.pass(70)
    #expect(lab.service.isFinished)
    #expect(!lab.service.hasTrouble)
  }
}
