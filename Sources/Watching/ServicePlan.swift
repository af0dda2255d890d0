import Foundation
public import Settings

/// What the configuration means for one run of the service.
public struct ServicePlan: Sendable {
  /// The settings.
  public let configuration: Configuration
  /// The watched folder, as an absolute path.
  public let inbox: String
  /// The folder of the results, as an absolute path.
  public let outbox: String
  /// The state folder, as an absolute path.
  public let state: String
  /// Options that every worker gets, such as `--threads=2`.
  public let workerOptions: [String]
  /// Whether the service ends when nothing is left to do.
  public let isOnce: Bool

  /// Takes the folders from the configuration.
  ///
  /// - Parameters:
  ///   - configuration: The settings.
  ///   - workingFolder: What relative folders are relative to that no file gives.
  ///   - workerOptions: Options that every worker gets.
  ///   - isOnce: Whether the service ends when nothing is left to do.
  /// - Throws: `SettingsError.missingKey` if there is no inbox.
  public init(
    configuration: Configuration, workingFolder: String, workerOptions: [String], isOnce: Bool
  ) throws(SettingsError) {
    guard let inbox = configuration[SettingTable.inbox] else {
      throw .missingKey(key: "watch.inbox", example: "watch: { inbox: \"/srv/slides/in\" }")
    }
    self.configuration = configuration
    self.workerOptions = workerOptions
    self.isOnce = isOnce
    self.inbox = Self.absolute(
      inbox, in: Self.folder(of: SettingTable.inbox, configuration, workingFolder))
    outbox = Self.absolute(
      configuration[SettingTable.outbox],
      in: Self.folder(of: SettingTable.outbox, configuration, workingFolder))
    state = Self.stateFolder(configuration, workingFolder: workingFolder)
  }

  /// The state folder of a configuration, as an absolute path.
  ///
  /// - Parameters:
  ///   - configuration: The settings.
  ///   - workingFolder: What relative folders are relative to that no file gives.
  /// - Returns: `watch.state`, else `.state` in the outbox.
  public static func stateFolder(_ configuration: Configuration, workingFolder: String) -> String {
    if let state = configuration[SettingTable.state] {
      return absolute(state, in: folder(of: SettingTable.state, configuration, workingFolder))
    }
    return absolute(
      configuration[SettingTable.outbox] + "/.state",
      in: folder(of: SettingTable.outbox, configuration, workingFolder))
  }

  /// The folder of the file that gives a setting, so that a folder is the same from wherever it is asked for; the
  /// working folder where none gives it.
  private static func folder<Value>(
    of setting: Setting<Value>, _ configuration: Configuration, _ workingFolder: String
  ) -> String {
    guard case .file(let place) = configuration.origin(of: setting) else { return workingFolder }
    let file = absolute(place.path, in: workingFolder)
    return String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)])
  }

  private static func absolute(_ path: String, in folder: String) -> String {
    let full = path.hasPrefix("/") ? path : "\(folder)/\(path)"
    return full.count > 1 && full.hasSuffix("/") ? String(full.dropLast()) : full
  }

  /// Sees to it that nothing is ever written into the inbox.
  ///
  /// - Throws: ``WatchError/insideInbox(path:inbox:)`` where results or jobs would lie in it, whatever links or
  ///   dots the names go through.
  func requireSeparateFolders() throws(WatchError) {
    let watched = Self.resolved(inbox)
    for path in [outbox, state, "\(outbox)/\(FailureReport.folderName)"] {
      guard !Self.isInside(Self.resolved(path), watched) else {
        throw .insideInbox(path: path, inbox: inbox)
      }
    }
  }

  /// Whether a case may have a name: its folder does not lie in the inbox, as it may where the outbox holds that.
  func mayName(_ caseName: String) -> Bool {
    !Self.isInside(Self.resolved("\(outbox)/\(caseName)"), Self.resolved(inbox))
  }

  private static func isInside(_ place: String, _ folder: String) -> Bool {
    place == folder || place.hasPrefix(folder + "/")
  }

  /// A path without links and dots, also where its end is not there yet.
  private static func resolved(_ path: String) -> String {
    var present = URL(fileURLWithPath: path).standardizedFileURL
    var missing: [String] = []
    while present.path != "/", !FileManager.default.fileExists(atPath: present.path) {
      missing.append(present.lastPathComponent)
      present.deleteLastPathComponent()
    }
    let whole = missing.reversed().reduce(present.resolvingSymlinksInPath()) {
      $0.appendingPathComponent($1)
    }
    return whole.path
  }

  /// The same folders under other settings; folders cannot change while the service runs.
  ///
  /// - Returns: The plan, and the keys whose change needs a restart.
  func reconfigured(_ new: Configuration) -> (plan: ServicePlan, ignored: [String]) {
    let ignored = zip(configuration.settings, new.settings)
      .filter { $0.value != $1.value && Self.folderKeys.contains($0.path) }.map(\.0.path)
    return (ServicePlan(self, new), ignored)
  }

  private init(_ old: ServicePlan, _ new: Configuration) {
    configuration = new
    inbox = old.inbox
    outbox = old.outbox
    state = old.state
    workerOptions = old.workerOptions
    isOnce = old.isOnce
  }

  private static let folderKeys: Set = ["watch.inbox", "watch.outbox", "watch.state"]

  /// The file in the state folder with the settings that count, for workers and openers.
  ///
  /// They would read the user's own file while it is being edited.
  public var settingsPath: String { "\(state)/config.json5" }

  /// The text of that file; folders are the service's alone.
  var settingsText: String {
    "// The settings that the service works with; written anew when it starts or reads its configuration.\n"
      + configuration.text(omitting: Self.folderKeys)
  }

  /// When jobs are tried again.
  var retryRule: RetryRule {
    RetryRule(
      attempts: configuration[SettingTable.attempts],
      delaySeconds: configuration[SettingTable.retryDelay],
      // Who waits for the end of a single run is told after so many attempts.
      countsTemporary: isOnce)
  }

  /// What decides about waiting jobs.
  var planner: CasePlanner {
    CasePlanner(pairWaitSeconds: configuration[SettingTable.pairWait], isOnce: isOnce)
  }

  /// The command line of a job's worker, without the program.
  func arguments(_ record: JobRecord) -> [String] {
    guard let moving = record.moving, let caseName = record.caseName else { return [] }
    var words = ["run", "--json", "--moving=\(moving.path)"]
    if let fixed = record.fixed { words.append("--fixed=\(fixed.path)") }
    if let model = record.kind.flatMap({ configuration.modelPath(ofKind: $0) }) {
      words.append("--model=\(model)")
    }
    return words + [
      "--output=\(outbox)", "--case=\(caseName)", "--config=\(settingsPath)",
    ] + workerOptions
  }
}
