import Evaluation
import Networks
import Rasters
import Tensors
import TestSupport
import Testing

@Suite("F1 of the classes that a segmenter sees")
struct SegmentationScoresTests {
  private let pixelSize = PixelSize(0.5)

  private func segmenter(threads: Int = 1) -> SlideSegmenter {
    let context = ComputeContext(parallelism: Parallelism(threadCount: threads))
    let network = SegmentationUNet(baseChannels: 4, classCount: 3, downCount: 2, seed: 5)
    return SlideSegmenter(
      predictor: network.prepared(context: context), names: ["a", "b", "c"], context: context)
  }

  /// Coarse noise, dark enough to be tissue everywhere.
  private func tissue(width: Int, height: Int, seed: UInt64) -> RGBImage {
    var generator = SeededGenerator(seed: seed)
    let levels = (0..<10_000).map { _ in UInt8(generator.next() % 170) }
    var image = RGBImage(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        let cell = (y / 13) * 97 + x / 13
        image[x, y] = RGBColor(
          red: levels[cell % 9973], green: levels[(cell * 7 + 1) % 9973],
          blue: levels[(cell * 3 + 2) % 9973])
      }
    }
    return image
  }

  @Test("F1 is 2 TP / (2 TP + FP + FN): macro over the true classes, micro, weighted")
  func formulas() {
    var counts = ConfusionCounts(classCount: 4)
    // 6 of class 0, of which 4 found; 3 of class 1, of which 1; class 2 only found, class 3 nowhere.
    for (real, found, times) in [(0, 0, 4), (0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 0, 2)] {
      for _ in 0..<times { counts.add(real: real, found: found) }
    }
    #expect(counts.score(0) == 8.0 / 12)
    #expect(counts.score(1) == 2.0 / 5)
    #expect(counts.score(2) == 0)
    #expect(counts.score(3) == nil)
    #expect(abs(counts.macro - (8.0 / 12 + 2.0 / 5) / 2) < 1e-15)
    #expect(abs(counts.micro - 5.0 / 9) < 1e-15)
    #expect(abs(counts.weighted - (6 * 8.0 / 12 + 3 * 2.0 / 5) / 9) < 1e-15)
    var twice = counts
    twice.add(counts)
    #expect(twice.pixelCount == 18 && twice.macro == counts.macro)
    #expect(ConfusionCounts(classCount: 2).macro.isNaN)
  }

  @Test("equal slides score 1, and tile by tile gives what the whole pictures give")
  func wholePictures() throws {
    // More than one tile of 512, and no multiple of a block.
    let real = tissue(width: 700, height: 555, seed: 1)
    let generated = tissue(width: 700, height: 555, seed: 2)
    let segmenter = segmenter()
    let same = try ConversionComparison(real: real, generated: real, pixelSize: pixelSize)
      .classScores(by: segmenter)
    #expect(same.macro == 1 && same.micro == 1 && same.weighted == 1)
    #expect(same.macroInterval == [1, 1])
    let scores = try ConversionComparison(
      real: real, generated: generated, pixelSize: pixelSize
    ).classScores(by: segmenter)
    #expect(scores.micro < 0.9 && scores.classes.count >= 2)
    let interval = try #require(scores.macroInterval)
    #expect(interval[0] < scores.macro && scores.macro < interval[1])
    // One pass over each whole picture, mirrored at its borders by a margin of 24 pixels.
    func classes(_ image: RGBImage) throws -> [UInt8] {
      func place(_ index: Int, _ length: Int) -> Int {
        index < 0 ? -1 - index : index < length ? index : 2 * length - 1 - index
      }
      var values: [Float] = []
      let (width, height) = (704 + 48, 556 + 48)
      for y in -24..<height - 24 {
        for x in -24..<width - 24 {
          let color = image[place(x, 700), place(y, 555)]
          values += [color.red, color.green, color.blue].map { Float($0) / 127.5 - 1 }
        }
      }
      let all = try segmenter.predictor.classes(
        Tensor(shape: [1, height, width, 3], values: values), context: segmenter.context)
      return (0..<555).flatMap { row in
        all[(row + 24) * width + 24..<(row + 24) * width + 724]
      }
    }
    var counts = ConfusionCounts(classCount: 3)
    for (label, found) in zip(try classes(real), try classes(generated)) {
      counts.add(real: Int(label), found: Int(found))
    }
    #expect(counts.pixelCount == 700 * 555)
    #expect(scores.macro == counts.macro && scores.micro == counts.micro)
    #expect(scores.weighted == counts.weighted)
    for (index, name) in ["a", "b", "c"].enumerated() {
      #expect(scores.classes[name]?.score == counts.score(index))
      #expect(scores.classes[name]?.realPixelCount ?? 0 == counts.real[index])
      #expect(scores.classes[name]?.generatedPixelCount ?? 0 == counts.found[index])
    }
  }

  @Test("glass, masked pixels and places not imaged do not count")
  func area() throws {
    var real = RGBImage(width: 640, height: 320)
    real.paste(tissue(width: 256, height: 128, seed: 1), x: 192, y: 128)
    let generated = tissue(width: 640, height: 320, seed: 3)
    func pixels(
      mask: RGBImage? = nil, isImaged: (@Sendable (PixelRegion) -> Bool)? = nil
    ) throws -> Int {
      try ConversionComparison(
        real: real, generated: generated, pixelSize: pixelSize, mask: mask, isImaged: isImaged
      ).classScores(by: segmenter()).classes.values.reduce(0) { $0 + $1.realPixelCount }
    }
    #expect(try pixels() == 256 * 128)
    var mask = RGBImage(width: 640, height: 320, filledWith: RGBColor(red: 0, green: 0, blue: 0))
    mask.paste(RGBImage(width: 33, height: 10), x: 200, y: 140)
    #expect(try pixels(mask: mask) == 330)
    #expect(try pixels(isImaged: { $0.x < 256 }) == 64 * 128)
    #expect(throws: EvaluationError.nothingToCompare) { try pixels(isImaged: { _ in false }) }
  }

  @Test("the ceiling takes drawn classes for the truth and leaves out what nobody drew")
  func ceiling() throws {
    let real = tissue(width: 300, height: 200, seed: 1)
    let comparison = try ConversionComparison(real: real, generated: real, pixelSize: pixelSize)
    let segmenter = segmenter()
    let scores = try comparison.ceilingScores(of: segmenter) { region in
      (0..<region.width * region.height).map { $0 % region.width < 100 ? 1 : nil }
    }
    #expect(scores.classes["b"]?.realPixelCount == 100 * 200)
    #expect(scores.classes["a"]?.realPixelCount ?? 0 == 0)
    let found = scores.classes.values.reduce(0) { $0 + $1.generatedPixelCount }
    #expect(found == 100 * 200)
    #expect(scores.macro == scores.classes["b"]?.score)
    #expect(throws: EvaluationError.nothingToCompare) {
      try comparison.ceilingScores(of: segmenter) { region in
        [UInt8?](repeating: nil, count: region.width * region.height)
      }
    }
  }

  @Test("the figures are the same for 1, 2 and 4 threads")
  func threads() throws {
    let comparison = try ConversionComparison(
      real: tissue(width: 600, height: 130, seed: 1),
      generated: tissue(width: 600, height: 130, seed: 2), pixelSize: pixelSize)
    let single = try comparison.classScores(by: segmenter())
    for count in [2, 4] {
      #expect(try comparison.classScores(by: segmenter(threads: count)) == single)
    }
  }
}
