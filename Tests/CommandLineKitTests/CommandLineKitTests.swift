import CommandLineKit
import Foundation
import Testing

/// A program with every kind of option.
enum Sample {
  enum Layout: String, CaseIterable, Sendable { case universal, chained }

  static let output = Option<String>.required("output", short: "o", .path("OUT"), "file to write")
  static let layout = Option<Layout>.value("layout", .choice(), default: "universal", "layout")
  static let quality = Option<Int>.value(
    "quality", .integer("Q", in: 1...100), default: "90", "JPEG quality")
  static let seed = Option<UInt64?>.optional("seed", .seed, "seed")
  static let rotation = Option<Double?>.optional("rotation", .number("DEG"), "rotation")
  static let shift = Option<[Double]?>.optional("shift", .numbers("X,Y", count: 2), "shift")
  static let data = Option<[String]>.repeated("data", .directory(), "a data set")
  static let json = Option.flag("json", "print JSON")
  static let quiet = Option.flag("quiet", short: "q", "say less")

  static let commands = [
    CommandDescription(
      "pyramid", "write a pyramid", discussion: "Any slide.\nReally any.\n\nSecond paragraph.",
      operands: [Operand("SLIDE", "a slide")],
      options: [
        output.entry, layout.entry, quality.entry, seed.entry, rotation.entry, shift.entry,
        data.entry, json.entry,
      ], examples: ["pyramid A.svs -o A.tif"]),
    CommandDescription(
      "inspect", "describe slides", operands: [Operand("SLIDE", "slides", count: .oneOrMore)]),
    CommandDescription(
      "jobs", "list jobs",
      operands: [Operand("ACTION", "what", count: .optional), Operand("ID", "jobs", count: .any)]),
    CommandDescription("transform points", "move points", operands: [Operand("IN", "points")]),
    CommandDescription("transform slide", "move a slide"),
  ]

  static let parser = ArgumentParser(commands: commands, globalOptions: [quiet.entry])

  static func values(_ line: String) throws(UsageError) -> ParsedArguments {
    let words = line.split(separator: " ").map(String.init)
    guard case .run(_, let values) = try parser.parse(words) else { throw .missingCommand }
    return values
  }

  static func message(_ line: String) -> String? {
    do throws(UsageError) {
      _ = try values(line)
      return nil
    } catch {
      return error.description
    }
  }
}

@Suite("Reading a command line")
struct ParsingTests {
  @Test("values are typed, defaults count, and both spellings are one")
  func values() throws {
    let values = try Sample.values(
      "pyramid A.svs -o B.tif --quality=75 --shift -3,4.5 --rotation -30 --data a --data=b -q")
    #expect(values.operands == ["A.svs"])
    #expect(values[Sample.output] == "B.tif")
    #expect(values[Sample.quality] == 75)
    #expect(values[Sample.layout] == .universal)
    #expect(values[Sample.seed] == nil)
    #expect(values[Sample.shift] == [-3, 4.5])
    #expect(values[Sample.rotation] == -30)
    #expect(values[Sample.data] == ["a", "b"])
    #expect(values[Sample.quiet])
    #expect(!values[Sample.json])
    #expect(values.isGiven(Sample.quality) && !values.isGiven(Sample.layout))
  }

  @Test("two dashes end options, and one dash alone is an operand")
  func endOfOptions() throws {
    #expect(try Sample.values("inspect -- --json -o").operands == ["--json", "-o"])
    #expect(try Sample.values("inspect - a").operands == ["-", "a"])
    #expect(try Sample.values("pyramid -o x -- -y").operands == ["-y"])
    #expect(try Sample.values("pyramid --output=--x=1 y")[Sample.output] == "--x=1")
  }

  @Test("operands are counted by the table")
  func operands() throws {
    #expect(try Sample.values("jobs").operands == [])
    #expect(try Sample.values("jobs retry 1 2 3").operands == ["retry", "1", "2", "3"])
    #expect(try Sample.values("inspect a b").operands == ["a", "b"])
    #expect(try Sample.values("transform points p.csv").operands == ["p.csv"])
  }

  @Test(
    "each mistake has one line that says what to do",
    arguments: [
      ("", "no command given; see restain --help"),
      (
        "-q pyramid a",
        "-q: stands before the command, where options have no place; pass it after the command, see "
          + "restain --help"
      ),
      ("insepct a", "insepct: no such command; did you mean inspect?"),
      ("transform", "transform: says not what; use transform points|slide"),
      ("transform pionts x", "transform pionts: no such command; did you mean transform points?"),
      ("pyramid a -o b --qualty 3", "--qualty: no such option of pyramid; did you mean --quality?"),
      ("pyramid a -o b --qual 3", "--qual: no such option of pyramid; did you mean --quality?"),
      ("pyramid a -o b -x", "-x: no such option of pyramid; see restain pyramid --help"),
      ("pyramid a -o b --json=yes", "--json: takes no value; pass --json alone"),
      ("pyramid a -o b --seed", "--seed: has no value; pass --seed N"),
      ("pyramid a -o --json", "--output: has no value; pass --output OUT"),
      ("pyramid a -o b -o c", "--output: given twice; pass it once"),
      ("pyramid a", "pyramid: --output is missing; pass --output OUT"),
      ("pyramid -o b", "pyramid: SLIDE is missing; see restain pyramid --help"),
      (
        "pyramid a c -o b",
        "pyramid: \"c\" is one operand too many; see restain pyramid --help"
      ),
      (
        "pyramid a -o b --quality 101",
        "--quality: \"101\" is not usable; pass a whole number from 1 to 100"
      ),
      (
        "pyramid a -o b --layout best",
        "--layout: \"best\" is not usable; pass universal or chained"
      ),
      (
        "pyramid a -o b --shift 1,2,3",
        "--shift: \"1,2,3\" is not usable; pass 2 numbers with commas between"
      ),
      ("pyramid a -o b --rotation nan", "--rotation: \"nan\" is not usable; pass a number"),
    ])
  func mistakes(line: String, message: String) { #expect(Sample.message(line) == message) }

  @Test("a name is never abbreviated, however clear it is")
  func noAbbreviations() {
    #expect(Sample.message("pyramid a --outp b") != nil)
    #expect(Sample.message("insp a") != nil)
  }

  @Test("help is asked for before anything is checked")
  func help() throws {
    guard case .help(let command) = try Sample.parser.parse(["pyramid", "--quality", "1", "-h"])
    else {
      Issue.record("no help")
      return
    }
    #expect(command.name == "pyramid")
    guard case .overview(["transform"]) = try Sample.parser.parse(["transform", "--help"]) else {
      Issue.record("no overview")
      return
    }
    guard case .version = try Sample.parser.parse(["--version"]) else {
      Issue.record("no version")
      return
    }
  }
}

@Suite("Did you mean")
struct NearestNameTests {
  @Test("at most three edits lead to the suggestion, a swap counts once")
  func distances() {
    let known = ["registration", "overlap", "x"]
    #expect(NearestName.suggestion(for: "overalp", among: known) == "overlap")
    #expect(NearestName.suggestion(for: "regstratoin", among: known) == "registration")
    #expect(NearestName.suggestion(for: "rexstraxxxn", among: known) == nil)
    #expect(NearestName.suggestion(for: "OVERLAP", among: known) == "overlap")
    #expect(NearestName.suggestion(for: "yz", among: known) == nil)
    #expect(NearestName.suggestion(for: "abc", among: []) == nil)
  }
}

@Suite("Texts made from the tables")
struct GeneratedTextTests {
  private let texts = HelpText(program: "restain", parser: Sample.parser)

  @Test("the help shows every option, its default, and wraps its lines")
  func help() {
    let text = texts.help(Sample.commands[0])
    for option in Sample.commands[0].options { #expect(text.contains(option.flag)) }
    #expect(text.contains("(default: 90)"))
    #expect(text.hasPrefix("usage: restain pyramid SLIDE -o OUT"))
    #expect(text.contains("Any slide. Really any.\n"))
    for line in text.split(separator: "\n") { #expect(line.count <= HelpText.width, "\(line)") }
  }

  @Test("the overview lists every command, or those of one word")
  func overview() {
    for command in Sample.commands { #expect(texts.overview().contains("  " + command.name)) }
    #expect(!texts.overview(prefix: ["transform"]).contains("inspect"))
  }

  @Test("every exit status stands in the manual, and no dash is left bare in an option")
  func manual() {
    let text = ManualPage(program: "restain", version: "1", parser: Sample.parser).text()
    for status in ExitStatus.allCases { #expect(text.contains(".B \(status.rawValue)\n")) }
    #expect(text.contains("\\-\\-quality"))
    #expect(!text.contains("--quality"))
  }

  @Test(
    "the manual has no line that man would complain about",
    .enabled(if: Witness.has("man"), "man is not installed"))
  func manualRenders() throws {
    let text = ManualPage(program: "restain", version: "1", parser: Sample.parser).text()
    let (status, complaints) = try Witness.run(
      "man", ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-"], input: text)
    #expect(status == 0)
    #expect(complaints == "")
  }

  @Test("each shell's completions name every command and option", arguments: Shell.allCases)
  func completions(shell: Shell) {
    let text = CompletionScript(program: "restain", parser: Sample.parser).text(shell)
    for command in Sample.commands {
      #expect(text.contains(command.words[0]))
      for option in command.options { #expect(text.contains(option.name)) }
    }
  }

  @Test("zsh accepts its completions", .enabled(if: Witness.has("zsh"), "zsh is not installed"))
  func zsh() throws {
    let text = CompletionScript(program: "restain", parser: Sample.parser).text(.zsh)
    #expect(try Witness.run("zsh", ["-n"], input: text).status == 0)
  }

  @Test("fish accepts its completions", .enabled(if: Witness.has("fish"), "fish is not installed"))
  func fish() throws {
    let text = CompletionScript(program: "restain", parser: Sample.parser).text(.fish)
    #expect(try Witness.run("fish", ["-n"], input: text).status == 0)
  }

  @Test("bash completes commands, second words, options and their values")
  func bashCompletes() throws {
    let script = CompletionScript(program: "restain", parser: Sample.parser).text(.bash)
    for (words, expected) in [
      (["restain", "pyr"], "pyramid"), (["restain", "transform", "po"], "points"),
      (["restain", "pyramid", "--qua"], "--quality"),
      (["restain", "pyramid", "--layout", "ch"], "chained"),
    ] {
      let list = words.map { "'\($0)'" }.joined(separator: " ")
      let call =
        "\(script)\nCOMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1); _restain; "
        + "[ \"${COMPREPLY[0]}\" = '\(expected)' ]"
      #expect(try Witness.run("bash", ["-s"], input: call).status == 0, "\(words)")
    }
  }
}

/// Programs of the machine that judge what was generated.
enum Witness {
  static func has(_ name: String) -> Bool { path(name) != nil }

  private static func path(_ name: String) -> String? {
    ["/usr/bin/", "/bin/"].map { $0 + name }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  static func run(
    _ name: String, _ arguments: [String], input: String
  ) throws -> (status: Int32, complaints: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path(name) ?? name)
    process.arguments = arguments
    let (incoming, complaints) = (Pipe(), Pipe())
    process.standardInput = incoming
    process.standardOutput = FileHandle.nullDevice
    process.standardError = complaints
    try process.run()
    try incoming.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try incoming.fileHandleForWriting.close()
    let text = complaints.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
