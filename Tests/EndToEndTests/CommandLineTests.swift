import Foundation
import TestSupport
import Testing

@Suite("The command line as a user meets it")
struct CommandLineTests {
  private let tool: CommandLineTool

  init() throws { tool = try CommandLineTool() }

  @Test(
    "a wrong command line ends with 64 and one line on stderr, nothing on stdout",
    arguments: [
      [], ["versoin"], ["version", "--jsn"], ["version", "x"], ["completions"],
      ["completions", "tcsh"], ["version", "--json=1"], ["version", "--threads", "0"],
      ["version", "--memory", "4"], ["jobs", "lst"], ["jobs", "retry"], ["--verbose"],
    ])
  func usage(arguments: [String]) throws {
    let outcome = try tool.run(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.output == "")
    let lines = outcome.diagnostics.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(lines.first?.hasPrefix("restain: ") == true)
    #expect(lines.first?.contains("; ") == true)
    #expect(lines.first?.hasSuffix(".") == false)
  }

  @Test(
    "a folder where a file belongs ends with 65 and one line that names it and says what it is",
    arguments: [
      ["inspect", "D"], ["transform", "points", "D", "--transform", "D", "-o", "OUT"],
      ["evaluate", "registration", "--transform", "D", "--fixed-landmarks", "D"]
        + ["--moving-landmarks", "D"],
      ["model", "info", "D"], ["run", "--moving", "D", "--model", "D", "-o", "OUT"],
    ])
  func folder(arguments: [String]) throws {
    let scratch = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: scratch.path("D"), withIntermediateDirectories: false)
    let outcome = try tool.run(
      arguments.map { ["D", "OUT"].contains($0) ? scratch.path($0) : $0 } + ["--quiet"])
    #expect(outcome.status == 65)
    let lines = outcome.diagnostics.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(lines.first?.hasPrefix("restain: \(scratch.path("D")): ") == true)
    #expect(
      lines.first?.contains("directory") == true || lines.first?.contains("folder") == true,
      "\(outcome.diagnostics)")
  }

  @Test("every command has help on stdout, and its name stands in the overview")
  func help() throws {
    let overview = try tool.run(["--help"])
    #expect(overview.status == 0)
    #expect(overview.diagnostics == "")
    let commands = overview.output.split(separator: "\n").drop { !$0.hasPrefix("commands:") }
      .dropFirst().prefix { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .map { $0.split(separator: "  ")[0].split(separator: " ").map(String.init) }
    #expect(commands.count >= 6)
    for command in commands {
      let outcome = try tool.run(command + ["--help"])
      #expect(outcome.status == 0)
      #expect(outcome.output.hasPrefix("usage: restain \(command.joined(separator: " "))"))
    }
  }

  @Test("the version names the libraries, as text and as one JSON object")
  func version() throws {
    let outcome = try tool.run(["version", "--json"])
    #expect(outcome.status == 0)
    let fields = try SlideFiles.object(outcome.output)
    let keys = [
      "version", "swift", "openslide", "libtiff", "openblas", "openblas_core", "openblas_self_test",
      "kernels",
    ]
    for key in keys { #expect((fields[key] as? String)?.isEmpty == false, "\(key)") }
    let version = try #require(fields["version"] as? String)
    #expect(try tool.run(["--version"]).output == "restain \(version)\n")
  }

  @Test("a wrong configuration ends with 78, a missing one with 66, and the line is named")
  func configuration() throws {
    let scratch = try TemporaryDirectory()
    let path = scratch.path("c.json5")
    try Data("{\n  watch: {\n    setle: '5 s',\n  },\n}\n".utf8)
      .write(to: URL(fileURLWithPath: path))
    for arguments in [["check-config", path], ["watch", "--config", path], ["jobs", "-c", path]] {
      let outcome = try tool.run(arguments, in: scratch.url)
      #expect(outcome.status == 78, "\(arguments)")
      #expect(
        outcome.diagnostics
          == "restain: \(path):3: unknown key watch.setle; did you mean watch.settle?\n")
    }
    #expect(try tool.run(["check-config", scratch.path("none")]).status == 66)
    let shipped = SharedData.packageFolder.appendingPathComponent("watch-config/restain.json5")
    let checked = try tool.run(["check-config", shipped.path])
    #expect(checked.status == 0)
    #expect(checked.output.contains("convert.overlap = 64  # default\n"))
    // A service without an inbox has a wrong configuration.
    let outcome = try tool.run(["watch", "--once", "--config", shipped.path], in: scratch.url)
    #expect(outcome.status == 78)
    #expect(outcome.diagnostics.contains("watch.inbox: not set"))
  }

  @Test("threads, memory and kernels of the configuration count where no option is given")
  func computeSettings() throws {
    let scratch = try TemporaryDirectory()
    let slide = scratch.path("a.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 300, height: 300), to: slide)
    func outcome(_ compute: String, _ options: [String] = []) throws -> CommandLineTool.Outcome {
      try Data("{ compute: { \(compute) } }".utf8)
        .write(to: URL(fileURLWithPath: scratch.path("c.json5")))
      return try tool.run(
        ["convert", slide, "--model", Self.model, "-o", scratch.path("o.tif"), "--force", "-v"]
          + ["--config", scratch.path("c.json5")] + options)
    }
    let plain = try outcome("kernels: 'baseline'")
    #expect(plain.status == 0 && plain.diagnostics.contains("kernels: baseline, "))
    let bounded = try outcome("memory: '2 MiB'")
    #expect(bounded.status == 64 && bounded.diagnostics.contains("may use 2.0 MiB"))
    #expect(try outcome("memory: '2 MiB'", ["--memory", "4GiB"]).status == 0)
    #expect(try outcome("threads: 0").status == 78)
    // A plan says what it takes, and that grows with the threads.
    func plannedMemory(_ threads: Int) throws -> Double {
      let plan = try outcome("threads: \(threads)", ["--dry-run", "--json"])
      return try #require(SlideFiles.object(plan.output)["memory_mib"] as? Double)
    }
    #expect(try plannedMemory(16) > plannedMemory(1))
  }

  private static let model = SharedData.demoModel

  @Test("a region that no slide has is refused", arguments: ["9223372036854775807,0,256,256"])
  func region(text: String) throws {
    let scratch = try TemporaryDirectory()
    let slide = scratch.path("a.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 300, height: 300), to: slide)
    let outcome = try tool.run(
      ["convert", slide, "--model", Self.model, "-o", scratch.path("o.tif"), "--region", text])
    #expect(outcome.status == 64)
  }

  @Test("a reader that goes away does not crash the program")
  func brokenPipe() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "\(tool.url.path) manual | head -c 1 > /dev/null"]
    let complaints = Pipe()
    process.standardError = complaints
    try process.run()
    let text = complaints.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(String(decoding: text, as: UTF8.self) == "")
  }
}

@Suite("The service as a user meets it")
struct ServiceTests {
  private let tool: CommandLineTool
  private let scratch: TemporaryDirectory

  init() throws {
    tool = try CommandLineTool()
    scratch = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: scratch.path("in"), withIntermediateDirectories: true)
    let text = """
      { watch: { inbox: "in", outbox: "out", settle: "200 ms", rescan: "200 ms", attempts: 1,
        freeDisk: "1 B" } }
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: scratch.path("c.json5")))
  }

  private func watch(_ more: [String]) throws -> CommandLineTool.Outcome {
    try tool.run(["watch", "--config", "c.json5"] + more, in: scratch.url)
  }

  @Test("with an empty inbox --once ends with 0, and its JSON lines begin and end")
  func empty() throws {
    let outcome = try watch(["--once", "--json"])
    #expect(outcome.status == 0)
    let types = try outcome.output.split(separator: "\n").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["type"] as? String
    }
    #expect(types.first == "start")
    #expect(types.last == "exit")
  }

  @Test("an inbox that is away is a matter of time, for which systemd tries again")
  func inboxAway() throws {
    try FileManager.default.removeItem(atPath: scratch.path("in"))
    #expect(try watch(["--once"]).status == 75)
    let unit = try String(
      contentsOf: SharedData.packageFolder.appendingPathComponent("systemd/restain.service"),
      encoding: .utf8)
    #expect(unit.contains("\nRestartPreventExitStatus=64 66 78\n"))
    #expect(unit.contains("\nStartLimitIntervalSec=0\n"))
  }

  @Test(
    "a mistake in the configuration that is being edited harms no slide", .timeLimit(.minutes(2)))
  func editing() throws {
    let service = try tool.start(["watch", "--config", "c.json5"], in: scratch.url)
    while !service.diagnostics.contains("service started") { usleep(20_000) }
    try Data("{ watch: { inbxo: 'in' } }".utf8)
      .write(to: URL(fileURLWithPath: scratch.path("c.json5")))
    try SlideFiles.write(
      SlideFiles.tissue(width: 300, height: 300), to: scratch.path("in/A_HE.tif"))
    while service.isRunning, !service.diagnostics.contains("slide taken"),
      !service.diagnostics.contains("job failed")
    { usleep(20_000) }
    #expect(service.diagnostics.contains("slide taken"), "\(service.diagnostics)")
    kill(service.identifier, SIGHUP)
    while !service.diagnostics.contains("goes on with the settings it has") { usleep(20_000) }
    kill(service.identifier, SIGTERM)
    #expect(service.wait().status == 143)
  }

  @Test("jobs are the same from every folder, and several are asked of all or of none")
  func jobs() throws {
    for name in ["A_HE.tif", "B_HE.tif"] {
      try SlideFiles.write(
        SlideFiles.tissue(width: 300, height: 300), to: scratch.path("in/\(name)"))
    }
    #expect(try watch(["--once"]).status == 0)
    func jobs(_ words: [String]) throws -> CommandLineTool.Outcome {
      try tool.run(["jobs"] + words + ["--config", scratch.path("c.json5")])
    }
    #expect(try jobs(["list"]).output.contains("waiting"))
    #expect(try jobs(["cancel", "B"]).status == 0)
    let both = try jobs(["cancel", "A", "B"])
    #expect(both.status == 64 && both.diagnostics.contains("is cancelled"))
    #expect(
      try SlideFiles.object(jobs(["show", "A", "--json"]).output)["state"] as? String == "waiting")
    #expect(try jobs(["cancel", "A", "A"]).status == 0)
    try FileManager.default.removeItem(atPath: scratch.path("out/.state/jobs"))
    try Data().write(to: URL(fileURLWithPath: scratch.path("out/.state/jobs")))
    let unreadable = try jobs([])
    #expect(unreadable.status == 65 && unreadable.diagnostics.contains("cannot be read"))
  }

  @Test("SIGTERM ends the service with 143, and SIGHUP does not end it", .timeLimit(.minutes(2)))
  func signals() throws {
    let service = try tool.start(["watch", "--config", "c.json5"], in: scratch.url)
    while !service.diagnostics.contains("service started") { usleep(20_000) }
    kill(service.identifier, SIGHUP)
    while !service.diagnostics.contains("configuration read anew") { usleep(20_000) }
    #expect(service.isRunning)
    // A second service on the same state is refused for the time being.
    let second = try watch(["--once"])
    #expect(second.status == 75)
    #expect(second.diagnostics.contains("another service uses this state folder"))
    kill(service.identifier, SIGTERM)
    let outcome = service.wait()
    #expect(outcome.status == 143)
    #expect(outcome.diagnostics.contains("service stopped"))
  }

  @Test(
    "hostile files fail with one reason each, the service goes on, the inputs stay as they were",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)),
    .timeLimit(.minutes(5)))
  func hostile() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: SharedData.url("hostile").path)
      .sorted()
    var contents: [String: Data] = [:]
    for name in names {
      let copy = URL(fileURLWithPath: scratch.path("in/\(name)"))
      try FileManager.default.copyItem(at: SharedData.url("hostile/\(name)"), to: copy)
      contents[name] = try Data(contentsOf: copy)
    }
    let outcome = try watch(["--once"])
    #expect(outcome.status == 3)
    for (name, content) in contents {
      #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path("in/\(name)"))) == content)
    }
    let list = try tool.run(["jobs", "--json", "--config", "c.json5"], in: scratch.url)
    #expect(list.status == 0)
    let object = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [String: Any]
    let jobs = try #require(object?["jobs"] as? [[String: Any]])
    #expect(jobs.count == contents.count)
    for job in jobs {
      #expect(job["state"] as? String == "failed")
      let reason = try #require(job["reason"] as? String)
      #expect(reason.contains(": ") && reason.contains("; ") && !reason.contains("\n"), "\(reason)")
      let folder = try #require(job["case"] as? String)
      let report = try String(
        contentsOfFile: scratch.path("out/failed/\(folder)/reason.txt"), encoding: .utf8)
      #expect(report.hasPrefix(reason))
    }
  }
}

@Suite("The installation")
struct InstallTests {
  private static let hasVerifier = FileManager.default.isExecutableFile(
    atPath: "/usr/bin/systemd-analyze")

  @Test(
    "an install under DESTDIR is complete, and systemd accepts its unit",
    .enabled(if: hasVerifier, "systemd-analyze is not installed"))
  func install() throws {
    let scratch = try TemporaryDirectory()
    let root = scratch.path("root")
    let script = SharedData.packageFolder.appendingPathComponent("systemd/install.sh").path
    let environment = [
      "DESTDIR": root, "BUILD": CommandLineTool.buildFolder.path, "OPENBLAS_CORETYPE": "Haswell",
    ]
    #expect(try Self.run("/bin/bash", [script], environment).status == 0)
    for path in [
      "usr/bin/restain", "usr/share/man/man1/restain.1", "etc/restain/restain.json5",
      "usr/lib/systemd/system/restain.service",
      "usr/share/bash-completion/completions/restain",
    ] { #expect(FileManager.default.fileExists(atPath: "\(root)/\(path)"), "\(path)") }
    let addition = "\(root)/usr/lib/systemd/system/restain.service.d/openblas.conf"
    #expect(
      try String(contentsOfFile: addition, encoding: .utf8)
        == "[Service]\nEnvironment=OPENBLAS_CORETYPE=Haswell\n")
    let verified = try Self.run(
      "/usr/bin/systemd-analyze", ["verify", "--root=\(root)", "restain.service"], [:])
    #expect(verified.status == 0, "\(verified.text)")
    #expect(verified.text == "")

    // The installed settings are right, and a changed file outlives the next install.
    let settings = "\(root)/etc/restain/restain.json5"
    let tool = try CommandLineTool()
    let checked = try tool.run(["check-config", settings])
    #expect(checked.status == 0)
    // The folders stand in the file that the README names, and the unit opens the same.
    for (key, folder) in [
      ("inbox", "/srv/slides/in"), ("outbox", "/srv/slides/out"), ("state", "/var/lib/restain"),
    ] { #expect(checked.output.contains("watch.\(key) = \"\(folder)\"  # \(settings):")) }
    #expect(!FileManager.default.fileExists(atPath: "\(settings).d"))
    let unit = try String(
      contentsOfFile: "\(root)/usr/lib/systemd/system/restain.service", encoding: .utf8)
    #expect(unit.contains("ReadOnlyPaths=/srv/slides/in\n"))
    #expect(unit.contains("ReadWritePaths=/srv/slides/out\n"))
    try Data("{}\n".utf8).write(to: URL(fileURLWithPath: settings))
    #expect(try Self.run("/bin/bash", [script], environment).status == 0)
    #expect(try String(contentsOfFile: settings, encoding: .utf8) == "{}\n")
  }

  private static func run(
    _ program: String, _ arguments: [String], _ environment: [String: String]
  ) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    let complaints = Pipe()
    process.standardError = complaints
    try process.run()
    let text = complaints.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
