public import Foundation

/// What a person can ask of a job.
public enum JobRequest: String, Sendable, CaseIterable {
  /// Try a job again that has ended.
  case retry
  /// Take a job off that has not ended.
  case cancel

  /// Whether a job can be asked this as it is.
  func suits(_ state: JobState) -> Bool {
    switch self {
    case .retry: state.isFinal || state == .queued
    case .cancel: !state.isFinal
    }
  }

  /// Changes a record, unless a worker must be stopped first.
  ///
  /// A slide that did not open is not asked
  /// this: it leaves the journal, so that the inbox offers it anew.
  func apply(to record: inout JobRecord, now: Date) {
    switch self {
    case .retry: record.retryByRequest(now: now)
    case .cancel: record.cancel(now: now)
    }
  }
}

/// How a request reached the job.
public enum RequestOutcome: Sendable, Equatable {
  /// No service runs: the journal has been changed.
  case applied
  /// A service runs: it takes the request up within a moment.
  case submitted
}

extension JobStore {
  /// Asks something of a job, whether a service runs or not.
  ///
  /// - Parameters:
  ///   - request: What is asked.
  ///   - record: The job as it was read.
  ///   - now: The calendar time.
  ///   - executor: Ends the worker that a killed service has left with a job that is cancelled.
  /// - Returns: Whether it has happened or will.
  /// - Throws: ``WatchError/wrongState(id:state:request:)`` if the job cannot be asked this.
  public func submit(
    _ request: JobRequest, for record: JobRecord, now: Date, executor: any CaseExecutor
  ) throws(WatchError) -> RequestOutcome {
    try require(request, of: record)
    do throws(WatchError) {
      try StateLock(folder: folder).whileHeld { () throws(WatchError) in
        // The service may have changed it before it gave the lock free.
        var changed = self.record(record.id) ?? record
        try require(request, of: changed)
        if request == .retry, changed.wasRejected { return remove(changed.id) }
        if let worker = changed.worker { executor.endOrphan(worker) }
        request.apply(to: &changed, now: now)
        try save(changed)
      }
      return .applied
    } catch {
      guard case .locked = error else { throw error }
      try DurableFile.write(Data(), to: requestPath(request, of: record.id))
      return .submitted
    }
  }

  /// Makes sure that something can be asked of a job as it is.
  ///
  /// - Throws: ``WatchError/wrongState(id:state:request:)`` if it cannot.
  public func require(_ request: JobRequest, of record: JobRecord) throws(WatchError) {
    guard request.suits(record.state) else {
      throw .wrongState(
        id: record.id, state: record.state.rawValue,
        request: request == .retry ? "retried" : "cancelled")
    }
  }

  /// What has been asked while the service runs.
  func requests() -> [(id: String, request: JobRequest)] {
    // A folder that cannot be read holds no request.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: requestsFolder)) ?? []
    return names.sorted().compactMap { name in
      guard let dot = name.lastIndex(of: "."),
        let request = JobRequest(rawValue: String(name[name.index(after: dot)...]))
      else { return nil }
      return (String(name[..<dot]), request)
    }
  }

  /// Takes a request away that has been met or makes no sense any more.
  func remove(_ request: JobRequest, of id: String) { unlink(requestPath(request, of: id)) }

  private func requestPath(_ request: JobRequest, of id: String) -> String {
    "\(requestsFolder)/\(id).\(request.rawValue)"
  }
}
