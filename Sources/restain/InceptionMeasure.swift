import Evaluation
import Networks
import Rasters
import Reporting
import Staining
import Tensors

/// FID, KID and the Inception score of slides against one real slide, for `evaluate conversion --inception`.
struct InceptionMeasure {
  private let comparison: InceptionComparison
  private let reference: InceptionComparison.Reference
  private let context: CommandContext

  /// Reads the network, chooses the tiles and looks at those of the real slide.
  ///
  /// - Parameters:
  ///   - frame: The slides.
  ///   - context: The command.
  /// - Returns: Nothing where the network is not given, or, with a warning, where tiles are too few.
  /// - Throws: `StainingError` for a file that is not the network, and what reading slides throws.
  static func of(
    _ frame: ComparisonFrame, _ context: CommandContext
  ) throws -> InceptionMeasure? {
    guard let path = context[EvaluateConversionCommand.inception] else { return nil }
    let compute = try context.computeContext()
    let network = try InceptionModel(path: path).network(path: path, context: compute)
    let tiles = try tiles(frame.comparison(with: frame.real), compute.parallelism, context)
    guard isEnough(tiles.count, context) else { return nil }
    let comparison = InceptionComparison(
      tiles: tiles, network: network,
      resize: context[EvaluateConversionCommand.inceptionResize], context: compute)
    let looks = try looks(at: frame.real, named: "real", comparison, context)
    let reference = try comparing("real", context) {
      try comparison.reference(looks, progress: $0)
    }
    return InceptionMeasure(comparison: comparison, reference: reference, context: context)
  }

  /// The figures of a slide in the frame of the real one.
  func figures(of source: any PixelSource, named name: String) throws -> InceptionFigures {
    let looks = try Self.looks(at: source, named: name, comparison, context)
    return try Self.comparing(name, context) {
      try comparison.figures(looks, reference: reference, progress: $0)
    }
  }

  /// The figures as a line for people.
  static func line(_ figures: InceptionFigures, of name: String) -> String {
    func text(_ value: Double, _ decimals: Int) -> String {
      HumanText.fixed(value, decimals: decimals)
    }
    return "FID         \(name) \(text(figures.frechetDistance, 2)) "
      + "(real halves \(text(figures.frechetFloor, 2))), "
      + "KID \(text(figures.kernelDistance, 5)) ± \(text(figures.kernelDeviation, 5)) "
      + "(real halves \(text(figures.kernelFloor, 5))), "
      + "Inception score \(text(figures.score, 2)) ± \(text(figures.scoreDeviation, 2)), "
      + "\(figures.tileCount) tiles, \(figures.resize.rawValue)"
  }

  private static func tiles(
    _ comparison: ConversionComparison, _ parallelism: Parallelism, _ context: CommandContext
  ) throws -> [PixelRegion] {
    context.progress.begin(
      "choose tiles", total: Double(comparison.inceptionTileCount), unit: "tiles")
    let tiles = try comparison.inceptionTiles(parallelism: parallelism) { count in
      try context.checkCancellation()
      context.progress.advance(by: Double(count))
    }
    context.progress.finish()
    return tiles
  }

  private static func looks(
    at source: any PixelSource, named name: String, _ comparison: InceptionComparison,
    _ context: CommandContext
  ) throws -> InceptionComparison.Looks {
    context.progress.begin(
      "look at \(name)", total: Double(comparison.tiles.count), unit: "tiles")
    let looks = try comparison.looks(at: source) { count in
      try context.checkCancellation()
      context.progress.advance(by: Double(count))
    }
    context.progress.finish()
    return looks
  }

  /// Does the work of the formulas, which takes a while for thousands of tiles.
  private static func comparing<Result>(
    _ name: String, _ context: CommandContext,
    _ work: (_ progress: (_ share: Double) throws -> Void) throws -> Result
  ) throws -> Result {
    context.progress.begin(
      "compare features of \(name)", total: Double(KernelDistance.subsetCount), unit: "subsets")
    let result = try work { share in
      try context.checkCancellation()
      context.progress.advance(to: share * Double(KernelDistance.subsetCount))
    }
    context.progress.finish()
    return result
  }

  /// Whether tiles are enough; a warning where they are few.
  private static func isEnough(_ count: Int, _ context: CommandContext) -> Bool {
    let (least, advised) = (
      InceptionComparison.leastTileCount, InceptionComparison.advisedTileCount
    )
    if count < InceptionComparison.fewestTileCount || (count < least && !context.isForced) {
      let advice =
        count < InceptionComparison.fewestTileCount
        ? "" : " or pass --force for figures of little worth"
      context.warn(
        "--inception: \(count) tiles of \(InceptionComparison.tileSide) pixels show tissue, and fewer "
          + "than \(least) give no FID, KID or Inception score; compare larger slides\(advice)")
      return false
    }
    if count < advised {
      context.warn(
        "--inception: with \(count) tiles, fewer than \(advised), FID lies too high; compare it with "
          + "that of as many tiles alone, or compare KID")
    }
    return true
  }
}
