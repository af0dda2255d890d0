import Foundation
import Pictures
import Rasters
import Reporting
import TestSupport
import Testing

@Suite("restain train pix2pix")
struct TrainCommandTests {
  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool

  /// Pairs of a small phantom, re-stained so to speak: the fixed section is the moving one in H&E.
  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    let fixed = scratch.path("p/truth_HE.tif")
    let moving = scratch.path("p/phantom_IHC.tif")
    for arguments in [
      ["phantom", "-o", scratch.path("p"), "--size", "1536", "--seed", "5"],
      ["register", "--fixed", fixed, "--moving", moving, "-o", scratch.path("t")],
      [
        "tiles", "--fixed", fixed, "--moving", moving, "--transform",
        scratch.path("t/phantom_IHC.transform.json"), "-o", scratch.path("set"), "--case", "p5",
        "--overlap", "0",
      ],
    ] {
      let outcome = try tool.run(arguments + ["--quiet"])
      #expect(outcome.status == 0, "\(outcome.diagnostics)")
    }
  }

  private func train(_ more: [String]) throws -> (objects: [[String: Any]], text: String) {
    let outcome = try tool.run(
      [
        "train", "pix2pix", "--data", scratch.path("set"), "-o", scratch.path("m"),
        "--base-channels", "2", "--steps", "100000", "--validate-every", "4", "--json",
      ] + more, environment: ["RESTAIN_PROGRESS_SECONDS": "0.1"])
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    let objects = try outcome.output.split(separator: "\n").map {
      try SlideFiles.object(String($0))
    }
    return (objects, outcome.diagnostics)
  }

  @Test(
    "--time stops early with model, table and pictures, status lines tell the time left, --resume goes on"
  )
  func timeBox() throws {
    let first = try train(["--time", "4s"]).objects
    let result = try #require(first.first { $0["type"] as? String == "result" })
    let step = try #require(result["step"] as? Int)
    #expect(result["complete"] as? Bool == false && result["stalled"] as? Bool == false)
    #expect(step >= 4 && step < 100_000)
    let statuses = first.filter { $0["type"] as? String == "status" }
    #expect(statuses.contains { ($0["seconds_left"] as? Double ?? 0) > 0 }, "\(statuses.prefix(2))")
    #expect(first.last?["type"] as? String == "exit")
    let files = FileManager.default
    #expect(files.fileExists(atPath: scratch.path("m.safetensors")))
    let grid = try PictureFile.readPNG(path: scratch.path("m.samples/step_0000004.png"))
    #expect(grid.width == 3 * 256)
    let table = try String(contentsOfFile: scratch.path("m.train.csv"), encoding: .utf8)
    // Beside the rows of validations there is one every 50 steps, without figures.
    let validated = table.split(separator: "\n").dropFirst().filter { !$0.hasSuffix(",") }
    #expect(validated.count == step / 4)

    // Without --resume nothing is overwritten; with it the work goes on from the same step.
    #expect(
      try tool.run([
        "train", "pix2pix", "--data", scratch.path("set"), "-o", scratch.path("m"), "--steps", "9",
      ]).status == 73)
    let second = try train(["--resume", "--time", "2s"])
    #expect(second.text.contains("going on from step \(step)"), "\(second.text)")
    let next = try #require(second.objects.first { $0["type"] as? String == "result" })
    #expect((next["step"] as? Int ?? 0) >= step)
  }

  @Test(
    "--resume without a checkpoint replaces no model, and one training at a time writes a model")
  func existing() throws {
    let model = scratch.path("m.safetensors")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: model))
    let arguments = [
      "train", "pix2pix", "--data", scratch.path("set"), "-o", scratch.path("m"),
      "--base-channels", "2", "--steps", "1", "--resume",
    ]
    #expect(try tool.run(arguments).status == 73)
    let typo = try tool.run(["train", "pix2pix", "--data", "/no/such", "-o", scratch.path("n")])
    #expect(typo.status == 66)
    #expect(!FileManager.default.fileExists(atPath: scratch.path("n.samples")))
    #expect(try Data(contentsOf: URL(fileURLWithPath: model)) == Data("mine".utf8))
    let samples = scratch.path("m.samples")
    try FileManager.default.createDirectory(atPath: samples, withIntermediateDirectories: true)
    let other = try tool.run(arguments + ["--force"])
    #expect(other.status == 0, "\(other.diagnostics)")
    try FolderLock(path: samples).whileHeld {
      let second = try tool.run(arguments)
      #expect(second.status == 75, "\(second.diagnostics)")
      #expect(second.diagnostics.split(separator: "\n").count == 1)
    }
    #expect(try tool.run(arguments).status == 0)
  }
}
