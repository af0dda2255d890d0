import Foundation
import Reporting
import Settings
import TestSupport
import Testing
import Watching

@Suite("From a job to its end")
struct JobTests {
  @Test(
    "each exit status of a worker means one state",
    arguments: [
      (Int32(0), JobState.done), (3, .needsReview), (64, .failed), (65, .failed), (78, .failed),
      (66, .queued), (73, .queued), (1, .queued), (75, .queued), (130, .queued), (143, .queued),
      (99, .queued),
    ])
  func statuses(status: Int32, state: JobState) throws {
    let lab = try started()
    lab.executor.end(.exited(status: status, message: "why"), outputs: ["a.tif"])
    lab.settle()
    let job = try #require(lab.job("A_CK7"))
    #expect(job.state == state)
    #expect(job.exitStatus == status)
    #expect(job.outputs == ["a.tif"])
    #expect(try lab.store.load().records.first == job)
    #expect(job.reason == (state == .done ? nil : "why"))
    let report = lab.text("\(lab.outbox)/failed/A/reason.txt")
    #expect((report != nil) == (state == .failed))
  }

  @Test("a job is tried again after a wait that doubles, then given up with its reason")
  func attempts() throws {
    let lab = try started()
    lab.executor.end(.killed(signal: 11, message: nil))
    lab.settle()
    lab.pass(29)
    #expect(lab.executor.tasks.count == 1)
    lab.pass(2)
    #expect(lab.executor.tasks.count == 2)
    lab.executor.end(.exited(status: 1, message: "second"))
    lab.settle()
    lab.pass(59)
    #expect(lab.executor.tasks.count == 2)
    lab.pass(2)
    #expect(lab.executor.tasks.count == 3)
    lab.executor.end(.exited(status: 1, message: "third"))
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .failed)
    #expect(lab.text("\(lab.outbox)/failed/A/reason.txt")?.hasPrefix("third\n") == true)
    lab.pass(7200)
    #expect(lab.executor.tasks.count == 3)
  }

  @Test("a step that failed is a failure with its own message, not a registration to review")
  func failedStep() throws {
    let lab = try started()
    lab.executor.end(.failedStep(message: "a.tif: broken"), outputs: ["b.tif"])
    lab.settle()
    let job = try #require(lab.job("A_CK7"))
    #expect(job.state == .failed && job.reason == "a.tif: broken" && job.exitStatus == 3)
    #expect(job.outputs == ["b.tif"])
  }

  @Test("what is only busy or full is tried again for ever, each time after the wait")
  func temporary() throws {
    let lab = try started()
    for count in 1...6 {
      #expect(lab.executor.tasks.count == count)
      lab.executor.end(.exited(status: 75, message: "full"))
      lab.settle()
      #expect(lab.job("A_CK7")?.state == .queued && lab.job("A_CK7")?.attempts == 0)
      lab.pass(29)
      #expect(lab.executor.tasks.count == count)
      lab.pass(2)
    }
  }

  @Test("a job that ends well takes its earlier report of failure away")
  func reportRemoved() throws {
    let lab = try started()
    lab.executor.end(.exited(status: 65, message: "no"))
    lab.settle()
    let job = try #require(lab.job("A_CK7"))
    #expect(try lab.ask(.retry, of: job) == .applied)
    try lab.restart()
    lab.pass(10)
    #expect(lab.executor.tasks.count == 2)
    lab.executor.end(.exited(status: 0, message: nil))
    lab.settle()
    #expect(lab.text("\(lab.outbox)/failed/A/reason.txt") == nil)
    #expect(!FileManager.default.fileExists(atPath: "\(lab.outbox)/failed"))
  }

  @Test("after a crash of the service the same job goes on at once, and the attempt counts")
  func crash() throws {
    let lab = try started()
    let before = try #require(lab.job("A_CK7"))
    #expect(before.state == .running)
    #expect(before.worker == WorkerIdentity(process: 1000, startTicks: 1))
    try lab.restart()
    #expect(lab.executor.endedOrphans == [WorkerIdentity(process: 1000, startTicks: 1)])
    #expect(lab.job("A_CK7")?.state == .interrupted)
    lab.settle()
    try #require(lab.executor.tasks.count == 2)
    #expect(lab.executor.tasks[1].arguments == lab.executor.tasks[0].arguments)
    #expect(lab.job("A_CK7")?.attempts == 2)
    #expect(lab.job("A_CK7")?.id == before.id)
  }

  @Test("a job that kills the service again and again is given up")
  func poison() throws {
    let lab = try started()
    for _ in 0..<5 {
      try lab.restart()
      lab.pass(300)
    }
    #expect(lab.executor.tasks.count == 3)
    #expect(lab.job("A_CK7")?.state == .failed)
    #expect(lab.text("\(lab.outbox)/failed/A/reason.txt")?.contains("interrupted 3 times") == true)
  }

  @Test("each stage of a worker is told once")
  func stages() throws {
    let lab = try started()
    for (stage, done) in [("register", 1.0), ("stain", 1), ("stain", 2)] {
      let state = ProgressState(
        stage: stage, done: done, total: 4, unit: "tiles", secondsElapsed: 1)
      lab.executor.all[0].report(.status(StatusEvent(state, peakBytes: nil)))
    }
    lab.settle()
    #expect(lab.logged.components(separatedBy: "job goes on").count == 3)
  }

  @Test("a stop in good order interrupts the job without counting the attempt")
  func stop() throws {
    let lab = try started()
    lab.service.stop()
    lab.settle()
    #expect(lab.executor.all[0].isTerminated)
    #expect(!lab.service.isFinished)
    lab.executor.end(.exited(status: 143, message: nil))
    lab.settle()
    #expect(lab.service.isFinished)
    #expect(lab.job("A_CK7")?.state == .interrupted)
    #expect(lab.job("A_CK7")?.attempts == 0)
    try lab.restart()
    lab.settle()
    #expect(lab.executor.tasks.count == 2)
  }

  @Test("a worker that finishes before it hears of the stop has finished")
  func stopTooLate() throws {
    let lab = try started()
    lab.service.stop()
    lab.executor.end(.exited(status: 0, message: "done"))
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .done)
  }

  @Test("a worker that does not listen is killed after a minute")
  func deafWorker() throws {
    let lab = try started()
    lab.service.stop()
    lab.pass(50)
    #expect(!lab.executor.all[0].isKilled)
    lab.pass(20)
    #expect(lab.executor.all[0].isKilled)
  }

  @Test("a stopping service starts nothing and reads no inbox")
  func stoppingIsQuiet() throws {
    let lab = try started()
    try lab.drop("B_CK7.svs")
    lab.service.stop()
    lab.pass(700)
    #expect(lab.executor.tasks.count == 1)
    #expect(lab.job("B_CK7") == nil)
  }

  @Test("a case that takes too long is stopped and counts as an attempt")
  func timeout() throws {
    let lab = try started("")
    lab.pass(24 * 3600 - 100)
    #expect(!lab.executor.all[0].isTerminated)
    lab.pass(200)
    #expect(lab.executor.all[0].isTerminated)
    lab.executor.end(.exited(status: 143, message: nil))
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .queued)
    #expect(lab.job("A_CK7")?.reason?.contains("caseTimeout") == true)
    #expect(lab.job("A_CK7")?.attempts == 1)
  }

  @Test("no more cases run at one time than the configuration allows, the oldest first")
  func parallelCases() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s', parallelCases: 2 }")
    for name in ["C", "A", "B"] {
      try lab.drop("\(name)_CK7.svs")
      lab.pass(10)
    }
    lab.pass(70)
    try #require(lab.executor.tasks.count == 2)
    #expect(lab.executor.tasks[0].arguments.contains("--case=C"))
    lab.executor.end(.exited(status: 0, message: nil), index: 1)
    lab.settle()
    let third = try #require(lab.executor.tasks.dropFirst(2).first)
    #expect(third.arguments.contains("--case=B"))
  }

  @Test("jobs wait while the disk is full, with one warning, and go on by themselves")
  func disk() throws {
    let lab = try Laboratory("watch: { pairWait: '0 s' }")
    lab.surface.freeBytes = 1000
    try lab.drop("A_CK7.svs")
    lab.pass(600)
    #expect(lab.executor.tasks.isEmpty)
    #expect(lab.service.isWaitingForDisk)
    #expect(lab.logged.components(separatedBy: "free some disk").count == 2)
    lab.surface.freeBytes = 1 << 40
    lab.pass(10)
    #expect(lab.executor.tasks.count == 1)
    #expect(!lab.service.isWaitingForDisk)
  }

  @Test("workers read the settings that the service has, not the file that a person may be editing")
  func settingsFile() throws {
    let lab = try started("models: { ihc: 'm.safetensors' }, convert: { overlap: 32 }")
    let path = "\(lab.store.folder)/config.json5"
    #expect(lab.executor.tasks.first?.arguments.contains("--config=\(path)") == true)
    func read() throws -> Configuration {
      try ConfigurationFile { _, _ in nil }.configuration(at: path)
    }
    #expect(try read()[SettingTable.overlap] == 32)
    #expect(try read().modelPath(ofKind: "ihc") == lab.scratch.path("m.safetensors"))
    try lab.service.reload(
      try Laboratory.configuration(lab.scratch, "convert: { overlap: 16 }"))
    #expect(try read()[SettingTable.overlap] == 16)
  }

  @Test("settings that are read anew count from then on; folders stay")
  func reload() throws {
    let lab = try Laboratory()
    try lab.drop("A_CK7.svs")
    lab.pass(70)
    #expect(lab.executor.tasks.isEmpty)
    try lab.service.reload(
      try Laboratory.configuration(lab.scratch, "watch: { pairWait: '0 s', outbox: '/other' }"))
    lab.settle()
    let task = try #require(lab.executor.tasks.first)
    #expect(task.arguments.contains("--output=\(lab.outbox)"))
    #expect(lab.logged.contains("watch.outbox: cannot change"))
  }
}

@Suite("Requests of people")
struct RequestTests {
  @Test("a running service takes a retry and a cancel up")
  func whileRunning() throws {
    let lab = try started()
    try StateLock(folder: lab.store.folder).whileHeld { () throws(WatchError) in
      let job = try lab.store.load().records[0]
      #expect(try lab.ask(.cancel, of: job) == .submitted)
    }
    lab.settle()
    #expect(lab.executor.all[0].isTerminated)
    lab.executor.end(.exited(status: 143, message: nil))
    lab.settle()
    #expect(lab.job("A_CK7")?.state == .cancelled)
    lab.pass(3600)
    #expect(lab.executor.tasks.count == 1)

    try StateLock(folder: lab.store.folder).whileHeld { () throws(WatchError) in
      let job = try lab.store.load().records[0]
      #expect(try lab.ask(.retry, of: job) == .submitted)
    }
    lab.settle()
    #expect(lab.executor.tasks.count == 2)
    #expect(lab.job("A_CK7")?.attempts == 1)
  }

  @Test("a slide that did not open is opened anew when a person asks, service or not")
  func rejected() throws {
    let lab = try Laboratory(isOnce: true)
    try lab.drop("broken_HE.svs")
    lab.pass(70)
    for isRunning in [true, false] {
      let job = try #require(lab.job("broken_HE"))
      #expect(job.state == .failed)
      if isRunning {
        try StateLock(folder: lab.store.folder).whileHeld { () throws(WatchError) in
          _ = try lab.ask(.retry, of: job)
        }
      } else {
        _ = try lab.ask(.retry, of: job)
        try lab.restart()
      }
      lab.settle()
      #expect(lab.job("broken_HE") == nil)
      lab.pass(70)
    }
    #expect(lab.job("broken_HE")?.state == .failed)
    #expect(lab.executor.tasks.isEmpty)
  }

  @Test(
    "cancelling a job of a killed service ends the worker that it left, and asks the journal, not memory"
  )
  func orphan() throws {
    let lab = try started()
    let job = try #require(lab.job("A_CK7"))
    #expect(job.state == .running)
    #expect(try lab.ask(.cancel, of: job) == .applied)
    #expect(lab.executor.endedOrphans == [try #require(job.worker)])
    #expect(try #require(try lab.store.load().records.first).state == .cancelled)
    // Read before it had ended: what the journal says now counts.
    #expect(throws: WatchError.self) { try lab.ask(.cancel, of: job) }
  }

  @Test("what does not suit a job is refused")
  func refused() throws {
    let lab = try started()
    lab.executor.end(.exited(status: 0, message: nil))
    lab.settle()
    let job = try #require(lab.job("A_CK7"))
    #expect(throws: WatchError.self) {
      _ = try lab.ask(.cancel, of: job)
    }
    #expect(throws: WatchError.unknownJob(id: "zzz")) {
      try JobStore.record(named: "zzz", in: [job])
    }
    #expect(try JobStore.record(named: String(job.id.prefix(4)), in: [job]) == job)
    #expect(try JobStore.record(named: "A", in: [job]) == job)
    // A job that waits is listed by its block.
    try lab.drop("B_HE.svs")
    lab.pass(70)
    let waiting = try #require(lab.job("B_HE"))
    #expect(try JobStore.record(named: "B", in: [job, waiting]) == waiting)
  }
}
