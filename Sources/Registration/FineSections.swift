public import Rasters

/// Two slides that can be read finer than the working pixel size, region by region.
public struct FineSections: Sendable {
  /// Both slides at one pixel size.
  public struct Level: Sendable {
    /// Microns a pixel, less than the working pixel size.
    public let pixelSize: Double
    /// The whole fixed slide from (0, 0), resampled to `pixelSize`.
    public let fixed: any PixelSource
    /// The whole moving slide from (0, 0), resampled to `pixelSize`.
    public let moving: any PixelSource

    /// Gathers the three.
    public init(pixelSize: Double, fixed: any PixelSource, moving: any PixelSource) {
      self.pixelSize = pixelSize
      self.fixed = fixed
      self.moving = moving
    }
  }

  /// From coarse to fine, each half the pixel size of the one before.
  public let levels: [Level]

  /// - Parameter levels: From coarse to fine; the first has half the working pixel size.
  public init(levels: [Level]) { self.levels = levels }
}

extension RegistrationRun {
  /// Below that, sections that follow one another differ in every cell, and bending would follow noise.
  static let leastSpacing = 128.0
  /// More knots would make transform files of more than 1 MB.
  static let mostKnots = 30_000

  /// Bends further at finer pixel sizes, tile by tile; one tile of each section is held at a time.
  ///
  /// - Throws: What the slides throw.
  func refined(
    _ start: DisplacementGrid, affine: AffineMap, by fine: FineSections
  ) throws -> DisplacementGrid {
    var grid = start
    for level in fine.levels {
      let isFinestGrid = grid.spacing < 2 * Self.leastSpacing - 1e-6
      if !isFinestGrid, 4 * (grid.columns - 3) * (grid.rows - 3) <= Self.mostKnots {
        grid = grid.refined()
      }
      grid = try TiledBending<any Error>(
        fixed: side(level.fixed, self.fixed, level.pixelSize),
        moving: side(level.moving, self.moving, level.pixelSize), pixelSize: level.pixelSize,
        affine: affine, knotPixels: Int((grid.spacing / level.pixelSize).rounded()),
        tissueShare: self.fixed.levels[0].tissue.mean, metric: options.detailMetric,
        stiffness: options.stiffness, options: options, rows: rows
      ).improved(grid)
    }
    return grid
  }

  private func side(
    _ source: any PixelSource, _ planes: SectionPlanes, _ pixelSize: Double
  ) -> TiledBending<any Error>.Side {
    TiledBending<any Error>.Side(width: source.width, height: source.height) { region in
      planes.levels[0].filled(
        with: try source.read(region), of: region, scale: planes.scale, pixelSize: pixelSize)
    }
  }
}
