import Rasters

extension SectionLevel {
  /// A rectangle of the level; it lies inside.
  func cropped(to region: PixelRegion) -> SectionLevel {
    SectionLevel(
      density: density.cropped(to: region), valid: valid.cropped(to: region),
      tissue: tissue.cropped(to: region), pixelSize: pixelSize, medianDensity: medianDensity)
  }

  /// A finer picture of a rectangle, its masks taken from this level.
  ///
  /// - Parameters:
  ///   - picture: The rectangle at `fine` microns a pixel.
  ///   - region: Where it lies, in its own pixels.
  ///   - scale: What turns its pixels into this level's density.
  ///   - fine: Microns a pixel of the picture.
  /// - Returns: The rectangle as a level.
  func filled(
    with picture: RGBImage, of region: PixelRegion, scale: DensityScale, pixelSize fine: Double
  ) -> SectionLevel {
    var density = scale.density(of: picture)
    var known = Plane(width: region.width, height: region.height)
    var covered = known
    for row in 0..<region.height {
      let y = min(height - 1, Int((Double(region.y + row) + 0.5) * fine / pixelSize))
      for column in 0..<region.width {
        let x = min(width - 1, Int((Double(region.x + column) + 0.5) * fine / pixelSize))
        known[column, row] = valid[x, y]
        covered[column, row] = tissue[x, y]
        if valid[x, y] == 0 { density[column, row] = 0 }
      }
    }
    return SectionLevel(
      density: density, valid: known, tissue: covered, pixelSize: fine,
      medianDensity: medianDensity)
  }
}

/// What turns a section's colours into density between 0 and 1.
struct DensityScale: Sendable {
  let white: (red: Double, green: Double, blue: Double)
  /// One over the density of the darkest tissue.
  let factor: Float

  func density(of image: RGBImage) -> Plane {
    var plane = OpticalDensity.mean(of: image, white: white)
    for index in plane.values.indices {
      plane.values[index] = min(1, plane.values[index] * factor)
    }
    return plane
  }
}

extension Plane {
  /// A rectangle of the plane; it lies inside.
  func cropped(to region: PixelRegion) -> Plane {
    var values: [Float] = []
    values.reserveCapacity(region.width * region.height)
    for row in region.y..<region.maxY {
      values += self.values[row * width + region.x..<row * width + region.maxX]
    }
    return Plane(width: region.width, height: region.height, values: values)
  }
}
