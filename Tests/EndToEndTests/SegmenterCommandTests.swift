import Foundation
import TestSupport
import Testing

@Suite("Segmenters: labels, training, models, F1")
struct SegmenterCommandTests {
  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool
  private let real: String
  private let map: String
  private let truth: String

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    real = scratch.path("p/truth_HE.tif")
    map = scratch.path("p/tissue_map.tif")
    truth = scratch.path("p/truth.json")
    try run(["phantom", "-o", scratch.path("p"), "--size", "1536", "--seed", "5"])
  }

  @discardableResult
  private func run(_ arguments: [String]) throws -> String {
    let outcome = try tool.run(arguments)
    #expect(outcome.status == 0, "\(arguments.joined(separator: " ")): \(outcome.diagnostics)")
    return outcome.output
  }

  private func expectFailure(
    _ arguments: [String], _ status: Int32, _ part: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try tool.run(arguments + ["--quiet"])
    #expect(outcome.status == status, "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.split(separator: "\n").count == 1, "\(outcome.diagnostics)",
      sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.contains(part), "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
  }

  private func cut(_ more: [String] = []) throws -> [String: Any] {
    try SlideFiles.object(
      try run(
        [
          "tiles", "--fixed", real, "--labels", map, "-o", scratch.path("set"), "--overlap", "0",
          "--json", "--quiet",
        ] + more))
  }

  /// A segmenter of four steps.
  private func train() throws -> String {
    _ = try cut(["--classes", truth, "--case", "p5"])
    try run([
      "train", "segmenter", "--data", scratch.path("set"), "-o", scratch.path("m"),
      "--base-channels", "2", "--steps", "4", "--validate-every", "2", "--quiet",
    ])
    return scratch.path("m.safetensors")
  }

  @Test("labels need no transform and go with none; what does not fit ends with 64, 65 or 66")
  func labels() throws {
    let result = try cut(["--classes", truth])
    let entry = try #require(result["case"] as? [String: Any])
    #expect(entry["name"] as? String == "truth" && entry["transform"] == nil)
    #expect((entry["labels"] as? [String: Any])?["file"] as? String == "tissue_map.tif")
    let index = try SlideFiles.object(
      try String(contentsOfFile: scratch.path("set/dataset.json"), encoding: .utf8))
    let classes = try #require(index["classes"] as? [[String: Any]])
    #expect(classes.compactMap { $0["name"] as? String }.contains("epithelium"))
    #expect(classes[0]["color"] as? [Int] == [255, 255, 255])

    let base = ["tiles", "--fixed", real, "-o", scratch.path("other")]
    try expectFailure(base, 64, "--moving")
    try expectFailure(base + ["--moving", scratch.path("p/phantom_IHC.tif")], 64, "--transform")
    for option in ["--moving", "--transform"] {
      try expectFailure(base + ["--labels", map, option, real], 64, option)
    }
    try expectFailure(base + ["--labels", map, "--max-residual", "5"], 64, "--max-residual")
    try expectFailure(base + ["--classes", truth], 64, "--labels")
    try expectFailure(base + ["--labels", scratch.path("none.tif")], 66, "no such file")
    try expectFailure(base + ["--labels", map, "--classes", "/no/such"], 66, "no such file")
    try expectFailure(
      base + ["--labels", map, "--classes", scratch.path("p/landmarks_fixed.csv")], 65,
      "no usable list of classes")
    // The H&E of the phantom is compressed: its colours are no classes.
    try expectFailure(base + ["--labels", real], 65, "more than 64 colours")
    try run(["phantom", "-o", scratch.path("small"), "--size", "512", "--seed", "1", "--quiet"])
    try expectFailure(
      base + ["--labels", scratch.path("small/tissue_map.tif")], 65,
      "export the labels of the whole")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("other/dataset.json")))
  }

  @Test("a segmenter is trained, told about, exported and taken over again; its uses are its own")
  func models() throws {
    let model = try train()
    let table = try String(contentsOfFile: scratch.path("m.train.csv"), encoding: .utf8)
    #expect(table.split(separator: "\n").count == 3 && table.contains("val_f1_epithelium"))
    let info = try SlideFiles.object(try run(["model", "info", model, "--json"]))
    let card = try #require(info["card"] as? [String: Any])
    #expect(card["architecture"] as? String == "segmenter-unet")
    #expect(card["pixel_size_um"] as? Double == 0.5 && card["from"] as? String == "he")
    #expect((card["classes"] as? [[String: Any]])?.count == 8)
    let training = try #require(card["training"] as? [String: Any])
    #expect((training["validation"] as? [String: Any])?["f1_macro"] is Double)
    let text = try run(["model", "info", model])
    #expect(text.contains("epithelium #783CA0") && text.contains("macro F1"))

    try run(["model", "export", model, "-o", scratch.path("m.pth")])
    let taken = scratch.path("taken.safetensors")
    let base = [
      "model", "import", scratch.path("m.pth"), "--architecture", "segmenter-unet",
      "--pixel-size", "0.5", "-o", taken,
    ]
    #expect(try run(base + ["--classes", truth]).contains("epithelium"))
    let other = try SlideFiles.object(try run(["model", "info", taken, "--json"]))
    #expect(other["parameters"] as? Int == info["parameters"] as? Int)
    let force = base + ["--force"]
    #expect(try run(force).contains("class 0"))
    try expectFailure(base, 73, "exists already")
    try expectFailure(
      base.dropLast() + [truth, "--classes", truth, "--force"], 64, "is the input")
    try expectFailure(force + ["--to", "he"], 64, "--to")
    try expectFailure(force + ["--normalization", "running"], 64, "--normalization")
    try expectFailure(
      [
        "model", "import", scratch.path("m.pth"), "--architecture", "pix2pix-unet256",
        "--pixel-size", "0.5", "--from", "ihc", "--to", "he", "-o", taken, "--force",
      ], 65, "no U-Net generator")

    try expectFailure(
      [
        "evaluate", "conversion", "--real", real, "--generated", real, "--input", real,
        "--baseline",
        scratch.path("set"),
      ], 65, "holds labels")
    try expectFailure(
      [
        "convert", scratch.path("p/phantom_IHC.tif"), "--model", model, "-o",
        scratch.path("out.tif"),
      ], 65, "makes no stain")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("out.tif")))
    let stain = SharedData.packageFolder.appendingPathComponent(
      "watch-config/models/ihc2he-phantom.safetensors"
    ).path
    try expectFailure(
      ["evaluate", "conversion", "--real", real, "--generated", real, "--segmenter", stain], 65,
      "is no segmenter")
    try expectFailure(
      ["train", "pix2pix", "--data", scratch.path("set"), "-o", scratch.path("n")], 65,
      "holds labels")
  }

  private func evaluate(_ more: [String]) throws -> [String: Any] {
    try SlideFiles.object(
      try run(["evaluate", "conversion", "--real", real, "--json", "--quiet"] + more))
  }

  @Test("F1 is 1 for equal slides and less for others, with counts, an interval and the ceiling")
  func scores() throws {
    let model = try train()
    let same = try evaluate([
      "--generated", real, "--segmenter", model, "--labels", map, "--threads", "1",
    ])
    #expect(same["f1_macro"] as? Double == 1 && same["f1_micro"] as? Double == 1)
    #expect(same["f1_macro_interval"] as? [Double] == [1, 1])
    #expect((0.0..<1).contains(same["f1_ceiling_macro"] as? Double ?? -1))
    let classes = try #require(same["f1_classes"] as? [String: [String: Any]])
    let pixels = classes.values.reduce(0) { $0 + ($1["real_pixels"] as? Int ?? 0) }
    #expect(pixels == same["tissue_pixels"] as? Int)

    let input = scratch.path("p/phantom_IHC.tif")
    let options = ["--generated", input, "--input", input, "--segmenter", model]
    let other = try evaluate(options)
    let micro = try #require(other["f1_micro"] as? Double)
    #expect(micro > 0 && micro < 1 && other["f1_ceiling_macro"] == nil)
    #expect((other["input"] as? [String: Any])?["f1_micro"] as? Double == micro)
    let plain = try evaluate(["--generated", input])
    #expect(plain["f1_micro"] == nil && plain["psnr_db"] as? Double == other["psnr_db"] as? Double)
    let table = try run(["evaluate", "conversion", "--real", real] + options)
    #expect(table.contains("generated macro 0.") && table.contains("input macro 0."))

    // Names of other classes are no ceiling; labels and classes alone mean nothing.
    let names = scratch.path("names.json")
    try Data(
      #"[{"name": "x", "color": [240, 150, 190]}, {"name": "y", "color": [1, 1, 1]}]"#.utf8
    ).write(to: URL(fileURLWithPath: names))
    let base = ["evaluate", "conversion", "--real", real, "--generated", real]
    try expectFailure(
      base + ["--segmenter", model, "--labels", map, "--classes", names], 65,
      "none of the segmenter's classes")
    for target in [model, map, truth] {
      try expectFailure(
        base + [
          "--segmenter", model, "--labels", map, "--classes", truth, "--picture", target, "--force",
        ], 64, "is the input")
    }
    // Before the slides are read.
    try run(["phantom", "-o", scratch.path("small"), "--size", "512", "--seed", "1", "--quiet"])
    let early = try tool.run(
      base + ["--segmenter", model, "--labels", scratch.path("small/tissue_map.tif")])
    #expect(early.status == 65 && early.diagnostics.contains("labels of the whole slide"))
    #expect(!early.diagnostics.contains("compare"), "\(early.diagnostics)")
    try expectFailure(base + ["--labels", map], 64, "--segmenter")
    try expectFailure(base + ["--segmenter", model, "--classes", names], 64, "--labels")
    try expectFailure(base + ["--segmenter", scratch.path("none")], 66, "no such file")
  }

  @Test(
    "the segmenter's own pixel size counts, also under a transform; too coarse slides are refused")
  func frames() throws {
    let model = try train()
    let coarse = scratch.path("coarse.safetensors")
    try run(["model", "export", model, "-o", scratch.path("m.pth")])
    func take(_ microns: String) throws {
      try run([
        "model", "import", scratch.path("m.pth"), "--architecture", "segmenter-unet",
        "--pixel-size", microns, "-o", coarse, "--classes", truth, "--force",
      ])
    }
    try take("1")
    let same = try evaluate(["--generated", real, "--segmenter", coarse])
    #expect(same["f1_macro"] as? Double == 1)
    let classes = try #require(same["f1_classes"] as? [String: [String: Any]])
    let pixels = classes.values.reduce(0) { $0 + ($1["real_pixels"] as? Int ?? 0) }
    // A fourth of the pixels, but for blocks of twice the extent at the tissue's rim.
    let quarter = Double(same["tissue_pixels"] as? Int ?? 0) / 4
    #expect(abs(Double(pixels) / quarter - 1) < 0.25)

    let fixed = scratch.path("p/phantom_HE.tif")
    try run([
      "register", "--fixed", fixed, "--moving", scratch.path("p/phantom_IHC.tif"), "-o",
      scratch.path("t"), "--quiet",
    ])
    let options = [
      "evaluate", "conversion", "--real", fixed, "--generated", real, "--transform",
      scratch.path("t/phantom_IHC.transform.json"), "--json", "--quiet", "--segmenter",
    ]
    for segmenter in [model, coarse] {
      let warped = try SlideFiles.object(try run(options + [segmenter]))
      #expect((0.1...0.9999).contains(warped["f1_micro"] as? Double ?? -1))
    }
    try take("0.4")
    let refused = ["evaluate", "conversion", "--real", real, "--generated", real, "--segmenter"]
    try expectFailure(refused + [coarse], 65, "--force")
    try run(refused + [coarse, "--force"])
  }
}
