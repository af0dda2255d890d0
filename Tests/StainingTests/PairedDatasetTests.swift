import Foundation
import Pictures
import Rasters
import Registration
import Reporting
import Slides
import Staining
import TestSupport
import Testing

@Suite("Paired data sets")
struct PairedDatasetTests {
  private let fixed = section(width: 900, height: 700, seed: 1)
  private let moving = section(width: 900, height: 700, seed: 2)

  @Test("a picture holds the moving section on the left and the fixed one on the right")
  func pixels() throws {
    let pair = try TestCase(fixed: fixed, moving: moving, shift: (20, 10))
    let folder = pair.folder.path("set")
    let (index, added) = try pair.add(to: folder)
    #expect(index.pixelSizeMicrons == 1)
    #expect(added.keptCount(.train) > 0)
    for split in DatasetSplit.allCases {
      let names = try tiles(folder, split)
      #expect(names.count == added.keptCount(split))
      for name in names {
        let picture = try PictureFile.readPNG(path: "\(folder)/\(split.rawValue)/\(name.text)")
        let place = PixelRegion(x: name.x, y: name.y, width: 64, height: 64)
        let right = picture.cropped(to: PixelRegion(x: 64, y: 0, width: 64, height: 64))
        let left = picture.cropped(to: PixelRegion(x: 0, y: 0, width: 64, height: 64))
        #expect(right == fixed.cropped(to: place))
        // A whole shift lands on pixel centres, where cubic convolution returns the pixel itself.
        #expect(left == moving.cropped(to: place.translated(x: 20, y: 10)))
      }
    }
  }

  @Test("no tile crosses the border of a square, and all tiles of a square go to one split")
  func squares() throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    let (index, _) = try pair.add(to: folder)
    let slide = try #require(index.fixedSlides.first)
    #expect(slide.squares.count >= 10)
    #expect(slide.squareEdge < 900)
    for split in DatasetSplit.allCases {
      for name in try tiles(folder, split) {
        let tile = PixelRegion(x: name.x, y: name.y, width: 64, height: 64)
        let square = try #require(
          slide.squares.first { $0.region.intersection(tile) == tile }, "\(name.text)")
        #expect(square.split == split)
        #expect((name.x - square.x) % 48 == 0 && (name.y - square.y) % 48 == 0)
      }
    }
    let shares = DatasetSplit.allCases.map { split in
      slide.squares.count { $0.split == split }
    }
    #expect(shares.allSatisfy { $0 > 0 })
    #expect(shares[0] > shares[1] + shares[2])
  }

  @Test("slides coarser than the data set are not enlarged into it unasked")
  func coarserCase() throws {
    let first = try TestCase(fixed: fixed, moving: moving)
    let folder = first.folder.path("set")
    _ = try first.add(to: folder) { $0.pixelSizeMicrons = 0.5 }
    let error = #expect(throws: StainingError.self) { try first.add(to: folder, as: "A13") }
    guard case .datasetConflict(_, let problem, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(problem.contains("0.50 µm") && problem.contains("1.00"))
    _ = try first.add(to: folder, as: "A13") { $0.isForced = true }
  }

  @Test("another section of the same H&E gets the same squares, and nothing moves")
  func laterCall() throws {
    let first = try TestCase(fixed: fixed, moving: moving)
    let folder = first.folder.path("set")
    let (before, _) = try first.add(to: folder)
    let names = try tiles(folder, .validation)
    let second = try TestCase(
      fixed: fixed, moving: section(width: 900, height: 700, glassFrom: 0.7, seed: 9))
    let (after, added) = try second.add(to: folder, as: "A13")
    #expect(after.fixedSlides == before.fixedSlides)
    #expect(after.cases.count == 2)
    #expect(try tiles(folder, .validation).filter { $0.caseName == "A12" } == names)
    #expect(added.leftOut.background > before.cases[0].leftOut.background)
    // Made alone, the second case would be divided in the same way.
    let alone = try second.add(to: second.folder.path("alone"), as: "A13")
    #expect(alone.index.fixedSlides == before.fixedSlides)
  }

  @Test("the same case again needs force, and then replaces its tiles")
  func again() throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    let (first, _) = try pair.add(to: folder)
    #expect(throws: StainingError.caseExists(path: folder, name: "A12")) {
      _ = try pair.add(to: folder)
    }
    let (second, added) = try pair.add(to: folder) {
      $0.isForced = true
      $0.overlap = 0
    }
    #expect(second.cases.count == 1)
    #expect(second.fixedSlides == first.fixedSlides)
    #expect(added.keptCount(.train) < first.cases[0].keptCount(.train))
    #expect(try tiles(folder, .train).count == added.keptCount(.train))
  }

  @Test("one call at a time adds to a data set")
  func locked() throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    _ = try pair.add(to: folder)
    _ = try FolderLock(path: folder).whileHeld {
      #expect(throws: FolderLockError.held(path: folder)) {
        _ = try pair.add(to: folder, as: "B")
      }
    }
    #expect(try pair.add(to: folder, as: "B").index.cases.map(\.name) == ["A12", "B"])
  }

  @Test("pictures of a case's name that no index counts are kept, unless forced or of a killed run")
  func orphans() throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    let orphan = "\(folder)/train/\(TileName(caseName: "A12", x: 9999, y: 0).text)"
    let manager = FileManager.default
    func leave() throws {
      try? manager.removeItem(atPath: folder)
      try manager.createDirectory(atPath: "\(folder)/train", withIntermediateDirectories: true)
      try Data("mine".utf8).write(to: URL(fileURLWithPath: orphan))
    }
    try leave()
    #expect(throws: StainingError.caseExists(path: folder, name: "A12")) {
      _ = try pair.add(to: folder)
    }
    #expect(manager.fileExists(atPath: orphan))
    #expect(try pair.add(to: folder, as: "B").index.cases.count == 1)
    #expect(manager.fileExists(atPath: orphan))
    _ = try pair.add(to: folder) { $0.isForced = true }
    #expect(!manager.fileExists(atPath: orphan))
    // A run that was killed while it published: some pictures are out, the others still in its folder.
    try leave()
    let staged = "\(folder)/.A12.partial/val"
    try manager.createDirectory(atPath: staged, withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: "\(staged)/A12_8888_0.png"))
    let (_, added) = try pair.add(to: folder)
    for split in DatasetSplit.allCases {
      #expect(try tiles(folder, split).count == added.keptCount(split))
    }
    #expect(!manager.fileExists(atPath: "\(folder)/.A12.partial"))
  }

  @Test("a registration that needs review needs force")
  func review() throws {
    let pair = try TestCase(fixed: fixed, moving: moving, status: .needsReview)
    let folder = pair.folder.path("set")
    #expect(throws: StainingError.needsReview(path: pair.transformPath, reasons: ["low-margin"])) {
      _ = try pair.add(to: folder)
    }
    #expect(try pair.add(to: folder) { $0.isForced = true }.added.status == "needs-review")
  }

  @Test(
    "tiles beyond the moving slide, without tissue or badly registered are left out and counted")
  func gates() throws {
    // Blocks of 100 µm; the left third of the slide is registered badly.
    let bad = (0..<63).map { Float($0 % 9 < 3 ? 40 : 2) }
    let residuals = ResidualMap(spacing: 100, columns: 9, rows: 7, microns: bad)
    let pair = try TestCase(
      fixed: fixed, moving: moving, shift: (0, 80), residuals: residuals)
    let folder = pair.folder.path("set")
    let (_, added) = try pair.add(to: folder) { $0.splitUnit = .case }
    #expect(added.leftOut.outside > 0)
    #expect(added.leftOut.misregistered > 0)
    #expect(added.maxResidualMicrons == 10)
    #expect(added.medianResidualMicrons == 2)
    for split in DatasetSplit.allCases {
      #expect(try tiles(folder, split).allSatisfy { $0.x >= 100 && $0.y + 64 + 80 <= 700 })
    }
    let (_, all) = try pair.add(to: folder, as: "B") {
      $0.splitUnit = .case
      $0.maxResidualMicrons = 50
    }
    #expect(all.leftOut.misregistered == 0)
  }

  @Test("whole cases go to the split that lacks most, sections of one H&E together")
  func byCase() throws {
    let set = try TemporaryDirectory()
    let folder = set.path("set")
    var splits: [DatasetSplit?] = []
    for seed in 0..<3 {
      let pair = try TestCase(
        fixed: section(width: 300, height: 300, seed: UInt64(20 + seed)), moving: moving)
      func add(_ name: String) throws -> DatasetSplit? {
        try pair.add(to: folder, as: name) {
          $0.splitUnit = .case
          $0.shares = SplitShares([0.6, 0.2, 0.2])
        }.added.split
      }
      splits.append(try add("case\(seed)"))
      if seed == 2 { #expect(try add("sibling") == splits[2]) }
    }
    #expect(splits == [.train, .validation, .test])
  }

  @Test("a case that is replaced by another H&E goes where that H&E's other sections are")
  func replacedCase() throws {
    let set = try TemporaryDirectory()
    let folder = set.path("set")
    func add(_ pair: TestCase, _ name: String) throws -> DatasetSplit? {
      try pair.add(to: folder, as: name) {
        $0.splitUnit = .case
        $0.shares = SplitShares([0.5, 0.5, 0])
        $0.isForced = true
      }.added.split
    }
    let pairs = try (0..<2).map {
      try TestCase(
        fixed: section(width: 300, height: 300, seed: UInt64(20 + $0)), moving: moving)
    }
    #expect(try add(pairs[0], "A") == .train)
    #expect(try add(pairs[1], "B") == .validation)
    // The same section again stays; B made from A's H&E joins A.
    #expect(try add(pairs[1], "B") == .validation)
    #expect(try add(pairs[0], "B") == .train)
    // Alone with a new H&E, nothing binds it to where its name was.
    #expect(try add(pairs[1], "B") == .validation)
  }

  @Test("choices that differ from the data set's own are refused")
  func conflicts() throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    _ = try pair.add(to: folder)
    let changes: [(inout PairedDatasetMaker.Options) -> Void] = [
      { $0.pixelSizeMicrons = 2 }, { $0.tileSize = 128 }, { $0.splitUnit = .case },
      { $0.shares = SplitShares([0.6, 0.2, 0.2]) },
    ]
    for change in changes {
      #expect(throws: StainingError.self) { _ = try pair.add(to: folder, as: "B", change: change) }
    }
    _ = try pair.add(to: folder, as: "B") { $0.pixelSizeMicrons = 1 }
  }

  @Test(
    "the overlap is at most half of the data set's own tile, and a quarter of a small one unless given"
  )
  func overlap() throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    func add(_ name: String, tileSize: Int?, overlap: Int?) throws -> Int {
      try pair.add(to: folder, as: name) {
        $0.tileSize = tileSize
        $0.overlap = overlap
      }.added.overlap
    }
    #expect(throws: StainingError.unusableOverlap(overlap: 65, tileSize: 128)) {
      _ = try add("A", tileSize: 128, overlap: 65)
    }
    #expect(try add("A", tileSize: 128, overlap: 64) == 64)
    #expect(try add("B", tileSize: nil, overlap: nil) == 32)
    #expect(throws: StainingError.unusableOverlap(overlap: 65, tileSize: 128)) {
      _ = try add("C", tileSize: nil, overlap: 65)
    }
  }

  @Test(
    "an index with numbers that no data set has is refused",
    arguments: [
      (#""tile" : 64"#, #""tile" : 5000000000"#), (#""tile" : 64"#, #""tile" : 0"#),
      (#""pixel_size_um" : 1"#, #""pixel_size_um" : 1e-300"#),
      (#""train" : 0.8"#, #""train" : -0.8"#), (#""background" : "#, #""background" : -1"#),
      (#""kept" : {"#, #""kept" : { "other" : 9223372036854775807,"#),
      (#""x" : 0,"#, #""x" : -64,"#), (#""x" : 0,"#, #""x" : 9223372036854775807,"#),
      (#""x" : 0,"#, #""x" : 1000000,"#),
    ])
  func hostileIndex(part: String, replacement: String) throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    let folder = pair.folder.path("set")
    _ = try pair.add(to: folder)
    let url = URL(fileURLWithPath: "\(folder)/\(DatasetIndex.fileName)")
    let text = try String(contentsOf: url, encoding: .utf8)
    let place = try #require(text.range(of: part), "\(part)")
    try text.replacingCharacters(in: place, with: replacement)
      .write(to: url, atomically: true, encoding: .utf8)
    let error = #expect(throws: StainingError.self) { _ = try pair.add(to: folder, as: "B") }
    guard case .malformedDataset(folder, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("too little tissue and an empty split end with an error, and nothing is written")
  func tooLittle() throws {
    let small = try TestCase(
      fixed: section(width: 100, height: 64, seed: 4),
      moving: section(width: 100, height: 64, seed: 5))
    #expect(throws: StainingError.tooLittleTissue(path: small.fixed.path, squareCount: 1)) {
      _ = try small.add(to: small.folder.path("set"))
    }
    // The moving section has tissue at the left edge alone.
    let empty = try TestCase(
      fixed: fixed, moving: section(width: 900, height: 700, glassFrom: 0.05, seed: 6))
    let folder = empty.folder.path("set")
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    #expect(throws: StainingError.self) { _ = try empty.add(to: folder) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test("names that cannot be files are refused", arguments: ["", "../up", ".hidden", "a/b"])
  func names(name: String) throws {
    let pair = try TestCase(fixed: fixed, moving: moving)
    #expect(throws: StainingError.unusableCaseName(name: name)) {
      _ = try pair.add(to: pair.folder.path("set"), as: name)
    }
  }

  @Test("a tile's name may hold underscores")
  func tileName() {
    let name = TileName(caseName: "A_12_b", x: 512, y: 0)
    #expect(name.text == "A_12_b_512_0.png")
    #expect(TileName(name.text) == name)
    #expect(TileName("dataset.json") == nil)
    #expect(TileName("A_x_0.png") == nil)
  }
}

@Suite("Tissue")
struct TissueDetectorTests {
  @Test("stained and unstained tissue is told from glass, noise and uneven light")
  func detection() throws {
    let slide = section(width: 600, height: 300, glassFrom: 0.5, seed: 3)
    let detector = try TissueDetector(sampling: slide)
    #expect(abs(detector.glass[1] - 243) < 1)
    let tissue = slide.cropped(to: PixelRegion(x: 0, y: 0, width: 256, height: 256))
    let empty = slide.cropped(to: PixelRegion(x: 320, y: 0, width: 256, height: 256))
    #expect(detector.tissueShare(of: tissue) > 0.99)
    #expect(detector.tissueShare(of: empty) == 0)
    var generator = SeededGenerator(seed: 5)
    var noisy = empty
    var unstained = empty
    for pixel in 0..<(256 * 256) {
      // Light that falls by 3 % across the tile, and noise of ±2 levels.
      let light = 7 * Double(pixel % 256) / 256
      let grain = Int(generator.next() % 5) - 2
      let edge = (pixel % 256 / 3 + pixel / 256 / 3).isMultiple(of: 2) ? 9 : -9
      for channel in 0..<3 {
        let value = Int(empty.pixels[pixel * 3 + channel])
        noisy.pixels[pixel * 3 + channel] = UInt8(value - Int(light) + grain)
        unstained.pixels[pixel * 3 + channel] = UInt8(min(255, value + edge))
      }
    }
    #expect(detector.tissueShare(of: noisy) == 0)
    #expect(detector.tissueShare(of: unstained) > 0.9)
  }

  @Test(
    "grey glass of a slide scanned with little light is glass, dim tissue is none",
    arguments: [175, 130])
  func dimGlass(level: UInt8) throws {
    var slide = section(width: 600, height: 300, glassFrom: 0.5, seed: 3)
    for index in slide.pixels.indices {
      slide.pixels[index] = UInt8(Int(slide.pixels[index]) * Int(level) / 243)
    }
    let detector = try TissueDetector(sampling: slide)
    #expect(abs(detector.glass[1] - Double(level)) < 2)
    let tissue = slide.cropped(to: PixelRegion(x: 0, y: 0, width: 256, height: 256))
    let empty = slide.cropped(to: PixelRegion(x: 320, y: 0, width: 256, height: 256))
    #expect(detector.tissueShare(of: tissue) > 0.9 && detector.tissueShare(of: empty) == 0)
    // Flat, dim and coloured: the middle of a gland on a slide without glass.
    let flat = RGBImage(
      width: 256, height: 256, filledWith: RGBColor(red: 170, green: 110, blue: 150))
    #expect(try TissueDetector(sampling: flat).tissueShare(of: flat) == 1)
  }

  @Test(
    "what the scanner left out is neither tissue nor glass", arguments: [0, 128, 255] as [UInt8])
  func fillings(level: UInt8) throws {
    // Codecs leave no exact glass; dimmer than the white that files are filled with.
    var generator = SeededGenerator(seed: 6)
    var scan = section(width: 700, height: 600, glassFrom: 0.5, seed: 4)
    for index in scan.pixels.indices {
      scan.pixels[index] = UInt8(Int(scan.pixels[index]) * 230 / 245 + Int(generator.next() % 3))
    }
    let filling = RGBColor(red: level, green: level, blue: level)
    var image = RGBImage(width: 1400, height: 1200, filledWith: filling)
    image.paste(scan, x: 300, y: 260)
    let folder = try TemporaryDirectory()
    try writeSlide(image, folder.path("filled.tif"), microns: 2)
    let slide = try Slide(path: folder.path("filled.tif"))
    let fillings = try slide.fillings()
    #expect(fillings == [filling])
    let detector = try TissueDetector(sampling: image, fillings: fillings)
    #expect(abs(detector.glass[1] - 229) < 3)
    let share = detector.tissueShare(of: image)
    let wanted = Double(350 * 600) / Double(1400 * 1200)
    #expect(abs(share - wanted) < 0.02, "\(share) of \(wanted)")
    // Told nothing, it takes the filling or the glass for tissue.
    let naive = try TissueDetector(sampling: image)
    #expect(naive.tissueShare(of: image) > 2 * wanted - 0.02)
  }

  @Test("one flat colour up to straight edges is a stain's, or the glass's own")
  func noFillings() throws {
    let folder = try TemporaryDirectory()
    var image = RGBImage(width: 900, height: 900, filledWith: glass)
    image.paste(
      RGBImage(width: 400, height: 300, filledWith: RGBColor(red: 120, green: 60, blue: 140)),
      x: 200, y: 200)
    try writeSlide(image, folder.path("flat.tif"), microns: 1)
    #expect(try Slide(path: folder.path("flat.tif")).fillings().isEmpty)
  }

  @Test("shares of squares are rounded, none of three goes without, and the rest is for training")
  func shares() {
    let shares = SplitShares.standard
    #expect(SplitShares.areValid([0.8, 0.1, 0.1]))
    #expect(!SplitShares.areValid([0.8, 0.1]))
    #expect(!SplitShares.areValid([0.8, 0.3, 0.1]))
    #expect(!SplitShares.areValid([0, 0.5, 0.5]))
    #expect(shares[.validation] == 0.1)
  }
}
