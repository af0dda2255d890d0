import Foundation
import Pictures
import Rasters
import Slides
import Staining
import TestSupport
import Testing

/// Classes of test pictures; the last is not learnt.
let testClasses = [
  LabelClass(name: "glass", color: RGBColor(red: 255, green: 255, blue: 255)),
  LabelClass(name: "stroma", color: RGBColor(red: 240, green: 150, blue: 190)),
  LabelClass(name: "gland", color: RGBColor(red: 120, green: 60, blue: 160)),
  LabelClass(name: "Ignore", color: RGBColor(red: 0, green: 0, blue: 0)),
]

@Suite("Data sets of labels")
struct LabelDatasetTests {
  private let folder: TemporaryDirectory
  private let fixed: Slide
  private let picture = section(width: 900, height: 700, seed: 1)

  init() throws {
    folder = try TemporaryDirectory()
    try writeSlide(picture, folder.path("HE.tif"), microns: 1)
    fixed = try Slide(path: folder.path("HE.tif"))
  }

  /// Stripes of 50 µm in the colours of the classes, at `scale` pixels a micron.
  private func stripes(
    scale: Double = 1, colors: [RGBColor] = testClasses.map(\.color)
  ) -> RGBImage {
    let (width, height) = (Int(900 * scale), Int(700 * scale))
    var image = RGBImage(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width { image[x, y] = colors[Int(Double(x) / scale) / 50 % colors.count] }
    }
    return image
  }

  private func write(_ image: RGBImage, _ name: String, microns: Double = 1) throws -> LabelMap {
    let path = folder.path(name)
    if name.hasSuffix(".png") {
      try PictureFile.writePNG(image, path: path)
    } else {
      try writeSlide(image, path, microns: microns)
    }
    return try LabelMap(path: path)
  }

  @discardableResult
  private func add(
    _ labels: LabelMap, classes: [LabelClass]? = testClasses, to set: String = "set",
    as name: String = "A", change: (inout PairedDatasetMaker.Options) -> Void = { _ in }
  ) throws -> (index: DatasetIndex, added: DatasetIndex.Case) {
    var options = PairedDatasetMaker.Options(caseName: name)
    options.tileSize = 64
    options.overlap = 16
    change(&options)
    return try PairedDatasetMaker(folder: folder.path(set), options: options, forEach: inTurn).add(
      PairedDatasetMaker.Labelled(fixed: fixed, labels: labels, classes: classes))
  }

  @Test("a picture holds the H&E on the left and the labels' own colours on the right")
  func pixels() throws {
    let labels = stripes()
    let (index, added) = try add(try write(labels, "map.tif"))
    #expect(index.classes == testClasses && index.pixelSizeMicrons == 1)
    #expect(added.labels?.file == "map.tif" && added.moving == nil && added.transform == nil)
    for split in DatasetSplit.allCases {
      let names = try tiles(folder.path("set"), split)
      #expect(names.count == added.keptCount(split) && !names.isEmpty)
      for name in names {
        let tile = try PictureFile.readPNG(
          path: folder.path("set/\(split.rawValue)/\(name.text)"))
        let place = PixelRegion(x: name.x, y: name.y, width: 64, height: 64)
        #expect(
          tile.cropped(to: PixelRegion(x: 0, y: 0, width: 64, height: 64))
            == picture.cropped(to: place))
        #expect(
          tile.cropped(to: PixelRegion(x: 64, y: 0, width: 64, height: 64))
            == labels.cropped(to: place))
      }
    }
    // What was read is what was written.
    #expect(try DatasetIndex.read(folder: folder.path("set")) == index)
  }

  @Test("labels at another size, with or without a pixel size, mix no colours and lie in place")
  func sizes() throws {
    let expected = stripes()
    for (scale, name) in [(0.5, "half.png"), (2, "double.tif")] {
      let map = try write(stripes(scale: scale), name, microns: 1 / scale)
      let set = "set of \(name)"
      try add(map, to: set)
      for tile in try tiles(folder.path(set), .train) {
        let image = try PictureFile.readPNG(path: folder.path("\(set)/train/\(tile.text)"))
        let right = image.cropped(to: PixelRegion(x: 64, y: 0, width: 64, height: 64))
        #expect(
          right
            == expected.cropped(to: PixelRegion(x: tile.x, y: tile.y, width: 64, height: 64)))
      }
    }
  }

  @Test("the squares and their splits are those of the slide's pairs")
  func squares() throws {
    let map = try write(stripes(), "map.tif")
    let labelled = try add(map).index
    let pair = try TestCase(fixed: picture, moving: section(width: 900, height: 700, seed: 2))
    let paired = try pair.add(to: folder.path("pairs")).index
    #expect(labelled.fixedSlides.map(\.squares) == paired.fixedSlides.map(\.squares))
    #expect(paired.classes == nil)
    // Neither takes a case of the other kind.
    let error = #expect(throws: StainingError.self) {
      try pair.add(to: folder.path("set"), as: "B")
    }
    #expect(error.map { "\($0)".contains("holds labels") } == true)
    let other = #expect(throws: StainingError.self) { try add(map, to: "pairs", as: "B") }
    #expect(other.map { "\($0)".contains("no labels") } == true)
    #expect(try DatasetIndex.read(folder: folder.path("pairs")) == paired)
  }

  @Test("without a list every colour is a class, up to 64; a later case takes the data set's own")
  func colors() throws {
    let map = try write(stripes(), "map.tif")
    let index = try add(map, classes: nil).index
    #expect(index.classes?.map(\.name) == ["#000000", "#783CA0", "#F096BE", "#FFFFFF"])
    #expect(index.classes?.map(\.color.red) == [0, 120, 240, 255])
    #expect(try add(map, classes: nil, as: "B").index.classes == index.classes)
    let error = #expect(throws: StainingError.self) { try add(map, as: "C") }
    #expect(error.map { "\($0)".contains("other classes") } == true)
    let many = (0..<65).map { RGBColor(red: UInt8($0), green: 9, blue: 9) }
    let tooMany = try write(
      stripes(colors: many.map { RGBColor(red: $0.red, green: 0, blue: 0) }), "many.png")
    var noisy = stripes()
    for (place, color) in many.enumerated() { noisy[place, 0] = color }
    let lossy = try write(noisy, "lossy.png")
    for map in [lossy] {
      let error = #expect(throws: StainingError.self) { try add(map, classes: nil, to: "many") }
      #expect(error.map { "\($0)".contains("more than 64 colours") } == true)
    }
    // 18 stripes of 50 µm show 18 of the 65.
    #expect(try add(tooMany, classes: nil, to: "eighteen").index.classes?.count == 18)
    let one = try write(stripes(colors: [many[0]]), "one.png")
    #expect(throws: StainingError.self) { try add(one, classes: nil, to: "one") }
  }

  @Test("tiles without a pixel of a learnt class are left out and counted")
  func unlabelled() throws {
    // The left half is a class that is not learnt, or a colour of none.
    for (name, color) in [("a", testClasses[3].color), ("b", RGBColor(red: 1, green: 2, blue: 3))] {
      var image = RGBImage(width: 900, height: 700, filledWith: testClasses[1].color)
      image.paste(RGBImage(width: 450, height: 700, filledWith: color), x: 0, y: 0)
      let map = try write(image, name + ".png")
      // Squares of the left half alone have no tile; nothing is registered that could be blamed.
      let empty = #expect(throws: StainingError.self) { try add(map, to: name) }
      let text = empty.map { "\($0)" } ?? ""
      #expect(text.contains("without labels") && !text.contains("max-residual"), "\(text)")
      let added = try add(map, to: name) { $0.splitUnit = .case }.added
      #expect(added.leftOut.unlabelled ?? 0 > 0)
      #expect(added.leftOut.misregistered == 0 && added.leftOut.outside == 0)
      for split in DatasetSplit.allCases {
        #expect(try tiles(folder.path(name), split).allSatisfy { $0.x + 64 > 450 })
      }
    }
  }

  @Test(
    "a picture without any class where there is tissue is put down to its colours, not to the split"
  )
  func noClass() throws {
    let map = try write(
      RGBImage(width: 900, height: 700, filledWith: RGBColor(red: 1, green: 2, blue: 3)), "no.png")
    for unit in SplitUnit.allCases {
      let error = #expect(throws: StainingError.self) {
        try add(map, to: "no") { $0.splitUnit = unit }
      }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains("no.png: shows no class") && text.contains("--classes"), "\(text)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("no/dataset.json")))
  }

  @Test("a picture of another extent is refused, in microns or by its shape")
  func extents() throws {
    let narrow = stripes().cropped(to: PixelRegion(x: 0, y: 0, width: 890, height: 700))
    for name in ["narrow.tif", "narrow.png"] {
      let map = try write(narrow, name)
      let set = "set of \(name)"
      let error = #expect(throws: StainingError.self) { try add(map, to: set) }
      #expect(error.map { "\($0)".contains("whole slide") } == true)
      #expect(!FileManager.default.fileExists(atPath: folder.path(set)))
    }
    // 0.4 % less is rounding.
    try add(
      try write(
        stripes().cropped(to: PixelRegion(x: 0, y: 0, width: 897, height: 700)), "near.tif"),
      to: "near")
    let wrong = try write(stripes(), "wrong.tif", microns: 1.1)
    #expect(throws: StainingError.self) { try add(wrong, to: "wrong") }
  }

  @Test("classes come from an array or a phantom's truth, colours as levels or text")
  func files() throws {
    func read(_ text: String) throws -> [LabelClass] {
      let path = folder.path("classes.json")
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return try LabelClasses.read(path: path)
    }
    let expected = Array(testClasses[1...2])
    #expect(
      try read(
        ##"[{"name": "stroma", "color": [240, 150, 190]}, {"name": "gland", "colour": "#783ca0"}]"##
      )
        == expected)
    #expect(
      try read(
        #"{"seed": 1, "classes": [{"index": 0, "name": "stroma", "color": [240, 150, 190], "share": 1},"#
          + ##" {"name": "gland", "color": "#783CA0"}]}"##) == expected)
    #expect(
      try read(String(decoding: JSONEncoder().encode(testClasses), as: UTF8.self)) == testClasses)
    for (text, part) in [
      ("{}", "no list"), ("[{\"name\": \"a\"}]", "no list"), ("nonsense", "no list"),
      (
        #"[{"name": "a", "color": [1, 2]}, {"name": "b", "color": [1, 2, 3]}]"#,
        "class 1 has no colour"
      ),
      (#"[{"name": "a\n", "color": "red"}]"#, "class 1 has no colour"),
      (#"[{"name": "a", "color": [1, 2, 256]}]"#, "no list"),
      (#"[{"name": "a", "color": [1, 2, 3]}]"#, "1 classes"),
      (
        #"[{"name": "a", "color": [1, 2, 3]}, {"name": "ignore", "color": [1, 2, 4]}]"#, "1 classes"
      ),
      (#"[{"name": "a", "color": [1, 2, 3]}, {"name": "a", "color": [1, 2, 4]}]"#, "one name"),
      (#"[{"name": "a", "color": [1, 2, 3]}, {"name": "b", "color": [1, 2, 3]}]"#, "one colour"),
      (#"[{"name": " ", "color": [1, 2, 3]}, {"name": "b", "color": [1, 2, 4]}]"#, "no name"),
      (
        #"[{"name": "b\u001b[31m", "color": [1, 2, 3]}, {"name": "a", "color": [1, 2, 4]}]"#,
        "control characters"
      ),
    ] {
      let error = #expect(throws: StainingError.self, "\(text)") { try read(text) }
      let line = error.map { "\($0)" } ?? ""
      #expect(line.contains(part) && !line.contains("\n"), "\(line)")
    }
    #expect(throws: StainingError.missing(path: "/no/such")) {
      try LabelClasses.read(path: "/no/such")
    }
    #expect(testClasses.learned.map(\.name) == ["glass", "stroma", "gland"])
    for count in [2, 64] {
      let numbered = LabelClasses.numbered(count)
      #expect(Set(numbered.map(\.color)).count == count && numbered[1].name == "class 1")
    }
  }
}
