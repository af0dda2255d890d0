import Foundation
import Glibc
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("Pyramids that cannot be written")
struct PyramidErrorTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  @Test("an existing file stays unless overwriting is asked for")
  func existing() throws {
    let path = folder.path("a.tif")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: PyramidError.outputExists(path: path)) {
      try PyramidWriter(path: path, width: 9, height: 9, options: options())
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("mine".utf8))
    let writer = try PyramidWriter(
      path: path, width: 9, height: 9, options: options(), force: true)
    try writer.append(rows: RGBImage(width: 9, height: 9))
    let summary = try writer.finish()
    #expect(summary.byteCount == (try Data(contentsOf: URL(fileURLWithPath: path)).count))
    #expect(summary.levels == [PyramidLevel(width: 9, height: 9)])
  }

  @Test("a file that appears meanwhile is not overwritten either")
  func appeared() throws {
    let path = folder.path("a.tif")
    let writer = try PyramidWriter(path: path, width: 9, height: 9, options: options())
    try writer.append(rows: RGBImage(width: 9, height: 9))
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: PyramidError.outputExists(path: path)) { try writer.finish() }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("mine".utf8))
  }

  @Test("two writers cannot have one file")
  func busy() throws {
    let path = folder.path("a.tif")
    let first = try PyramidWriter(path: path, width: 9, height: 9, options: options())
    #expect(throws: PyramidError.busy(path: path)) {
      try PyramidWriter(path: path, width: 9, height: 9, options: options())
    }
    try first.append(rows: RGBImage(width: 9, height: 9))
    _ = try first.finish()
  }

  @Test("a writer that waits while another one publishes leaves the published file alone")
  func published() throws {
    let path = folder.path("a.tif")
    let partial = path + ".partial"
    try Data("published".utf8).write(to: URL(fileURLWithPath: partial))
    let first = open(partial, O_RDWR)
    #expect(flock(first, LOCK_EX | LOCK_NB) == 0)
    let publisher = Thread {
      // The second writer has opened the name by the time that it is given away.
      while Self.descriptorCount(of: partial) < 2 { sched_yield() }
      rename(partial, path)
      close(first)
    }
    publisher.start()
    let second = try PyramidWriter(
      path: path, width: 9, height: 9, options: options(), force: true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("published".utf8))
    try second.append(rows: RGBImage(width: 9, height: 9))
    #expect(try second.finish().levels.count == 1)
  }

  /// How many descriptors of this process lead to a file.
  private static func descriptorCount(of path: String) -> Int {
    // A descriptor that is closed meanwhile leads nowhere.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
    }
  }

  @Test(
    "another file of an unfinished one's name stays, unless overwriting is asked for",
    arguments: ["a.tif.partial", "a.tif.progress", "a.tif.progress.partial"])
  func foreign(name: String) throws {
    let (path, foreign) = (folder.path("a.tif"), folder.path(name))
    let text = Data("somebody else's text".utf8)
    try text.write(to: URL(fileURLWithPath: foreign))
    #expect(throws: PyramidError.foreignPartial(path: foreign)) {
      try PyramidWriter(path: path, width: 9, height: 9, options: options())
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: foreign)) == text)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [name])
    let writer = try PyramidWriter(path: path, width: 9, height: 9, options: options(), force: true)
    try writer.append(rows: RGBImage(width: 9, height: 9))
    try writer.checkpoint()
    _ = try writer.finish()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.tif"])
  }

  @Test("what a killed writer left, whole or empty, is begun anew")
  func left() throws {
    let path = folder.path("a.tif")
    var begun = Data()
    do {
      let writer = try PyramidWriter(path: path, width: 300, height: 600, options: options())
      try writer.append(rows: RGBImage(width: 300, height: 300))
      begun = try Data(contentsOf: URL(fileURLWithPath: path + ".partial"))
    }
    for contents in [begun, Data()] {
      try contents.write(to: URL(fileURLWithPath: path + ".partial"))
      _ = try PyramidWriter(path: path, width: 9, height: 9, options: options())
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
  }

  @Test("colours that JPEG cannot keep at quality 1 are no damage", arguments: [1, 2, 3])
  func lowestQuality(quality: Int) throws {
    var lowest = options()
    lowest.quality = quality
    // Squares of two saturated colours, which lose more than any other picture.
    for (side, first, second) in Self.worstPatterns {
      var pixels: [UInt8] = []
      for y in 0..<256 {
        for x in 0..<256 { pixels += (x / side + y / side).isMultiple(of: 2) ? first : second }
      }
      try write(
        RGBImage(width: 256, height: 256, pixels: pixels),
        to: folder.path("\(side)-\(first)-\(second).tif"), lowest)
    }
  }

  private static let worstPatterns: [(Int, [UInt8], [UInt8])] = [1, 2, 3, 4, 5, 7, 8, 16].flatMap {
    side in
    let pairs: [([UInt8], [UInt8])] = [
      ([255, 0, 255], [0, 255, 0]), ([255, 255, 0], [0, 0, 255]), ([0, 0, 255], [0, 0, 0]),
      ([255, 0, 0], [0, 0, 255]),
    ]
    return pairs.map { (side, $0.0, $0.1) }
  }

  @Test("a folder that is not there is named")
  func noFolder() throws {
    let path = folder.path("no/a.tif")
    let error = #expect(throws: PyramidError.self) {
      try PyramidWriter(path: path, width: 9, height: 9, options: options())
    }
    #expect(error == .unwritable(path: path, reason: "No such file or directory"))
    #expect("\(try #require(error))".hasPrefix("\(path): "))
  }

  @Test("damage on the disk is found before the file gets its name")
  func damage() throws {
    let path = folder.path("a.tif")
    do {
      let writer = try PyramidWriter(path: path, width: 300, height: 300, options: options())
      try writer.append(rows: picture(width: 300, height: 300, seed: 1))
      let partial = try FileHandle(forUpdating: URL(fileURLWithPath: path + ".partial"))
      try partial.seek(toOffset: 700)
      try partial.write(contentsOf: Data([0x55, 0x55, 0x55]))
      try partial.close()
      let error = #expect(throws: PyramidError.self) { try writer.finish() }
      #expect(
        error
          == .verificationFailed(path: path, reason: "tile 0 of level 0 has changed on the disk"))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
  }
}

@Suite("Copying a raster into a pyramid")
struct PyramidCopyTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  private struct Broken: PixelSource {
    struct Failure: Error {}
    let width = 3000
    let height = 600
    func read(_ region: PixelRegion) throws -> RGBImage {
      if region.y >= 256, region.x > 0 { throw Failure() }
      return RGBImage(width: region.width, height: region.height)
    }
  }

  @Test("the copy holds what row by row writing gives, for any number of threads")
  func copy() throws {
    let image = picture(width: 2500, height: 700, seed: 5)
    let reference = try write(image, to: folder.path("r.tif"), options())
    for threadCount in [1, 2, 3] {
      let path = folder.path("\(threadCount).tif")
      var rows: [Int] = []
      let summary = try PyramidCopy.write(
        source: image, path: path, options: options(), threadCount: threadCount,
        progress: { rows.append($0) })
      let isEqual = try Data(contentsOf: URL(fileURLWithPath: path)) == reference
      #expect(isEqual)
      #expect(rows == [256, 512, 700])
      #expect(summary.byteCount == reference.count && !summary.isBigTIFF)
    }
  }

  @Test("a source that fails, and a cancelled copy, leave no file")
  func failing() throws {
    #expect(throws: Broken.Failure.self) {
      try PyramidCopy.write(
        source: Broken(), path: folder.path("a.tif"), options: options(), threadCount: 2)
    }
    #expect(throws: CancellationError.self) {
      try PyramidCopy.write(
        source: Broken(), path: folder.path("a.tif"), options: options(), isCancelled: { true })
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
  }
}
