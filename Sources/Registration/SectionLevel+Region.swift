import Rasters

extension SectionLevel {
  /// A rectangle of the level; it lies inside.
  func cropped(to region: PixelRegion) -> SectionLevel {
    SectionLevel(
      density: density.cropped(to: region), meanDensity: meanDensity.cropped(to: region),
      valid: valid.cropped(to: region), tissue: tissue.cropped(to: region), pixelSize: pixelSize,
      medianDensity: medianDensity)
  }

  /// A finer picture of a rectangle, its masks taken from this level.
  ///
  /// - Parameters:
  ///   - picture: The rectangle at `fine` microns a pixel.
  ///   - region: Where it lies, in its own pixels.
  ///   - scale: What turns its pixels into this level's densities.
  ///   - fine: Microns a pixel of the picture.
  /// - Returns: The rectangle as a level.
  func filled(
    with picture: RGBImage, of region: PixelRegion, scale: DensityScale, pixelSize fine: Double
  ) -> SectionLevel {
    var (density, mean) = scale.densities(of: picture)
    var known = Plane(width: region.width, height: region.height)
    var covered = known
    for row in 0..<region.height {
      let y = min(height - 1, Int((Double(region.y + row) + 0.5) * fine / pixelSize))
      for column in 0..<region.width {
        let x = min(width - 1, Int((Double(region.x + column) + 0.5) * fine / pixelSize))
        known[column, row] = valid[x, y]
        covered[column, row] = tissue[x, y]
      }
    }
    density.clear(where: known)
    mean.clear(where: known)
    return SectionLevel(
      density: density, meanDensity: mean, valid: MaskPlane(known), tissue: MaskPlane(covered),
      pixelSize: fine,
      medianDensity: medianDensity)
  }
}

/// What turns a section's colours into densities between 0 and 1.
struct DensityScale: Sendable {
  let white: (red: Double, green: Double, blue: Double)
  /// One over the density of the darkest tissue in red light; nothing where that shows no stain.
  let red: Float?
  /// One over the mean density of the darkest tissue.
  let mean: Float

  /// Whether a section's stains show in red light, by the density of its darkest tissue there and in all colours.
  ///
  /// A counterstain gives 0.6 of the mean density and more, eosin or a red chromogen alone up to 0.2.
  static func hasRed(_ red: Float, beside mean: Float) -> Bool { red >= 0.35 * mean }

  /// What ``SectionLevel/density`` and ``SectionLevel/meanDensity`` hold.
  func densities(of image: RGBImage) -> (density: Plane, mean: Plane) {
    var meanDensity = OpticalDensity.mean(of: image, white: white)
    meanDensity.scale(by: mean)
    guard let red else { return (meanDensity, meanDensity) }
    var density = OpticalDensity.red(of: image, white: white.red)
    density.scale(by: red)
    return (density, meanDensity)
  }
}

extension Plane {
  /// A rectangle of the plane; it lies inside.
  func cropped(to region: PixelRegion) -> Plane {
    Plane(
      width: region.width, height: region.height, values: values.cropped(to: region, width: width))
  }
}
