import Evaluation
import Foundation
import Pictures
import Rasters
import Staining

/// The best colour map of a data set: what a conversion has to beat.
enum ColorBaseline {
  /// Fits a colour map to the training tiles of a data set, input on the left, truth on the right.
  ///
  /// - Parameter dataset: A folder made by `restain tiles`.
  /// - Returns: The map with the least squared error.
  /// - Throws: `StainingError` for a data set of labels, ``CommandError/missingInput(path:)``, `PictureError` for a broken tile,
  ///   `EvaluationError` where there is nothing to fit.
  static func map(fittedTo dataset: String) throws -> AffineColorMap {
    let folder = URL(fileURLWithPath: dataset, isDirectory: true).appendingPathComponent("train")
    try Files.requireInput(folder.path)
    try DatasetIndex.read(folder: dataset)?.requireKind(hasLabels: false, folder: dataset)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".png") }
    var fit = AffineColorFit()
    for name in names {
      let pair = try PictureFile.readPNG(path: folder.appendingPathComponent(name).path)
      guard pair.width == 2 * pair.height else { continue }
      let half = PixelRegion(x: 0, y: 0, width: pair.height, height: pair.height)
      fit.add(
        input: pair.cropped(to: half),
        truth: pair.cropped(to: half.translated(x: pair.height, y: 0)))
    }
    guard let map = fit.solved() else {
      throw EvaluationError.noTrainingPairs(path: folder.path)
    }
    return map
  }
}
