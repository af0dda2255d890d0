import Foundation
import Networks
import Pictures
import Pyramids
import Rasters
import Registration
import Slides
import Staining
import Stitching
import TestSupport

/// Runs work in turn.
let inTurn: ForEach = { count, body in for index in 0..<count { body(index) } }

/// A section: white glass at the right, everywhere else a random purple texture with some fine noise.
func section(width: Int, height: Int, glassFrom: Double = 0.8, seed: UInt64) -> RGBImage {
  var generator = SeededGenerator(seed: seed)
  var image = RGBImage(width: width, height: height, filledWith: glass)
  let cell = 9
  let columns = width / cell + 1
  let levels = (0..<(columns * (height / cell + 1))).map { _ in Int(generator.next() % 90) }
  for y in 0..<height {
    for x in 0..<Int(Double(width) * glassFrom) {
      let level = levels[(y / cell) * columns + x / cell] + Int(generator.next() % 12)
      image[x, y] = RGBColor(
        red: UInt8(110 + level), green: UInt8(60 + level), blue: UInt8(130 + level))
    }
  }
  return image
}

/// The colour of clear glass in these sections.
let glass = RGBColor(red: 244, green: 243, blue: 245)

/// Writes a picture as a lossless slide.
func writeSlide(_ image: RGBImage, _ path: String, microns: Double) throws {
  let writer = try PyramidWriter(
    path: path, width: image.width, height: image.height,
    options: PyramidOptions(
      layout: .chained, compression: .deflate, pixelSize: PixelSize(microns),
      description: PyramidDescription(name: "section")))
  try writer.append(rows: image)
  _ = try writer.finish()
}

/// A slide's frame.
func frame(_ slide: Slide) throws -> SectionFrame {
  SectionFrame(
    name: URL(fileURLWithPath: slide.path).lastPathComponent, width: slide.width,
    height: slide.height, pixelSize: try slide.requirePixelSize())
}

/// A pair of slides whose moving section is shifted by whole microns, and its transform.
struct TestCase {
  let folder: TemporaryDirectory
  let fixed: Slide
  let moving: Slide
  let transform: SectionTransform
  let transformPath: String

  init(
    fixed: RGBImage, moving: RGBImage, microns: Double = 1, shift: (x: Double, y: Double) = (0, 0),
    status: RegistrationStatus = .ok, residuals: ResidualMap? = nil
  ) throws {
    folder = try TemporaryDirectory()
    try writeSlide(fixed, folder.path("HE.tif"), microns: microns)
    try writeSlide(moving, folder.path("IHC.tif"), microns: microns)
    self.fixed = try Slide(path: folder.path("HE.tif"))
    self.moving = try Slide(path: folder.path("IHC.tif"))
    transform = SectionTransform(
      fixed: try frame(self.fixed), moving: try frame(self.moving),
      affine: AffineMap(a: 1, b: 0, c: shift.x, d: 0, e: 1, f: shift.y), status: status,
      reasons: status == .ok ? [] : [.lowMargin], residuals: residuals)
    transformPath = folder.path("IHC.transform.json")
    try transform.data().write(to: URL(fileURLWithPath: transformPath))
  }

  var sections: PairedDatasetMaker.Sections {
    PairedDatasetMaker.Sections(
      fixed: fixed, moving: moving, transform: transform, transformPath: transformPath)
  }

  /// Adds the case to a data set of tiles of 64 pixels that share 16.
  func add(
    to folder: String, as name: String = "A12",
    change: (inout PairedDatasetMaker.Options) -> Void = { _ in }
  ) throws -> (index: DatasetIndex, added: DatasetIndex.Case) {
    var options = PairedDatasetMaker.Options(caseName: name)
    options.tileSize = 64
    options.overlap = 16
    change(&options)
    return try PairedDatasetMaker(folder: folder, options: options, forEach: inTurn).add(sections)
  }
}

/// The names of the pictures of one split.
func tiles(_ folder: String, _ split: DatasetSplit) throws -> [TileName] {
  try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(split.rawValue)").sorted()
    .compactMap { TileName($0) }
}

/// Writes a data set of 256-pixel tiles whose target is the input in other colours.
func writeToyDataset(_ folder: String, train: Int, validation: Int, seed: UInt64) throws {
  var index = DatasetIndex(
    pixelSizeMicrons: 0.5, tileSize: 256, splitUnit: .square, shares: .standard)
  let input = DatasetIndex.Input(file: "toy.tif", hash: "00")
  index.cases.append(
    DatasetIndex.Case(
      name: "toy", fixed: input, moving: input, transform: input, status: "ok",
      medianResidualMicrons: nil, maxResidualMicrons: 10, overlap: 64, split: nil,
      kept: ["train": train, "val": validation], leftOut: DatasetIndex.LeftOut()))
  for (split, count) in [(DatasetSplit.train, train), (.validation, validation)] {
    let path = "\(folder)/\(split.rawValue)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for number in 0..<count {
      let left = section(
        width: 256, height: 256, seed: seed + UInt64(number) + (split == .train ? 0 : 1000))
      var right = left
      for pixel in 0..<(256 * 256) {
        right.pixels[pixel * 3] = left.pixels[pixel * 3 + 1]
        right.pixels[pixel * 3 + 1] = left.pixels[pixel * 3 + 2]
        right.pixels[pixel * 3 + 2] = left.pixels[pixel * 3] / 2
      }
      var pair = RGBImage(width: 512, height: 256)
      pair.paste(left, x: 0, y: 0)
      pair.paste(right, x: 256, y: 0)
      try PictureFile.writePNG(
        pair, path: "\(path)/\(TileName(caseName: "toy", x: number * 256, y: 0).text)")
    }
  }
  try JSONEncoder().encode(index).write(
    to: URL(fileURLWithPath: "\(folder)/\(DatasetIndex.fileName)"))
}

/// A model file that gives back what it gets.
func identityModel(microns: Double) -> StainModel {
  StainModel(
    card: ModelCard(
      architecture: .identity, baseChannels: 0, normalization: .running,
      pixelSizeMicrons: microns, fromStain: "ihc", toStain: "ihc", restainVersion: "test"),
    state: StateDictionary([]))
}

/// A small generator with random weights, large enough to change colours visibly.
func randomModel(microns: Double, seed: UInt64 = 3) -> StainModel {
  let state = UNetGenerator(baseChannels: 2, seed: seed).state
  let louder = state.tensors.map { tensor in
    guard case .float32(let values) = tensor.contents, tensor.shape.count == 4 else {
      return tensor
    }
    return NamedTensor(tensor.name, tensor.shape, values.map { $0 * 8 })
  }
  return StainModel(
    card: ModelCard(
      architecture: .pix2pix, baseChannels: 2, normalization: .running, pixelSizeMicrons: microns,
      fromStain: "ihc", toStain: "he", restainVersion: "test"),
    state: StateDictionary(louder))
}
