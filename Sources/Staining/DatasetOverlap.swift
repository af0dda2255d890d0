import Rasters

/// What several data sets that train one model have in common.
enum DatasetOverlap {
  /// A place of a fixed slide, in microns, and what its tiles are for; no place means the whole slide.
  private struct Part {
    let x: ClosedRange<Double>?
    let y: ClosedRange<Double>?
    let split: DatasetSplit

    func meets(_ other: Part) -> Bool {
      guard let x, let y, let otherX = other.x, let otherY = other.y else { return true }
      return x.overlaps(otherX) && y.overlaps(otherY)
    }
  }

  /// Throws where one data set holds out tissue that another trains on, or where two are the same.
  ///
  /// - Parameters:
  ///   - folders: The data sets.
  ///   - indices: Their indices, in the same order.
  ///   - hashes: The hashes of their content, in the same order.
  /// - Throws: ``StainingError/datasetConflict(path:problem:advice:)``.
  static func requireNone(
    folders: [String], indices: [DatasetIndex], hashes: [String]
  ) throws(StainingError) {
    for later in folders.indices {
      for earlier in 0..<later {
        guard hashes[later] != hashes[earlier] else {
          throw .datasetConflict(
            path: folders[later], problem: "is the same data set as \(folders[earlier])",
            advice: "name it once")
        }
        guard let slide = conflict(indices[earlier], indices[later]) else { continue }
        throw .datasetConflict(
          path: folders[later],
          problem: "divides \(slide) otherwise than \(folders[earlier]), "
            + "so that one trains on tissue that the other holds out",
          advice: "make both with the same --split, --split-by and --tile, or train on one")
      }
    }
  }

  /// The name of a fixed slide that two data sets divide otherwise.
  private static func conflict(_ first: DatasetIndex, _ second: DatasetIndex) -> String? {
    for entry in first.cases {
      let hash = entry.fixed.hash
      guard second.cases.contains(where: { $0.fixed.hash == hash }) else { continue }
      let parts = (parts(of: hash, in: first), parts(of: hash, in: second))
      let isTorn = parts.0.contains { part in
        parts.1.contains { other in
          (part.split == .train) != (other.split == .train) && part.meets(other)
        }
      }
      if isTorn { return entry.fixed.file }
    }
    return nil
  }

  private static func parts(of hash: String, in index: DatasetIndex) -> [Part] {
    if index.splitUnit == .case {
      return index.cases.filter { $0.fixed.hash == hash }.compactMap { $0.split }
        .map { Part(x: nil, y: nil, split: $0) }
    }
    let squares = index.fixedSlides.filter { $0.hash == hash }.flatMap(\.squares)
    let microns = index.pixelSizeMicrons
    return squares.compactMap { square in
      guard square.width > 1, square.height > 1 else { return nil }
      // Half a pixel less on each side: neighbours touch and do not meet.
      return Part(
        x: (Double(square.x) + 0.5) * microns...(Double(square.region.maxX) - 0.5) * microns,
        y: (Double(square.y) + 0.5) * microns...(Double(square.region.maxY) - 0.5) * microns,
        split: square.split)
    }
  }
}
