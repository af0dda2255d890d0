import Dispatch
import Foundation
import Phantoms
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("The files of a phantom")
struct PhantomFilesTests {
  /// 0.01 px, of which the files' four decimals take a hundredth.
  private static let hundredthOfPixel = 0.01

  private func files(
    in folder: String, _ options: PhantomOptions, isParallel: Bool
  ) throws -> PhantomFiles {
    PhantomFiles(
      try SerialSections(options), folder: folder, threadCount: isParallel ? 2 : 1,
      forEach: { count, body in
        if isParallel {
          DispatchQueue.concurrentPerform(iterations: count, execute: body)
        } else {
          for index in 0..<count { body(index) }
        }
      })
  }

  private func write(_ data: Data, _ path: String) throws {
    try data.write(to: URL(fileURLWithPath: path))
  }

  @Test("one thread and several write the same bytes")
  func threads() throws {
    let options = PhantomOptions(size: 600, seed: 9)
    let contents = try [false, true].map { isParallel in
      let folder = try TemporaryDirectory()
      let files = try files(in: folder.url.path, options, isParallel: isParallel)
      _ = try files.write(writeFile: write)
      return try files.paths.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
    }
    #expect(contents[0].count == 7)
    #expect(contents[0] == contents[1])
  }

  @Test("names tell the moving section's stain")
  func names() throws {
    let ihc = try files(in: "out", PhantomOptions(size: 256), isParallel: false)
    #expect(ihc.movingPath == "out/phantom_IHC.tif")
    let unstained = try files(
      in: "out", PhantomOptions(size: 256, stain: .unstained), isParallel: false)
    #expect(unstained.movingPath == "out/phantom_US.tif")
  }

  @Test("landmark files and truth.json agree with the map, both ways", arguments: [false, true])
  func landmarks(isMirrored: Bool) throws {
    let folder = try TemporaryDirectory()
    let files = try files(
      in: folder.url.path, PhantomOptions(size: 1024, seed: 12, isMirrored: isMirrored),
      isParallel: true)
    _ = try files.write(writeFile: write)
    let truth = try JSONDecoder().decode(
      PhantomTruth.self, from: Data(contentsOf: URL(fileURLWithPath: files.truthPath)))
    let fixed = try points(files.fixedLandmarksPath)
    let moving = try points(files.movingLandmarksPath)
    #expect(fixed.count >= 60 && fixed.count == moving.count && fixed.count == truth.landmarkCount)
    let size = PixelSize(truth.pixelSizeMicrons)
    for (from, to) in zip(fixed, moving) {
      let there = truth.map.moving(from.microns(pixelSize: size)).level0(pixelSize: size)
      #expect(distance(there, to) < PhantomFilesTests.hundredthOfPixel)
      let back = truth.map.fixed(to.microns(pixelSize: size)).level0(pixelSize: size)
      #expect(distance(back, from) < PhantomFilesTests.hundredthOfPixel)
    }
    #expect(truth.isMirrored == isMirrored)
    #expect(truth.minJacobian >= PhantomMap.smallestDeterminant)
    #expect((0.5...0.7).contains(truth.tissueShareMoving))
    // Spread over the tissue: some in every quarter of the slide.
    let quarters = Set(fixed.map { ($0.x < 512 ? 0 : 1) + ($0.y < 512 ? 0 : 2) })
    #expect(quarters.count == 4)
  }

  @Test("landmarks lie on nuclei in both sections")
  func landmarksOnNuclei() throws {
    let phantom = try SerialSections(PhantomOptions(size: 768, seed: 14))
    let landmarks = phantom.landmarks()
    let whole = PixelRegion(x: 0, y: 0, width: 768, height: 768)
    let truth = phantom.movingTruth.read(whole)
    let fixed = phantom.fixed.read(whole)
    func darkest(_ image: RGBImage, at point: Level0Point) -> UInt8 {
      // Nuclei lie within 0.75 µm, 1.5 px, of the landmark.
      let near = PixelRegion(x: Int(point.x) - 2, y: Int(point.y) - 2, width: 5, height: 5)
      return (image.read(near).pixels.enumerated().filter { $0.offset % 3 == 0 }.map(\.element))
        .min() ?? 255
    }
    // Red below 160 is haematoxylin; eosin alone stays above 180.
    let dark = landmarks.count {
      darkest(fixed, at: $0.fixed) < 160 && darkest(truth, at: $0.moving) < 160
    }
    #expect(Double(dark) / Double(landmarks.count) > 0.9)
  }

  @Test("a phantom that exists is not overwritten")
  func noOverwriting() throws {
    let folder = try TemporaryDirectory()
    let files = try files(in: folder.url.path, PhantomOptions(size: 256), isParallel: false)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: files.movingPath))
    #expect(throws: PyramidError.outputExists(path: files.movingPath)) {
      try files.write(writeFile: write)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: files.movingPath)) == Data("mine".utf8))
  }

  private func points(_ path: String) throws -> [Level0Point] {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.first == "id,x,y")
    return try lines.dropFirst().map { line in
      let values = line.split(separator: ",").compactMap { Double($0) }
      try #require(values.count == 3)
      return Level0Point(x: values[1], y: values[2])
    }
  }

  private func distance(_ first: Level0Point, _ second: Level0Point) -> Double {
    ((first.x - second.x) * (first.x - second.x) + (first.y - second.y) * (first.y - second.y))
      .squareRoot()
  }
}
