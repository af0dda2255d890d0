#if canImport(Glibc)
import Glibc
#endif
import Reporting
public import Settings

/// Runs a service until it is told to stop, or has nothing left to do.
public struct WatchLoop {
  /// What the outside world asks of the service.
  public struct Controls: Sendable {
    /// Whether the service is to stop.
    public let shouldStop: @Sendable () -> Bool
    /// Takes other settings, once after each SIGHUP; nil if nothing is asked.
    public let takeReload: @Sendable () -> (() throws(SettingsError) -> Configuration)?

    /// Names what the outside world asks.
    public init(
      shouldStop: @escaping @Sendable () -> Bool,
      takeReload: @escaping @Sendable () -> (() throws(SettingsError) -> Configuration)?
    ) {
      self.shouldStop = shouldStop
      self.takeReload = takeReload
    }
  }

  private let service: WatchService
  private let surroundings: WatchService.Surroundings
  private let isOnce: Bool
  private let controls: Controls

  /// Seconds between two readings of the inbox that the kernel's announcements may cause.
  private static let quietAfterEventSeconds = 0.2

  /// Makes the loop of a service.
  public init(
    service: WatchService, surroundings: WatchService.Surroundings, isOnce: Bool,
    controls: Controls
  ) {
    self.service = service
    self.surroundings = surroundings
    self.isOnce = isOnce
    self.controls = controls
  }

  /// Runs the service; the state folder is locked meanwhile.
  ///
  /// - Parameter state: The state folder.
  /// - Throws: ``WatchError`` if a folder is not usable or another service has the state folder.
  public func run(state: String) throws(WatchError) {
    try service.plan.requireSeparateFolders()
    try JobStore(folder: state).prepare()
    try StateLock(folder: state).whileHeld { () throws(WatchError) in try runLocked() }
  }

  private func runLocked() throws(WatchError) {
    try service.start()
    surroundings.notifier.ready()
    surroundings.log.write(.notice, "service started", ["inbox": service.plan.inbox])
    var events = InboxEvents()
    var lastEventSeconds = -Double.infinity
    while true {
      if controls.shouldStop(), !service.isStopping {
        surroundings.notifier.stopping()
        surroundings.log.write(.notice, "service stops", [:])
        service.stop()
      }
      if let reload = controls.takeReload() { take(reload) }
      var seconds = service.tick()
      let mayEnd = isOnce || service.isStopping
      if mayEnd, service.isFinished || isOnce && service.isHeldUp && !service.hasWorkers { break }
      if let advice = events.watch(service.folders) { service.warnOnce("inotify", advice) }
      // Announcements come in swarms while a slide is copied.
      seconds = max(seconds, 0)
      let sinceEvent = surroundings.time.seconds - lastEventSeconds
      if sinceEvent < Self.quietAfterEventSeconds {
        surroundings.wakeUp.wait(also: -1, seconds: min(seconds, Self.quietAfterEventSeconds))
      } else {
        surroundings.wakeUp.wait(also: events.descriptor, seconds: seconds)
      }
      if events.drain() {
        lastEventSeconds = surroundings.time.seconds
        service.inboxChanged()
      }
    }
    surroundings.log.write(.notice, "service stopped", [:])
  }

  private func take(_ reload: () throws(SettingsError) -> Configuration) {
    surroundings.notifier.reloading()
    do {
      try service.reload(try reload())
      surroundings.log.write(.notice, "configuration read anew", [:])
    } catch {
      surroundings.log.write(
        .warning, "\(error); the service goes on with the settings it has", [:])
    }
    surroundings.notifier.ready()
  }
}
