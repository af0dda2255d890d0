public import Foundation
import Pyramids
import Rasters

/// Writes a phantom into a folder: slides as pyramids, landmarks, tissue map and truth.
///
/// Memory depends on the width alone: bands of 256 rows go straight to the pyramids.
public struct PhantomFiles {
  /// Runs a body for every index below a count, on as many threads as the caller grants.
  public typealias ForEach = (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void

  /// The phantom that is written.
  public let phantom: SerialSections
  /// Where to.
  public let folder: String
  private let forEach: ForEach
  private let threadCount: Int
  private let isForced: Bool

  /// Columns that one thread draws at a time.
  private static let chunkWidth = 512

  /// Prepares to write.
  ///
  /// - Parameters:
  ///   - phantom: What is drawn.
  ///   - folder: An existing folder.
  ///   - isForced: Whether existing files may be replaced.
  ///   - threadCount: Threads that compress tiles.
  ///   - forEach: Spreads the drawing over threads; the files do not depend on how.
  public init(
    _ phantom: SerialSections, folder: String, isForced: Bool = false, threadCount: Int = 1,
    forEach: @escaping ForEach
  ) {
    self.phantom = phantom
    self.folder = folder
    self.isForced = isForced
    self.threadCount = threadCount
    self.forEach = forEach
  }

  /// `phantom_IHC.tif`, or `phantom_US.tif` for an unstained moving section.
  public var movingPath: String {
    path(phantom.options.stain == .unstained ? "phantom_US.tif" : "phantom_IHC.tif")
  }
  /// `phantom_HE.tif`.
  public var fixedPath: String { path("phantom_HE.tif") }
  /// `truth_HE.tif`, the moving section as H&E.
  public var movingTruthPath: String { path("truth_HE.tif") }
  /// `tissue_map.tif`, in the moving section's frame.
  public var tissueMapPath: String { path("tissue_map.tif") }
  /// `landmarks_fixed.csv`.
  public var fixedLandmarksPath: String { path("landmarks_fixed.csv") }
  /// `landmarks_moving.csv`.
  public var movingLandmarksPath: String { path("landmarks_moving.csv") }
  /// `truth.json`.
  public var truthPath: String { path("truth.json") }
  /// All files, in the order in which they are finished.
  public var paths: [String] {
    [
      fixedPath, movingPath, movingTruthPath, tissueMapPath, fixedLandmarksPath,
      movingLandmarksPath, truthPath,
    ]
  }

  /// Draws and writes everything.
  ///
  /// - Parameters:
  ///   - writeFile: Writes the small files: content and final path.
  ///   - progress: Called with rows done and rows in all, both sections counted; may throw to stop.
  /// - Returns: The truth, as written to `truth.json`.
  /// - Throws: `PyramidError`, or what the closures throw; a half-written slide is removed.
  public func write(
    writeFile: (Data, String) throws -> Void, progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws -> PhantomTruth {
    let size = phantom.options.size
    let fixedCounts = try stream(
      [try writer(fixedPath, "H&E, fixed")],
      read: { [phantom] region in
        let read = phantom.fixed.pictures(region, of: [phantom.fixed])
        return (read.images, read.classes)
      },
      progress: { try progress($0, 2 * size) })
    let stain = phantom.options.stain == .unstained ? "unstained, moving" : "IHC, moving"
    let movingCounts = try stream(
      [
        try writer(movingPath, stain), try writer(movingTruthPath, "H&E, moving"),
        try writer(tissueMapPath, "tissue map, moving", .deflate),
      ],
      read: { [phantom] region in
        let read = phantom.moving.pictures(region, of: [phantom.moving, phantom.movingTruth])
        return (read.images + [PhantomFiles.picture(of: read.classes, region)], read.classes)
      },
      progress: { try progress(size + $0, 2 * size) })
    let landmarks = phantom.landmarks()
    try writeFile(Data(PhantomLandmark.table(landmarks, \.fixed).utf8), fixedLandmarksPath)
    try writeFile(Data(PhantomLandmark.table(landmarks, \.moving).utf8), movingLandmarksPath)
    let truth = PhantomTruth(
      phantom, landmarkCount: landmarks.count, fixedCounts: fixedCounts, movingCounts: movingCounts)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try writeFile(try encoder.encode(truth) + Data("\n".utf8), truthPath)
    return truth
  }

  private func path(_ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  private func writer(
    _ path: String, _ name: String, _ compression: PyramidCompression = .jpeg
  ) throws(PyramidError) -> PyramidWriter {
    let description = PyramidDescription(
      name: "phantom, " + name,
      provenance: [
        "synthetic": "procedural tissue, no patient",
        "phantom_seed": "\(phantom.options.seed)",
        "phantom_stain": phantom.options.stain.rawValue,
      ])
    return try PyramidWriter(
      path: path, width: phantom.options.size, height: phantom.options.size,
      options: PyramidOptions(
        compression: compression, pixelSize: phantom.fixed.pixelSize, description: description),
      force: isForced, threadCount: threadCount)
  }

  /// Draws a section band by band into as many pyramids as `read` returns pictures.
  ///
  /// - Returns: Pixels of each class.
  private func stream(
    _ writers: [PyramidWriter],
    read: @escaping @Sendable (PixelRegion) -> (images: [RGBImage], classes: [UInt8]),
    progress: (Int) throws -> Void
  ) throws -> [Int] {
    let size = phantom.options.size
    let chunkCount = (size + PhantomFiles.chunkWidth - 1) / PhantomFiles.chunkWidth
    var counts = [Int](repeating: 0, count: TissueClass.allCases.count)
    for y in stride(from: 0, to: size, by: PyramidPlan.tileSide) {
      let rowCount = min(PyramidPlan.tileSide, size - y)
      var chunks = [(images: [RGBImage], classes: [UInt8])](
        repeating: ([], []), count: chunkCount)
      chunks.withUnsafeMutableBufferPointer { buffer in
        // Each index is written by the one body that was called with it.
        nonisolated(unsafe) let slots = buffer
        forEach(chunkCount) { index in
          let x = index * PhantomFiles.chunkWidth
          slots[index] = read(
            PixelRegion(
              x: x, y: y, width: min(PhantomFiles.chunkWidth, size - x), height: rowCount))
        }
      }
      for (index, writer) in writers.enumerated() {
        var band = RGBImage(width: size, height: rowCount)
        for (column, chunk) in chunks.enumerated() {
          band.paste(chunk.images[index], x: column * PhantomFiles.chunkWidth, y: 0)
        }
        try writer.append(rows: band)
      }
      for chunk in chunks {
        for kind in chunk.classes { counts[Int(kind)] += 1 }
      }
      try progress(y + rowCount)
    }
    for writer in writers { _ = try writer.finish() }
    return counts
  }

  /// The classes of a region in their colours.
  private static func picture(of classes: [UInt8], _ region: PixelRegion) -> RGBImage {
    let colors = TissueClass.allCases.map(\.color)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(classes.count * 3)
    for kind in classes {
      let color = colors[Int(kind)]
      pixels.append(color.red)
      pixels.append(color.green)
      pixels.append(color.blue)
    }
    return RGBImage(width: region.width, height: region.height, pixels: pixels)
  }
}
