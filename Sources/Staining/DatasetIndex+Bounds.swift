import Rasters

extension DatasetIndex {
  /// Edges of tiles that a data set can have, in pixels.
  public static let tileSizes = 32...4096
  /// More pixels than any slide has in a row or column, and more tiles than any case has; sums of them can be
  /// counted.
  private static let largestCount = 1 << 30

  /// What no data set has, as a message says it; nothing where all numbers can be worked with.
  var problem: String? {
    guard PixelSize.plausibleMicrons.contains(pixelSizeMicrons) else {
      return "a pixel size of \(pixelSizeMicrons) µm"
    }
    guard Self.tileSizes.contains(tileSize) else { return "tiles of \(tileSize) pixels" }
    guard SplitShares.areValid([shares.train, shares.validation, shares.test]) else {
      return "shares that do not divide a whole"
    }
    if let problem = classes?.problem { return "classes of which \(problem)" }
    for slide in fixedSlides where !slide.squares.allSatisfy(isPossible) {
      return "squares of \(slide.file) that no slide has"
    }
    for entry in cases {
      let left = [
        entry.leftOut.background, entry.leftOut.outside, entry.leftOut.misregistered,
        entry.leftOut.unlabelled ?? 0, entry.leftOut.damaged ?? 0,
      ]
      guard (left + entry.kept.values).allSatisfy((0...Self.largestCount).contains) else {
        return "counts of tiles that case \(entry.name) cannot have"
      }
    }
    return nil
  }

  private func isPossible(_ square: SplitSquare) -> Bool {
    let places = 0...Self.largestCount
    return places.contains(square.x) && places.contains(square.y)
      && (tileSize...Self.largestCount).contains(square.width)
      && (tileSize...Self.largestCount).contains(square.height)
  }
}
