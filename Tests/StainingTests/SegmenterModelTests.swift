import Foundation
import Networks
import Rasters
import Slides
import Staining
import Tensors
import TestSupport
import Testing

@Suite("Segmenters as model files")
struct SegmenterModelTests {
  private let folder: TemporaryDirectory
  private let earlier = SharedData.packageFolder.appendingPathComponent(
    "Tests/NetworksTests/Fixtures/segmenter-earlier.pth"
  ).path

  init() throws { folder = try TemporaryDirectory() }

  private func taken(_ path: String, _ classes: [LabelClass]? = nil) throws -> StainModel {
    try StainModel(
      segmenterCheckpoint: path, classes: classes, classesPath: "classes.json",
      pixelSizeMicrons: 0.5, fromStain: "he", restainVersion: "test")
  }

  @Test("a PyTorch file becomes a model with its classes, and goes back as it came")
  func roundTrip() throws {
    let model = try taken(earlier)
    #expect(model.card.architecture == .segmenter && model.card.baseChannels == 2)
    #expect(model.card.classes?.map(\.name) == ["class 0", "class 1", "class 2"])
    let named = try taken(earlier, testClasses)
    #expect(named.card.classes == testClasses.learned && named.state == model.state)
    let path = folder.path("m.safetensors")
    try named.write(to: path)
    let read = try StainModel(path: path)
    #expect(read == named)
    #expect(try read.segmenter(path: path).classes == testClasses.learned)
    #expect(
      try read.parameterCount(path: path) == read.segmenter(path: path).network.parameterCount)
    try read.writePyTorchFile(to: folder.path("m.pth"), modelPath: path)
    #expect(try taken(folder.path("m.pth"), testClasses) == named)
  }

  @Test("what is no segmenter, or has other classes than outputs, is refused in one line")
  func refusals() throws {
    func expectRefusal(_ part: String, _ body: () throws -> Void) {
      let error = #expect(throws: StainingError.self) { try body() }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains(part) && !text.contains("\n"), "\(text)")
    }
    expectRefusal("2 classes to learn, the network has 3") {
      _ = try taken(earlier, Array(testClasses[0...1]))
    }
    let generator = folder.path("g.pth")
    try randomModel(microns: 0.5).writePyTorchFile(to: generator, modelPath: "g")
    expectRefusal("no segmentation U-Net") { _ = try taken(generator) }
    var state = SegmentationUNet(baseChannels: 2, classCount: 3, downCount: 1, seed: 1).state
    state.tensors.append(NamedTensor("extra.weight", [1], [0]))
    try state.writePyTorchFile(to: folder.path("extra.pth"))
    expectRefusal("extra.weight") { _ = try taken(folder.path("extra.pth")) }
    expectRefusal("is no segmenter") { _ = try randomModel(microns: 0.5).segmenter(path: "g") }
    var model = try taken(earlier)
    expectRefusal("has no generator") { _ = try model.generator(path: "m") }
    for microns in [0.04, 21, 1e300] {
      var other = model
      other.card.pixelSizeMicrons = microns
      try other.write(to: folder.path("far.safetensors"))
      expectRefusal("pixel size") { _ = try StainModel(path: folder.path("far.safetensors")) }
    }
    model.card.classes?.removeLast()
    expectRefusal("disagree") { _ = try model.segmenter(path: "m") }
    model.card.classes = nil
    try model.write(to: folder.path("m.safetensors"))
    expectRefusal("does not describe its classes") {
      _ = try StainModel(path: folder.path("m.safetensors"))
    }
  }

  @Test("convert refuses a segmenter")
  func conversion() throws {
    try writeSlide(
      section(width: 300, height: 300, seed: 1), folder.path("IHC.tif"), microns: 0.5)
    let error = #expect(throws: StainingError.self) {
      _ = try SlideConversion(
        slide: try Slide(path: folder.path("IHC.tif")), model: try taken(earlier), modelPath: "m",
        options: ConversionOptions(), acceptsCoarse: false, restainVersion: "test",
        context: ComputeContext())
    }
    #expect(error.map { "\($0)".contains("names tissue and makes no stain") } == true)
  }
}
