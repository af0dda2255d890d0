import Foundation
import Pictures
public import Rasters
public import Slides

/// A picture that shows the class of every place of a slide by its colour.
///
/// It is read as it is stored, at its finest level: a mean of two colours would be the colour of a third class.
public struct LabelMap: Sendable {
  /// The file.
  public let path: String
  private let raster: any PixelSource
  /// Microns a pixel, where the file tells.
  private let pixelSize: PixelSize?

  /// Extents this near are the same, as those of sections are.
  private static let extentTolerance = 0.005

  /// Opens a label picture: a PNG file, or anything that opens as a slide.
  ///
  /// - Parameter path: The file.
  /// - Throws: `PictureError` or `SlideError`.
  public init(path: String) throws {
    self.path = path
    if path.lowercased().hasSuffix(".png") {
      raster = try PictureFile.readPNG(path: path)
      pixelSize = nil
    } else {
      let slide = try Slide(path: path)
      raster = slide.level0Source
      pixelSize = slide.pixelSize
    }
  }

  /// Throws unless the picture shows what a slide shows: in microns where it has a pixel size, else by the
  /// ratio of its sides.
  ///
  /// - Parameters:
  ///   - slide: The slide.
  ///   - slidePixelSize: Microns a level-0 pixel of it.
  /// - Throws: ``StainingError/unusableLabels(path:problem:advice:)``.
  public func requireExtent(
    of slide: Slide, pixelSize slidePixelSize: PixelSize
  ) throws(StainingError) {
    let (width, height) = (
      Double(slide.width) * slidePixelSize.x, Double(slide.height) * slidePixelSize.y
    )
    let name = URL(fileURLWithPath: slide.path).lastPathComponent
    if let pixelSize {
      let own = (Double(raster.width) * pixelSize.x, Double(raster.height) * pixelSize.y)
      guard
        abs(own.0 / width - 1) > Self.extentTolerance
          || abs(own.1 / height - 1) > Self.extentTolerance
      else { return }
      throw .unusableLabels(
        path: path,
        problem:
          "shows \(Int(own.0)) × \(Int(own.1)) µm, \(name) \(Int(width)) × \(Int(height)) µm",
        advice: "export the labels of the whole slide")
    }
    let ratio = Double(raster.width) * height / (Double(raster.height) * width)
    guard abs(ratio - 1) > Self.extentTolerance else { return }
    throw .unusableLabels(
      path: path,
      problem: "is \(raster.width) × \(raster.height) pixels, which has not the shape of \(name)",
      advice: "export the labels of the whole slide")
  }

  /// The labels at so many pixels for the whole picture, none of them mixed.
  public func source(width: Int, height: Int) -> any PixelSource {
    width == raster.width && height == raster.height
      ? raster : NearestSource(raster, width: width, height: height)
  }

  /// A class for each colour of the picture.
  ///
  /// - Returns: The classes, called by their colours.
  /// - Throws: ``StainingError/unusableLabels(path:problem:advice:)`` where there are more colours than
  ///   ``LabelClasses/most`` or fewer than two.
  func classesByColor() throws -> [LabelClass] {
    var colors: Set<RGBColor> = []
    let rows = max(1, (1 << 22) / raster.width)
    for y in stride(from: 0, to: raster.height, by: rows) {
      let band = try raster.read(
        PixelRegion(x: 0, y: y, width: raster.width, height: min(rows, raster.height - y)))
      var last: RGBColor?
      for pixel in 0..<band.width * band.height {
        let color = RGBColor(
          red: band.pixels[pixel * 3], green: band.pixels[pixel * 3 + 1],
          blue: band.pixels[pixel * 3 + 2])
        guard color != last else { continue }
        last = color
        colors.insert(color)
      }
      guard colors.count <= LabelClasses.most else {
        throw StainingError.unusableLabels(
          path: path, problem: "has more than \(LabelClasses.most) colours",
          advice: "name its classes with --classes, or export it without lossy compression")
      }
    }
    guard colors.count >= 2 else {
      throw StainingError.unusableLabels(
        path: path, problem: "has one colour alone", advice: "check what was exported")
    }
    return LabelClasses.named(after: colors)
  }
}
