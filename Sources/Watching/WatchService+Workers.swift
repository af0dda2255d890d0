import Foundation
import Reporting
import Settings

/// A worker's status line as the service passes it on.
private struct JobStatus: Encodable {
  let id: String
  let caseName: String?
  let status: StatusEvent

  private enum CodingKeys: String, CodingKey {
    case id
    case caseName = "case"
  }

  func encode(to encoder: any Encoder) throws {
    try status.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encodeIfPresent(caseName, forKey: .caseName)
  }
}

/// From a queued job to its end.
extension WatchService {
  /// Seconds that a failed job's log may fill in its report, in lines.
  private static let reportedLogLines = 20

  /// What a service before this one left running goes on; nothing is lost and nothing runs twice.
  func recover() throws(WatchError) {
    try store.prepare()
    InspectingOpener.removeLogs(in: store.folder)
    let contents = try store.load()
    for path in contents.damaged {
      log(.warning, "\(path): is no job file; it is set aside as \(path).damaged")
      store.setAside(path)
    }
    for (path, problem) in contents.unreadable {
      log(.warning, problem.description)
      unreadableFiles.insert(path)
    }
    for var record in contents.records {
      if record.state == .running {
        if let worker = record.worker { surroundings.executor.endOrphan(worker) }
        record.recover(rule: plan.retryRule, now: date)
        save(record)
        if record.state == .failed {
          announceEnd(record)
        } else {
          log(.warning, "job interrupted", ["job": record.id, "case": record.caseName ?? ""])
        }
      }
      records[record.id] = record
    }
  }

  /// Starts workers while jobs, room and disk last, for slides that are there.
  func startWorkers() {
    guard !isStopping, !isInboxGone else { return }
    pairLateSections()
    let queued = jobs.filter { record in
      (record.state == .queued || record.state == .interrupted) && record.isDue(now: date)
    }
    guard !queued.isEmpty else {
      isPaused = false
      return
    }
    let startable = queued.filter(hasItsSlides)
    guard !startable.isEmpty else {
      isPaused = false
      return
    }
    guard hasDisk() else { return }
    for record in startable.prefix(
      max(0, plan.configuration[SettingTable.parallelCases] - running.count))
    { start(record) }
  }

  /// Whether the slides of a job lie in the inbox as they were when it was queued.
  ///
  /// A job without its moving section stays as it is; one without its fixed section looks for another.
  private func hasItsSlides(_ waiting: JobRecord) -> Bool {
    var record = waiting
    if let moving = record.moving, !isPresent(moving) {
      warnOnce(
        "slide \(record.id)",
        "\(moving.path): is gone or has changed, so job \(record.id) is not started; "
          + "put it back, or run restain jobs cancel \(record.id)")
      troubled.insert(record.id)
      return false
    }
    troubled.remove(record.id)
    settleWarning(
      "slide \(record.id)", "\(record.moving?.path ?? record.id): is there again; its job goes on")
    guard let fixed = record.fixed, !isPresent(fixed) else { return true }
    record.waitAgain(
      note: "\(fixed.path) is gone",
      until: date.addingTimeInterval(plan.configuration[SettingTable.pairWait]), now: date)
    save(record)
    log(.notice, "job waits for a fixed section", ["job": record.id, "gone": fixed.path])
    return false
  }

  private func start(_ waiting: JobRecord) {
    var record = waiting
    record.start(now: date)
    // The intent is on disk before the worker is there: a crash in between leaves a trace.
    guard save(record) else { return }
    let send = mailbox()
    let id = record.id
    let worker = surroundings.executor.start(
      CaseTask(id: id, arguments: plan.arguments(record), logPath: store.logPath(id))
    ) { send(.report(id: id, $0)) }
    running[id] = Running(worker: worker, startSeconds: now)
    record.worker = worker.identity
    save(record)
    log(
      .information, "job started",
      ["job": id, "case": record.caseName ?? "", "attempt": String(record.attempts)])
  }

  /// A worker has told something.
  func take(_ report: WorkerReport, of id: String) {
    guard var run = running[id], var record = records[id] else { return }
    switch report {
    case .status(let status):
      if run.status?.stage != status.stage {
        log(
          .information, "job goes on",
          ["job": id, "case": record.caseName ?? "", "stage": status.stage])
      }
      run.status = status
      running[id] = run
      surroundings.events?.write(
        "status", JobStatus(id: id, caseName: record.caseName, status: status))
    case .warning(let text):
      log(.warning, text, ["job": id, "case": record.caseName ?? ""])
      surroundings.events?.warning("\(record.caseName ?? id): \(text)")
    case .ended(let end, let outputs):
      running[id] = nil
      record.outputs = outputs
      if let meaning = Self.meaning(of: withoutOutage(end, of: record), asked: run.ending) {
        record.end(meaning, rule: plan.retryRule, now: date)
      } else {
        record.cancel(now: date)
      }
      save(record)
      announceEnd(record, seconds: now - run.startSeconds)
    }
  }

  /// An end with unusable input or a failed step, as one with missing input where a slide went away meanwhile.
  private func withoutOutage(_ end: WorkerEnd, of record: JobRecord) -> WorkerEnd {
    let message: String?
    switch end {
    case .exited(65, let text), .failedStep(let text): message = text
    default: return end
    }
    let isThere = [record.moving, record.fixed].compactMap(\.self).allSatisfy {
      InboxReader.signature(ofSlide: $0.path) == $0.signature
    }
    return isThere ? end : .exited(status: 66, message: message)
  }

  /// What an end means, given what the worker was asked for; nil for a job that was cancelled.
  private static func meaning(of end: WorkerEnd, asked: Ending?) -> WorkerEnd? {
    guard let asked else { return end }
    switch end {
    // It had finished before it heard of the signal.
    case .exited(0, _), .exited(3, _), .failedStep: return end
    default: break
    }
    switch asked.reason {
    case .stop: return .stopped
    case .timeout: return .timedOut
    case .cancel: return nil
    }
  }

  /// Says how a job ended, or that it will be tried again.
  func announceEnd(_ record: JobRecord, seconds: Double? = nil) {
    let fields: KeyValuePairs = [
      "job": record.id, "case": record.caseName ?? "",
      "slide": record.slide?.path ?? "",
      "seconds": seconds.map { HumanText.fixed($0, decimals: 0) } ?? "0",
      "reason": record.reason ?? "",
    ]
    switch record.state {
    case .done:
      log(.information, "job finished", fields)
      FailureReport.remove(
        record.slide, caseName: record.caseName ?? record.id, outbox: plan.outbox)
      surroundings.events?.result(record)
    case .needsReview:
      log(.warning, "job needs review", fields)
      FailureReport.remove(
        record.slide, caseName: record.caseName ?? record.id, outbox: plan.outbox)
      troubled.insert(record.id)
      surroundings.events?.result(record)
    case .failed:
      log(.error, "job failed", fields)
      troubled.insert(record.id)
      surroundings.events?.error(record.reason ?? "failed")
      do throws(WatchError) {
        try FailureReport.write(record, outbox: plan.outbox, log: logTail(record.id))
      } catch {
        log(.warning, error.description)
      }
    case .cancelled: log(.notice, "job cancelled", fields)
    case .interrupted: log(.notice, "job interrupted", fields)
    case .queued: log(.warning, "job will be tried again", fields)
    case .waiting, .running: break
    }
  }

  private func logTail(_ id: String) -> String? {
    // A job that never had a worker has no log.
    guard let text = try? String(contentsOfFile: store.logPath(id), encoding: .utf8) else {
      return nil
    }
    return text.split(separator: "\n").suffix(Self.reportedLogLines).joined(separator: "\n")
  }

  /// Asks a worker to stop in good order.
  func askToEnd(_ id: String, reason: Ending.Reason) {
    guard let run = running[id] else { return }
    guard run.ending == nil else {
      // It ends already; but a job that is cancelled does not go on with the next service.
      if reason == .cancel { running[id]?.ending?.reason = .cancel }
      return
    }
    running[id]?.ending = Ending(reason: reason, askedSeconds: now)
    run.worker.terminate()
  }

  /// Workers that take too long are asked to stop; those that do not listen are killed.
  func endWhatTakesTooLong() {
    let limit = plan.configuration[SettingTable.caseTimeout]
    for (id, run) in running {
      if let ending = run.ending {
        guard !ending.isKilled, now - ending.askedSeconds >= Self.stopSeconds else { continue }
        running[id]?.ending?.isKilled = true
        run.worker.kill()
      } else if now - run.startSeconds >= limit {
        askToEnd(id, reason: .timeout)
      }
    }
  }

  /// What people have asked for with `restain jobs`; a request stays on disk until the journal holds its effect.
  func takeRequests() {
    for (id, request) in store.requests() {
      guard var record = records[id], request.suits(record.state) else {
        if !unsaved.contains(id) { store.remove(request, of: id) }
        continue
      }
      if request == .cancel, running[id] != nil {
        askToEnd(id, reason: .cancel)
        continue
      }
      troubled.remove(id)
      if request == .retry, record.wasRejected {
        forget(id)
        inboxChanged()
      } else {
        request.apply(to: &record, now: date)
        save(record)
      }
      if !unsaved.contains(id) { store.remove(request, of: id) }
      log(.notice, "job asked to \(request.rawValue)", ["job": id, "case": record.caseName ?? ""])
    }
  }

  /// Whether the outbox has room; says once that it has not, and once that it has again.
  private func hasDisk() -> Bool {
    let needed = plan.configuration[SettingTable.freeDisk]
    guard let free = surroundings.freeBytes(plan.outbox), free < needed else {
      isPaused = false
      settleWarning("disk", "\(plan.outbox): has room again; jobs go on")
      return true
    }
    isPaused = true
    warnOnce(
      "disk",
      "\(plan.outbox): \(HumanText.bytes(free)) free, \(HumanText.bytes(needed)) needed; "
        + "free some disk, jobs go on by themselves")
    return false
  }

  /// Takes a job off the journal.
  func forget(_ id: String) {
    records[id] = nil
    unsaved.remove(id)
    store.remove(id)
  }

  /// Puts a record into the journal; one that cannot be written is tried again with every tick.
  @discardableResult
  func save(_ record: JobRecord) -> Bool {
    do throws(WatchError) {
      try store.save(record)
      records[record.id] = record
      unsaved.remove(record.id)
      settleWarning("journal", "\(store.folder): can be written again")
      return true
    } catch {
      // A job that could not be marked as running is not started, and stays what it was.
      if record.state != .running || running[record.id] != nil {
        records[record.id] = record
        unsaved.insert(record.id)
      }
      warnOnce("journal", error.description)
      return false
    }
  }
}
