import Foundation
import Staining
import TestSupport
import Testing

@Suite("Several data sets")
struct DatasetOverlapTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// A data set of one fixed slide with two squares side by side, or whole cases, and a tile of each split.
  private func write(
    _ name: String, slide: String = "f0", splits: [DatasetSplit]? = nil, byCase: DatasetSplit? = nil
  ) throws -> String {
    let path = folder.path(name)
    try writeToyDataset(path, train: 1, validation: 1, seed: 7)
    var index = DatasetIndex(
      pixelSizeMicrons: 0.5, tileSize: 256, splitUnit: byCase == nil ? .square : .case,
      shares: .standard)
    let input = DatasetIndex.Input(file: "HE.tif", hash: slide)
    index.cases.append(
      DatasetIndex.Case(
        name: "toy", fixed: input, moving: DatasetIndex.Input(file: "\(name).tif", hash: name),
        transform: input, status: "ok", medianResidualMicrons: nil, maxResidualMicrons: 10,
        overlap: 64, split: byCase, kept: ["train": 1, "val": 1],
        leftOut: DatasetIndex.LeftOut()))
    let squares = (splits ?? []).enumerated().map { place, split in
      ["x": place * 512, "y": 0, "width": 512, "height": 512, "split": split.rawValue]
        as [String: Any]
    }
    let encoded = try JSONEncoder().encode(index)
    var object = try JSONSerialization.jsonObject(with: encoded) as? [String: Any] ?? [:]
    object["fixed_slides"] = [
      ["file": "HE.tif", "hash": slide, "square_px": 512, "squares": squares] as [String: Any]
    ]
    try JSONSerialization.data(withJSONObject: object).write(
      to: URL(fileURLWithPath: "\(path)/\(DatasetIndex.fileName)"))
    return path
  }

  private func open(_ folders: String...) throws -> TrainingData {
    try TrainingData(folders: folders, memoryBytes: 0, forEach: inTurn)
  }

  private func expectConflict(
    _ folders: [String], _ part: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: StainingError.self, sourceLocation: sourceLocation) {
      _ = try TrainingData(folders: folders, memoryBytes: 0, forEach: inTurn)
    }
    guard case .datasetConflict(let path, let problem, _) = error else {
      Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
    #expect(path == folders[1] && problem.contains(part), sourceLocation: sourceLocation)
  }

  @Test("one data set cannot be named twice, under whatever path")
  func twice() throws {
    let set = try write("a", splits: [.train, .validation])
    expectConflict([set, set], "same data set")
    expectConflict([set, "\(folder.url.path)/./a"], "same data set")
  }

  @Test("squares of one fixed slide must be divided alike; neighbours do not meet")
  func squares() throws {
    let first = try write("a", splits: [.train, .validation])
    let same = try write("b", splits: [.train, .validation])
    #expect(try open(first, same).train.count == 2)
    expectConflict([first, try write("c", splits: [.validation, .train])], "HE.tif")
    expectConflict([first, try write("d", splits: [.train, .train])], "HE.tif")
    expectConflict([first, try write("e", splits: [.test])], "HE.tif")
    let other = try write("f", slide: "f1", splits: [.validation, .train])
    #expect(try open(first, other).train.count == 2)
  }

  @Test("whole cases of one fixed slide must be in one split, and never meet squares held out")
  func cases() throws {
    let train = try write("a", byCase: .train)
    #expect(try open(train, write("b", byCase: .train)).train.count == 2)
    expectConflict([train, try write("c", byCase: .validation)], "HE.tif")
    expectConflict([train, try write("d", splits: [.train, .test])], "HE.tif")
    #expect(try open(train, write("e", splits: [.train, .train])).train.count == 2)
  }
}
