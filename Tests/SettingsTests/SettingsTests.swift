import Foundation
import Settings
import TestSupport
import Testing

/// A reader that suggests a known name with the same last three letters.
private let reader = ConfigurationFile { name, known in
  known.first { $0.suffix(3) == name.suffix(3) }
}

private func configuration(_ text: String) throws(SettingsError) -> Configuration {
  var configuration = Configuration()
  try reader.add(text: text, path: "/srv/c.json5", to: &configuration)
  return configuration
}

@Suite("The configuration")
struct ConfigurationTests {
  @Test("values of a file replace defaults and carry their line")
  func values() throws {
    let read = try configuration("{\n  watch: {\n    settle: '5 s', // short\n  },\n}")
    #expect(read[SettingTable.settle] == 5)
    #expect(
      read.origin(of: SettingTable.settle) == .file(SettingPlace(path: "/srv/c.json5", line: 3)))
    #expect(read[SettingTable.rescan] == 10)
    #expect(read.origin(of: SettingTable.rescan) == .builtIn)
    #expect(Configuration().changes(to: read) == ["watch.settle: \"60 s\" \u{2192} \"5 s\""])
  }

  @Test("an unknown key is an error with its line and a suggestion")
  func unknownKey() {
    let place = SettingPlace(path: "/srv/c.json5", line: 2)
    #expect(
      throws: SettingsError.unknownKey(
        place: place, key: "watch.setle", suggestion: "watch.settle")
    ) { try configuration("{ watch: {\n setle: '5 s' } }") }
    // A known key at the wrong place is recognised without any edit.
    #expect(
      throws: SettingsError.unknownKey(place: place, key: "inbox", suggestion: "watch.inbox")
    ) { try configuration("{ \n inbox: '/in' }") }
    #expect(
      throws: SettingsError.unknownKey(
        place: SettingPlace(path: "/srv/c.json5", line: 1), key: "zzz", suggestion: nil)
    ) { try configuration("{ zzz: 1 }") }
  }

  @Test(
    "a value of the wrong type, unit or range is an error",
    arguments: [
      ("{ watch: { settle: 60 } }", "watch.settle"),
      ("{ watch: { settle: '60 um' } }", "watch.settle"),
      ("{ watch: { settle: '-1 s' } }", "watch.settle"),
      ("{ watch: { attempts: 0 } }", "watch.attempts"),
      ("{ watch: { attempts: 2.5 } }", "watch.attempts"),
      ("{ watch: { pattern: '(?<block>.+' } }", "watch.pattern"),
      ("{ watch: { pattern: '(?<block>.+)' } }", "watch.pattern"),
      ("{ watch: 3 }", "watch"),
      ("{ watch: { freeDisk: '2 parsecs' } }", "watch.freeDisk"),
      ("{ watch: { extensions: ['svs', 3] } }", "watch.extensions"),
      ("{ convert: { allTiles: 'yes' } }", "convert.allTiles"),
      ("{ pyramid: { layout: 'best' } }", "pyramid.layout"),
      ("{ pixelSizes: { '*.tif': 0 } }", "pixelSizes"),
      ("{ pixelSizes: { '*.tif': 0.04 } }", "pixelSizes"),
      ("{ pixelSizes: { '*.tif': '21 um' } }", "pixelSizes"),
      ("{ convert: { overlap: 129 } }", "convert.overlap"),
      ("{ pixelSizes: { '*.tif': '1 s' } }", "pixelSizes"),
      ("{ models: { ihc: 3 } }", "models"),
      ("{ stains: { HE: 'H E' } }", "stains"),
    ])
  func unusableValue(text: String, key: String) {
    let error = #expect(throws: SettingsError.self) { try configuration(text) }
    guard case .unusableValue(_, let found, _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found == key)
  }

  @Test("a key that stands twice is an error")
  func duplicateKey() {
    #expect(
      throws: SettingsError.duplicateKey(
        place: SettingPlace(path: "/srv/c.json5", line: 3), key: "watch.settle", firstLine: 2)
    ) { try configuration("{ watch: {\n settle: '5 s',\n \"settle\": '6 s' } }") }
  }

  @Test(
    "a syntax error names its line",
    arguments: [
      ("{ watch: {\n settle '5 s' } }", 2), ("{\n\n watch: { settle: 5s } }", 3),
      ("{ watch: {\n settle: '5 s\n } }", 2), ("{\n watch: {", 2), ("{ } \n }", 2),
      ("{ /* open\n\n }", 1), ("{ watch: {}\n pyramid: {} }", 2), ("[\n]", 1), ("", 1),
      ("{ compute: { threads: \n 0x } }", 2),
    ])
  func syntax(text: String, line: Int) {
    let error = #expect(throws: SettingsError.self) { try configuration(text) }
    guard case .syntax(let place, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(place.line == line)
  }

  @Test("deep nesting is refused, not followed")
  func deepNesting() {
    let text = "{ watch: " + String(repeating: "[", count: 100_000)
    #expect(throws: SettingsError.self) { try configuration(text) }
  }

  @Test("stains add to the defaults, in any case of letters, and * is every other one")
  func stains() throws {
    let read = try configuration("{ stains: { hematoxylin: 'he', '*': 'unstained' } }")
    #expect(read.kind(ofStain: "Hematoxylin") == "he")
    #expect(read.kind(ofStain: "h&e") == "he")
    #expect(read.kind(ofStain: "us") == "unstained")
    #expect(read.kind(ofStain: "CK7") == "unstained")
    #expect(Configuration().kind(ofStain: "CK7") == "ihc")
  }

  @Test("models are relative to the file that names them")
  func models() throws {
    let read = try configuration("{ models: { ihc: 'models/a.safetensors', us: '/b' } }")
    #expect(read.modelPath(ofKind: "ihc") == "/srv/models/a.safetensors")
    #expect(read.modelPath(ofKind: "us") == "/b")
    #expect(read.modelPath(ofKind: "he") == nil)
  }

  @Test("the longest pattern gives the pixel size")
  func pixelSizes() throws {
    let read = try configuration(
      "{ pixelSizes: { '*.tif': '0.5 um', 'A*.tif': 0.25, '/in/B/*': '500 nm' } }")
    #expect(read.pixelSize(ofSlide: "/in/A1.tif") == 0.25)
    #expect(read.pixelSize(ofSlide: "/in/B1.tif") == 0.5)
    #expect(read.pixelSize(ofSlide: "/in/B/x.svs") == 0.5)
    #expect(read.pixelSize(ofSlide: "/in/x.svs") == nil)
  }

  @Test("the files of FILE.d are read after it, in order of name")
  func folder() throws {
    let scratch = try TemporaryDirectory()
    let path = scratch.path("restain.json5")
    try FileManager.default.createDirectory(
      atPath: path + ".d", withIntermediateDirectories: true)
    for (name, text) in [
      ("restain.json5", "{ watch: { attempts: 1, settle: '1 s', rescan: '1 s' } }"),
      ("restain.json5.d/20.json5", "{ watch: { attempts: 3 } }"),
      ("restain.json5.d/10.json5", "{ watch: { attempts: 2, settle: '2 s' } }"),
      ("restain.json5.d/30.txt", "no JSON5"),
    ] { try Data(text.utf8).write(to: scratch.url.appendingPathComponent(name)) }
    let read = try reader.configuration(at: path)
    #expect(read[SettingTable.attempts] == 3)
    #expect(read[SettingTable.settle] == 2)
    #expect(read[SettingTable.rescan] == 1)
    #expect(throws: SettingsError.missingFile(path: "/no/such")) {
      try reader.configuration(at: "/no/such")
    }
  }

  @Test("settings written as text read back as they are, with their origins as comments")
  func text() throws {
    let read = try configuration(
      "{ models: { ihc: 'a' }, pixelSizes: { 'A*': 0.25 },\n watch: { settle: '5 s', inbox: null, "
        + "state: '/s', extensions: ['svs'] }, pyramid: { quality: 80 } }")
    let text = read.text(omitting: ["watch.state"])
    let again = try configuration(text)
    #expect(read.changes(to: again) == ["watch.state: \"/s\" \u{2192} null"])
    #expect(text.contains("settle: \"5 s\",  // /srv/c.json5:2\n"))
    #expect(!text.contains("attempts"))
    #expect(Configuration().text() == "{\n}\n")
  }

  @Test("an option of the command line wins and is named as the origin")
  func override() throws {
    var read = Configuration()
    try read.override(SettingTable.overlap, with: .number(32), option: "--overlap")
    #expect(read[SettingTable.overlap] == 32)
    #expect(read.origin(of: SettingTable.overlap).description == "command line, --overlap")
    #expect(throws: SettingsError.self) {
      try read.override(SettingTable.overlap, with: .number(300), option: "--overlap")
    }
  }
}

@Suite("The shipped configuration")
struct ShippedConfigurationTests {
  private static let folder = SharedData.packageFolder.appendingPathComponent("watch-config")

  private static func text(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }

  /// The text with the slashes taken off every line that holds a key and a value with a comma.
  private static func uncommented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let trimmed = line.drop { $0 == " " }
      guard trimmed.hasPrefix("// "), trimmed.hasSuffix(","),
        (try? Regex("// [A-Za-z]+: .*").wholeMatch(in: trimmed)) != nil
      else { return String(line) }
      return String(trimmed.dropFirst(3))
    }.joined(separator: "\n")
  }

  @Test("it lists every key with its default and its sentence")
  func everyKey() throws {
    let text = try Self.text("restain.json5")
    let read = try configuration(Self.uncommented(text))
    for (setting, entry) in zip(read.settings, SettingTable.entries) {
      #expect(setting.value == entry.defaultValue, "\(entry.path)")
      #expect(setting.origin != .builtIn, "\(entry.path) is not listed")
      #expect(text.contains(entry.sentence.dropLast()), "\(entry.path)")
    }
  }

  @Test("as shipped it changes no default")
  func unchanged() throws {
    let read = try configuration(Self.text("restain.json5"))
    #expect(Configuration().changes(to: read) == [])
  }

  @Test("the presets are valid")
  func presets() throws {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: Self.folder.appendingPathComponent("presets").path)
    #expect(names.count >= 2)
    for name in names { _ = try configuration(Self.text("presets/\(name)")) }
  }
}

@Suite("Units and names")
struct UnitTests {
  @Test("units are read with and without a space; a bare number is none")
  func units() {
    #expect(Units.bytes("4 GiB") == 4_294_967_296)
    #expect(Units.bytes("4GiB") == 4_294_967_296)
    #expect(Units.bytes("1.5 kB") == 1500)
    #expect(Units.bytes("4") == nil)
    #expect(Units.bytes("0 B") == nil)
    #expect(Units.bytes("4 gib") == nil)
    #expect(Units.seconds("30m") == 1800)
    #expect(Units.seconds("10 min") == 600)
    #expect(Units.seconds("1.5 h") == 5400)
    #expect(Units.seconds("s") == nil)
    #expect(Units.seconds("1 s s") == nil)
    #expect(Units.microns("0.5 um") == 0.5)
    #expect(Units.microns("0.5 \u{B5}m") == 0.5)
    #expect(Units.microns("250 nm") == 0.25)
    #expect(Units.microns("1e3 um") == nil)
  }

  @Test("the default pattern parts block and stain at the last dash or underscore")
  func pattern() throws {
    let pattern = try #require(Configuration().namePattern)
    #expect(pattern.parts(ofStem: "A12_HE") == .init(block: "A12", stain: "HE"))
    #expect(pattern.parts(ofStem: "a-b_c-CK7") == .init(block: "a-b_c", stain: "CK7"))
    #expect(pattern.parts(ofStem: "A12") == nil)
    #expect(pattern.parts(ofStem: "_HE") == nil)
    #expect(NamePattern("(?<block>.+") == nil)
    #expect(NamePattern("(?<block>.+)_(.+)") == nil)
  }

  @Test("a value written as JSON5 reads back as itself")
  func roundTrip() throws {
    let value = SettingValue.object([
      "plain": .number(0.5), "H&E": .text("a\"b\\c\n\u{1}"),
      "list": .list([.null, .boolean(true), .number(-3)]),
    ])
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    #expect(try decoder.decode(SettingValue.self, from: Data(value.description.utf8)) == value)
  }
}
