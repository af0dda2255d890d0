import Foundation
import Networks
import Pyramids
import Rasters
import Staining
import TestSupport
import Testing

/// Nothing that is read, and nothing that is no file, is ever written over.
@Suite("Outputs that would destroy something")
struct OutputSafetyTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool
  private let slide: String
  private let model: String

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
    slide = folder.path("slide.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 300, height: 300), to: slide)
    model = folder.path("model.safetensors")
    try FileManager.default.copyItem(
      atPath: SharedData.demoModel,
      toPath: model)
  }

  private func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
  }

  private func expectRefused(
    _ arguments: [String], status: Int32, keeping path: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try bytes(path)
    let outcome = try tool.run(arguments)
    #expect(outcome.status == status, "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
    #expect(try bytes(path) == before, sourceLocation: sourceLocation)
  }

  @Test(
    "a slide that has the name of an unfinished output stays", arguments: ["partial", "progress"])
  func unfinishedName(ending: String) throws {
    let input = folder.path("out.tif.\(ending)")
    try FileManager.default.copyItem(atPath: slide, toPath: input)
    for more in [[], ["--force"]] {
      let output = folder.path("out.tif")
      try expectRefused(["pyramid", input, "-o", output] + more, status: 64, keeping: input)
      try expectRefused(
        ["convert", input, "--model", model, "-o", output] + more, status: 64, keeping: input)
    }
    // Another command's input is safe as well, unless its loss is asked for.
    try expectRefused(
      ["pyramid", slide, "-o", folder.path("out.tif")], status: 73, keeping: input)
    let link = folder.path("linked.tif")
    try FileManager.default.createSymbolicLink(
      atPath: link + ".partial", withDestinationPath: slide)
    try expectRefused(["pyramid", slide, "-o", link, "--force"], status: 64, keeping: slide)
  }

  @Test("a model is never the output, a map of points never its transform")
  func otherInputs() throws {
    try expectRefused(
      ["convert", slide, "--model", model, "-o", model, "--force"], status: 64, keeping: model)
    try expectRefused(
      ["model", "export", model, "-o", model, "--force"], status: 64, keeping: model)
    let link = folder.path("hard.tif")
    try FileManager.default.linkItem(atPath: slide, toPath: link)
    try expectRefused(["pyramid", slide, "-o", link, "--force"], status: 64, keeping: slide)
    try expectRefused(
      [
        "evaluate", "conversion", "--real", slide, "--generated", slide, "--picture", slide,
        "--force",
      ], status: 64, keeping: slide)
  }

  @Test(
    "a picture of a comparison replaces neither network nor labels, not even by force",
    arguments: ["--inception", "--segmenter", "--labels", "--classes", "--mask", "--input"])
  func inputsOfComparison(option: String) throws {
    let input = folder.path("input")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: input))
    let outcome = try tool.run([
      "evaluate", "conversion", "--real", slide, "--generated", slide, option, input, "--picture",
      input, "--force",
    ])
    #expect(outcome.status == 64)
    #expect(outcome.diagnostics.contains("--picture: \(input) is the input"))
    #expect(try bytes(input) == Data("mine".utf8))
  }

  @Test("a case never replaces what it is made from", arguments: ["registered", "virtual-HE"])
  func caseInputs(name: String) throws {
    let out = folder.path("out")
    try FileManager.default.createDirectory(atPath: out + "/C", withIntermediateDirectories: true)
    let input = "\(out)/C/slide.\(name).tif"
    try FileManager.default.copyItem(atPath: slide, toPath: input)
    let arguments = [
      "run", "--moving", slide, "--fixed", input, "--model", model, "-o", out, "--case", "C",
    ]
    for more in [[], ["--force"]] {
      try expectRefused(arguments + more, status: 64, keeping: input)
    }
  }

  @Test("work that would take more memory than it may is not begun")
  func memory() throws {
    for verb in [["register"], ["run", "--model", model, "--case", "C"]] {
      let outcome = try tool.run(
        verb + ["--fixed", slide, "--moving", slide, "-o", folder.path("o"), "--memory", "1MiB"])
      #expect(outcome.status == 64, "\(outcome.diagnostics)")
      #expect(
        outcome.diagnostics.contains("of memory and may use 1.0 MiB; allow more with --memory"))
    }
  }

  @Test("a pyramid is not written over what an interrupted conversion has made")
  func unfinishedConversion() throws {
    let output = folder.path("o.tif")
    let progress = output + ".progress"
    let stopped = try PyramidWriter(
      path: output, width: 300, height: 300,
      options: PyramidOptions(
        pixelSize: PixelSize(0.5), description: PyramidDescription(name: "test")))
    try stopped.append(rows: SlideFiles.tissue(width: 300, height: 256))
    try stopped.checkpoint()
    try expectRefused(["pyramid", slide, "-o", output], status: 73, keeping: progress)
  }

  @Test("a folder and a device are no output, not even by force")
  func noFiles() throws {
    for output in [folder.url.path, "/dev/full"] {
      let outcome = try tool.run(["pyramid", slide, "-o", output, "--force"])
      #expect(outcome.status == 73)
      #expect(outcome.diagnostics.contains("\(output): cannot be written (it is no regular file)"))
    }
    #expect(!FileManager.default.fileExists(atPath: "/dev/full.partial"))
  }

  @Test("a picture that finds the disk full ends with 75")
  func fullDisk() throws {
    let picture = folder.path("p.jpg")
    try FileManager.default.createSymbolicLink(
      atPath: picture + ".partial", withDestinationPath: "/dev/full")
    let outcome = try tool.run([
      "evaluate", "conversion", "--real", slide, "--generated", slide, "--picture", picture,
    ])
    #expect(outcome.status == 75, "\(outcome.diagnostics)")
    #expect(!FileManager.default.fileExists(atPath: picture))
  }

  @Test("the states of a bridge replace no picture, whichever of them is there")
  func trajectory() throws {
    let network = DiffusionConfiguration(
      baseChannels: 8, multipliers: [1, 2, 2, 2], residualBlocks: 1, headChannels: 8,
      groupCount: 4)
    let bridge = StainModel(
      card: ModelCard(
        architecture: .bridge, baseChannels: network.baseChannels,
        bridge: ModelCard.Bridge(network: network, schedule: BridgeSchedule(), evaluations: 2),
        normalization: .reference, pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he",
        restainVersion: "test"),
      state: DiffusionUNet(configuration: network, seed: 1).state)
    try bridge.write(to: folder.path("bridge.safetensors"))
    let states = folder.path("states")
    try FileManager.default.createDirectory(atPath: states, withIntermediateDirectories: true)
    let last = "\(states)/state-02.png"
    try Data("mine".utf8).write(to: URL(fileURLWithPath: last))
    let arguments = [
      "convert", slide, "--model", folder.path("bridge.safetensors"), "-o", folder.path("o.tif"),
      "--trajectory", states, "--region", "0,0,256,256",
    ]
    try expectRefused(arguments, status: 73, keeping: last)
    #expect(try FileManager.default.contentsOfDirectory(atPath: states) == ["state-02.png"])
    let forced = try tool.run(arguments + ["--force"])
    #expect(forced.status == 0, "\(forced.diagnostics)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: states).count == 3)
    #expect(try bytes(last).count > 4)
  }
}
