import Foundation
import Reporting
import Settings

/// From a file in the inbox to a job in the journal.
extension WatchService {
  /// The inbox as it is now.
  func observe(_ contents: InboxReader.Contents, quiet: Double) {
    let sightings = contents.slides
    present = Dictionary(
      sightings.map { (PathKey($0.path), $0.signature) }, uniquingKeysWith: { first, _ in first })
    for problem in contents.problems { warnOnce("inbox \(problem)", problem) }
    for problem in inboxProblems.subtracting(contents.problems) {
      settleWarning("inbox \(problem)", "no longer so: \(problem)")
    }
    inboxProblems = Set(contents.problems)
    forgetWhatIsGone(unknown: contents.unreadableFolders)
    let known = Dictionary(
      grouping: records.values.flatMap { record in
        [record.moving, record.fixed].compactMap { $0 }
      }, by: { PathKey($0.path) })
    for sighting in sightings {
      let key = PathKey(sighting.path)
      if known[key]?.contains(where: { $0.matches(sighting) }) ?? false {
        arrivals[key] = nil
        continue
      }
      guard var arrival = arrivals[key] else {
        arrivals[key] = Arrival(
          sighting: sighting,
          section: Section(sighting, configuration: plan.configuration),
          rule: SettlingRule(signature: sighting.signature, now: now))
        if quiet > 0 { continue }
        observe([sighting], again: quiet)
        continue
      }
      arrival.sighting = sighting
      let action = arrival.rule.observed(sighting.signature, now: now, quiet: quiet)
      arrivals[key] = arrival
      if action == .open { open(sighting) }
    }
  }

  /// Without a quiet time a slide is opened when it is first seen.
  private func observe(_ sightings: [SlideSighting], again quiet: Double) {
    for sighting in sightings {
      let action = arrivals[PathKey(sighting.path)]?.rule
        .observed(sighting.signature, now: now, quiet: quiet)
      if action == .open { open(sighting) }
    }
  }

  private func open(_ sighting: SlideSighting) {
    let send = mailbox()
    surroundings.opener.check(sighting.path) { answer in
      send(.answer(path: sighting.path, sighting.signature, answer))
    }
  }

  /// The opener has tried a slide.
  func take(
    _ answer: SlideAnswer, of path: String, _ signature: SlideSighting.Signature
  ) {
    let key = PathKey(path)
    guard let arrival = arrivals[key] else { return }
    if case .notTried(let reason) = answer {
      warnOnce("opener", reason)
      arrivals[key]?.rule.notTried(now: now)
      return inboxChanged()
    }
    settleWarning("opener", "slides can be opened again")
    var (reason, status): (String?, Int32?) = (nil, nil)
    if case .rejected(let text, let number) = answer { (reason, status) = (text, number) }
    let attempts = plan.isOnce ? 1 : plan.configuration[SettingTable.attempts]
    let action = arrivals[key]?.rule
      .opened(reason: reason, signature: signature, now: now, attempts: attempts)
    switch action {
    case .take: enter(arrival, rejection: nil)
    case .giveUp(let reason): enter(arrival, rejection: (reason, status))
    default: inboxChanged()
    }
  }

  /// Takes a slide into the journal.
  private func enter(_ arrival: Arrival, rejection: (reason: String, status: Int32?)?) {
    let path = arrival.sighting.path
    let key = PathKey(path)
    let hash: String
    do {
      hash = try SlideFiles.hash(of: path)
    } catch {
      guard rejection != nil, InboxReader.signature(ofSlide: path) != nil else {
        // It went away after it had been opened; the next reading of the inbox tells.
        arrivals[key] = nil
        return
      }
      // It is there and may not be read, which the rejection says.
      hash = ""
    }
    let slide = SlideIdentity(path: path, signature: arrival.sighting.signature, endsHash: hash)
    let id = JobRecord.identifier(of: slide)
    // Its job is known and cannot be read: whoever mends that wants it as it was.
    guard !unreadableFiles.contains(store.path(id)) else { return }
    arrivals[key] = nil
    guard records[id] == nil else { return }
    var record = JobRecord(id: id, section: arrival.section, slide: slide, now: date)
    let stain = arrival.section.stain
    if let rejection {
      record.reject(
        caseName: rejectedName(arrival), reason: rejection.reason, status: rejection.status,
        now: date)
    } else if arrival.section.kind == nil {
      record.reject(
        caseName: rejectedName(arrival),
        reason: "\(path): the stain \(stain) is of no kind; add it to stains in the configuration",
        status: nil, now: date)
    }
    save(record)
    if record.state == .failed {
      announceEnd(record)
    } else {
      // It may have been given up before, and opens now.
      FailureReport.remove(slide, caseName: rejectedName(arrival), outbox: plan.outbox)
      log(
        .information, "slide taken",
        ["job": id, "slide": path, "stain": stain, "kind": record.kind ?? ""])
    }
  }

  private func rejectedName(_ arrival: Arrival) -> String {
    let stem = arrival.sighting.stem
    let name = stem.contains(arrival.section.block) ? stem : "\(arrival.section.block)_\(stem)"
    return CasePlanner.folderName(name)
  }

  /// Whether a slide lies in the inbox as it was when it was taken.
  func isPresent(_ slide: SlideIdentity) -> Bool { present[PathKey(slide.path)] == slide.signature }

  /// Slides that are not there any more, unless their folder cannot be read: nothing waits for them.
  private func forgetWhatIsGone(unknown folders: [String]) {
    for key in arrivals.keys where present[key] == nil { arrivals[key] = nil }
    // A job that was queued before is a person's to cancel.
    for record in records.values where record.state == .waiting && record.caseName == nil {
      guard let slide = record.slide, !isPresent(slide),
        !folders.contains(where: { slide.path.hasPrefix($0 + "/") })
      else { continue }
      log(.information, "slide gone", ["job": record.id, "slide": slide.path])
      forget(record.id)
    }
  }

  /// Queues the jobs whose case is complete or has waited long enough.
  func queueWhatIsComplete() {
    // While the inbox is away nobody knows which sections are there.
    guard !isStopping, !isInboxGone else { return }
    let arriving = Set(
      arrivals.values.filter { $0.rule.isUnderWay && $0.section.isFixed }.map(\.section.group))
    let orders = plan.planner.orders(
      jobs, arriving: arriving, isPresent: isPresent, mayName: plan.mayName,
      now: date)
    for order in orders {
      guard let record = records[order.id] else { continue }
      queue(record, caseName: order.caseName, fixed: order.fixed)
      log(
        .information, "job queued",
        [
          "job": record.id, "case": order.caseName, "moving": record.moving?.path ?? "",
          "fixed": order.fixed?.path ?? "none",
        ])
    }
  }
}

extension WatchService {
  /// Queues a job; its fixed section is in it from now on and does not wait on its own any more.
  private func queue(_ record: JobRecord, caseName: String, fixed: SlideIdentity?) {
    var record = record
    record.queue(caseName: caseName, fixed: fixed, now: date)
    save(record)
    for waiting in records.values
    where waiting.state == .waiting && waiting.moving == nil && waiting.fixed == fixed {
      forget(waiting.id)
    }
  }

  /// Gives jobs that wait for their turn without a fixed section one that has come meanwhile.
  func pairLateSections() {
    let jobs = jobs
    for record in jobs where record.state == .queued && record.fixed == nil {
      guard let caseName = record.caseName,
        let fixed = plan.planner.fixedSection(of: record, in: jobs, isPresent)
      else { continue }
      queue(record, caseName: caseName, fixed: fixed)
      log(
        .information, "job has a fixed section now",
        ["job": record.id, "case": caseName, "fixed": fixed.path])
    }
  }
}

extension JobRecord {
  /// The job of a slide: twelve hexadecimal digits of the hash of its path, sizes, time and content.
  static func identifier(of slide: SlideIdentity) -> String {
    let signature = slide.signature
    let text = [
      slide.path, String(signature.byteCount), String(signature.modifiedNanoseconds),
      slide.endsHash,
    ].joined(separator: "\n")
    return String(ContentHash.hexadecimal(of: text.utf8).prefix(12))
  }
}
