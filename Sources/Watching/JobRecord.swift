public import Foundation

/// A slide as the journal remembers it.
public struct SlideIdentity: Codable, Sendable, Equatable {
  /// The file.
  public let path: String
  /// Sizes and times when it was taken.
  public let signature: SlideSighting.Signature
  /// The hash of the size, the first and the last MiB.
  public let endsHash: String

  /// Describes a slide.
  public init(path: String, signature: SlideSighting.Signature, endsHash: String) {
    self.path = path
    self.signature = signature
    self.endsHash = endsHash
  }

  private enum CodingKeys: String, CodingKey {
    case path, signature
    case endsHash = "ends_hash"
  }

  /// Whether a sighting is this slide, unchanged.
  public func matches(_ sighting: SlideSighting) -> Bool {
    PathKey(path) == PathKey(sighting.path) && signature == sighting.signature
  }

  /// Whether two are the same slide, at the same path by its bytes.
  public static func == (first: Self, second: Self) -> Bool {
    PathKey(first.path) == PathKey(second.path) && first.signature == second.signature
      && first.endsHash == second.endsHash
  }
}

/// Where a job stands.
public enum JobState: String, Codable, Sendable, CaseIterable {
  /// For the other section of its case.
  case waiting
  /// For its turn, or for the time of its next attempt.
  case queued
  /// In a worker.
  case running
  /// Stopped before its end; goes on by itself.
  case interrupted
  /// Finished.
  case done
  /// Finished, but a person must look at the registration.
  case needsReview = "needs-review"
  /// Given up, with its reason.
  case failed
  /// Taken off the list by a person.
  case cancelled

  /// Whether nothing more happens to the job by itself.
  public var isFinal: Bool {
    switch self {
    case .waiting, .queued, .running, .interrupted: false
    case .done, .needsReview, .failed, .cancelled: true
    }
  }
}

/// A process that works on a job.
public struct WorkerIdentity: Codable, Sendable, Equatable {
  /// The number of the process.
  public let process: Int32
  /// When it started, in the kernel's ticks since the machine did: numbers are used again.
  public let startTicks: UInt64

  /// Names a process.
  public init(process: Int32, startTicks: UInt64) {
    self.process = process
    self.startTicks = startTicks
  }

  private enum CodingKeys: String, CodingKey {
    case process
    case startTicks = "start_ticks"
  }
}

/// One job of the journal: a moving section with or without its fixed one, or a fixed one that waits.
public struct JobRecord: Codable, Sendable, Equatable {
  /// A change of state.
  public struct Event: Codable, Sendable, Equatable {
    /// When it happened.
    public let time: Date
    /// The state from then on.
    public let state: JobState
    /// Why, if there is more to say.
    public let note: String?
  }

  /// Twelve hexadecimal digits made from the slide's path, size, time and content.
  public let id: String
  /// The folder of the results; nil until the job has been queued.
  public internal(set) var caseName: String?
  /// The case as the names tell it.
  public let block: String
  /// What sections of one case share.
  public let group: String
  /// The stain as the name writes it.
  public let stain: String
  /// The kind of the stain.
  public let kind: String?
  /// The section that is converted; nil for a fixed section that waits or does not open.
  public let moving: SlideIdentity?
  /// The section that it is registered to.
  public internal(set) var fixed: SlideIdentity?
  /// Where the job stands.
  public internal(set) var state: JobState
  /// How often a worker has been started for it and did not end well.
  public internal(set) var attempts: Int
  /// Before when no further attempt is made.
  public internal(set) var nextAttempt: Date?
  /// Why it failed or needs review.
  public internal(set) var reason: String?
  /// How its last worker ended.
  public internal(set) var exitStatus: Int32?
  /// The process that works on it.
  public internal(set) var worker: WorkerIdentity?
  /// Complete files that the last worker named.
  public internal(set) var outputs: [String]
  /// When it came.
  public let created: Date
  /// Every change of state, the first one first.
  public internal(set) var history: [Event]

  private enum CodingKeys: String, CodingKey {
    case id, block, group, stain, kind, moving, fixed, state, attempts, reason, worker, outputs
    case created, history
    case caseName = "case"
    case nextAttempt = "next_attempt"
    case exitStatus = "exit_status"
  }

  /// Takes a slide into the journal.
  ///
  /// - Parameters:
  ///   - id: See ``identifier(of:)``.
  ///   - section: What its name tells.
  ///   - slide: The slide.
  ///   - now: The calendar time.
  public init(id: String, section: Section, slide: SlideIdentity, now: Date) {
    self.id = id
    block = section.block
    group = section.group
    stain = section.stain
    kind = section.kind
    moving = section.isFixed ? nil : slide
    fixed = section.isFixed ? slide : nil
    state = .waiting
    attempts = 0
    outputs = []
    created = now
    history = [Event(time: now, state: .waiting, note: nil)]
  }

  /// The slide that the job came with.
  public var slide: SlideIdentity? { moving ?? fixed }

  /// The order of jobs: the one that came first, then the name of the slide.
  static func isBefore(_ first: Self, _ second: Self) -> Bool {
    (first.created, first.slide?.path ?? "", first.id)
      < (second.created, second.slide?.path ?? "", second.id)
  }

  /// Whether the slide was given up before its case was, because it does not open.
  var wasRejected: Bool { !history.contains { $0.state == .queued } && state == .failed }

  /// When the state last changed.
  public var updated: Date { history.last?.time ?? created }
}
