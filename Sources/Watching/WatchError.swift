import Glibc

/// What can be wrong with the service as a whole; a job's own failure is kept in its record.
public enum WatchError: Error, Equatable, Sendable {
  /// The watched folder cannot be read.
  case unreadableInbox(path: String, reason: String)
  /// A folder of the service cannot be made or written.
  case unwritable(path: String, reason: String)
  /// A file or a folder of the journal cannot be read.
  case unreadable(path: String, reason: String)
  /// Another service has the state folder.
  case locked(path: String)
  /// The outbox or the state folder lies in the inbox, which is never written.
  case insideInbox(path: String, inbox: String)
  /// No job has that name.
  case unknownJob(id: String)
  /// A job's name is short for several.
  case ambiguousJob(id: String, count: Int)
  /// A job cannot be retried or cancelled as it is.
  case wrongState(id: String, state: String, request: String)
}

extension WatchError: CustomStringConvertible {
  /// One line: subject: problem; next step.
  public var description: String {
    switch self {
    case .unreadableInbox(let path, let reason):
      "\(path): cannot be read (\(reason)); give watch.inbox a folder that the service may read"
    case .unwritable(let path, let reason):
      "\(path): cannot be written (\(reason)); "
        + (Self.isFull(reason) ? "free some disk" : "give the service the right to write there")
    case .unreadable(let path, let reason):
      "\(path): cannot be read (\(reason)); give those who use the journal the right to read it"
    case .locked(let path):
      "\(path): another service uses this state folder; stop it, or set watch.state"
    case .insideInbox(let path, let inbox):
      "\(path): lies in the inbox \(inbox), which is never written; choose a folder outside it"
    case .unknownJob(let id): "\(id): no such job; see restain jobs list"
    case .ambiguousJob(let id, let count):
      "\(id): short for \(count) jobs; give more of its letters"
    case .wrongState(let id, let state, let request):
      "\(id): is \(state) and cannot be \(request); see restain jobs show \(id)"
    }
  }

  private static func isFull(_ reason: String) -> Bool {
    [ENOSPC, EDQUOT].contains { reason == String(cString: strerror($0)) }
  }
}
