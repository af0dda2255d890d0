public import Rasters

/// The picture a person judges a registration by.
public enum RegistrationOverlay {
  /// Draws before | rigid | chosen, in two colours above and as a checkerboard below.
  ///
  /// In two colours the fixed section is magenta and the moving one green: where both are, it is dark.
  ///
  /// - Parameters:
  ///   - fixed: The fixed section.
  ///   - moving: The moving section.
  ///   - result: How they were registered.
  ///   - panelSize: The long side of one of the six panels, in pixels.
  ///   - threadCount: Threads that draw; the picture does not depend on it.
  /// - Returns: Three panels across and two down with a grey line between.
  public static func picture(
    fixed: SectionImage, moving: SectionImage, result: RegistrationResult, panelSize: Int = 640,
    threadCount: Int = 1
  ) -> RGBImage {
    let longSide = max(fixed.frame.extent.x, fixed.frame.extent.y)
    let pixelSize = max(fixed.pixelSize, longSide / Double(panelSize))
    let reference = Overview(fixed, pixelSize: pixelSize)
    let other = Overview(moving, pixelSize: pixelSize)
    let from = fixed.frame.centre
    let to = moving.frame.centre
    let before = SectionTransform(
      fixed: fixed.frame, moving: moving.frame,
      affine: AffineMap(a: 1, b: 0, c: to.x - from.x, d: 0, e: 1, f: to.y - from.y))
    let still = SectionTransform(fixed: fixed.frame, moving: fixed.frame, affine: .identity)
    let maps = [still, before, result.rigid, result.transform]
    let fillings = [reference.fillings, other.fillings]
    let panels = RowLoop(threadCount: threadCount).sideBySide(maps.count) { index, _ in
      let image = warped(index == 0 ? reference : other, maps[index], pixelSize)
      let strength = strength(image, pixelSize, fillings: fillings[min(index, 1)])
      return (image: image, strength: strength)
    }
    let base = panels[0]
    let (width, height) = (base.image.width, base.image.height)
    var picture = RGBImage(
      width: 3 * width + 2 * gap, height: 2 * height + gap,
      filledWith: RGBColor(red: 90, green: 90, blue: 90))
    for (index, panel) in panels.dropFirst().enumerated() {
      let x = index * (width + gap)
      picture.paste(
        twoColour(base.strength, panel.strength, like: panel.image), x: x, y: 0)
      picture.paste(checkerboard(base.image, panel.image), x: x, y: height + gap)
    }
    return picture
  }

  private static let gap = 6

  /// A section about as fine as the panels.
  private struct Overview {
    var image: RGBImage
    var pixelSize: Double

    init(_ section: SectionImage, pixelSize wanted: Double) {
      image = section.image
      pixelSize = section.pixelSize
      while pixelSize * 1.9 <= wanted {
        image = image.halved()
        pixelSize *= 2
      }
    }

    /// The colours that fill what was not scanned.
    var fillings: [RGBColor] { UnscannedArea(image, pixelSize: pixelSize).colors }
  }

  private static func warped(
    _ overview: Overview, _ transform: SectionTransform, _ pixelSize: Double
  ) -> RGBImage {
    let source = WarpedSource(
      overview.image, movingPixelSize: PixelSize(overview.pixelSize), transform: transform,
      pixelSize: PixelSize(pixelSize))
    let region = PixelRegion(x: 0, y: 0, width: source.width, height: source.height)
    // Reading from a picture in memory cannot fail.
    return (try? source.read(region)) ?? RGBImage(width: source.width, height: source.height)
  }

  private static func twoColour(
    _ here: [UInt8], _ there: [UInt8], like panel: RGBImage
  ) -> RGBImage {
    var result = RGBImage(width: panel.width, height: panel.height)
    for index in here.indices {
      result.pixels[index * 3] = 255 - there[index]
      result.pixels[index * 3 + 1] = 255 - here[index]
      result.pixels[index * 3 + 2] = 255 - there[index]
    }
    return result
  }

  /// How dark a pixel is in red light, in which two stains look most alike (in all colours where red light shows no
  /// stain), 0…255, stretched so that pale sections show; what was not scanned is as bright as glass.
  ///
  /// - Parameters:
  ///   - image: A section as it lies in a panel.
  ///   - pixelSize: Microns a pixel.
  ///   - fillings: The colours that fill what was not scanned.
  /// - Returns: A level a pixel, row by row.
  private static func strength(
    _ image: RGBImage, _ pixelSize: Double, fillings: [RGBColor]
  ) -> [UInt8] {
    // A panel shows too little of a frame to tell it by its edges.
    let isFilled = (0..<image.width * image.height).map { index in
      UnscannedArea.isFilling(image[index % image.width, index / image.width], of: fillings)
    }
    var valid = ForeignMatter.validPixels(image, pixelSize: pixelSize)
    for index in isFilled.indices where isFilled[index] { valid.values[index] = 0 }
    let white = WhitePoint(image, where: valid)
    let mean = OpticalDensity.mean(of: image, white: (white.red, white.green, white.blue))
    let red = OpticalDensity.red(of: image, white: white.red)
    let tissue = mean.values.indices.filter { mean.values[$0] > 0.02 && valid.values[$0] > 0 }
    func top(_ density: Plane) -> Float {
      let sorted = tissue.map { density.values[$0] }.sorted()
      return sorted.isEmpty ? 1 : sorted[sorted.count * 95 / 100]
    }
    let (topOfRed, topOfMean) = (top(red), top(mean))
    let hasRed = DensityScale.hasRed(topOfRed, beside: topOfMean)
    let density = hasRed ? red : mean
    let scale = 1 / max(0.03, hasRed ? topOfRed : topOfMean)
    return density.values.indices.map {
      isFilled[$0] ? 0 : UInt8(min(1, density.values[$0] * scale) * 225)
    }
  }

  private static func checkerboard(_ fixed: RGBImage, _ moving: RGBImage) -> RGBImage {
    let side = max(16, max(fixed.width, fixed.height) / 10)
    var result = fixed
    for top in stride(from: 0, to: fixed.height, by: side) {
      for left in stride(from: 0, to: fixed.width, by: side)
      where (top / side + left / side) % 2 == 1 {
        let region = PixelRegion(
          x: left, y: top, width: min(side, fixed.width - left),
          height: min(side, fixed.height - top))
        result.paste(moving.cropped(to: region), x: left, y: top)
      }
    }
    return result
  }
}
