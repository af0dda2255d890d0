/// A point in level-0 pixels of a named slide; (0, 0) is the outer corner of the first pixel.
public struct Level0Point: Hashable, Codable, Sendable {
  /// Pixels to the right of the left edge.
  public var x: Double
  /// Pixels below the top edge.
  public var y: Double

  /// Makes a point from its coordinates in level-0 pixels.
  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  /// Whether a number can be a coordinate on or near a slide; slides have at most 2³⁰ pixels a side.
  public static func isPossible(_ coordinate: Double) -> Bool { abs(coordinate) <= 1e9 }

  /// The same place in microns of the slide's frame.
  public func microns(pixelSize: PixelSize) -> MicronPoint {
    MicronPoint(x: x * pixelSize.x, y: y * pixelSize.y)
  }
}

/// A point in pixels of one level (or of one resampled raster), outer corner of the first pixel at (0, 0).
public struct LevelPoint: Hashable, Codable, Sendable {
  /// Pixels to the right of the left edge.
  public var x: Double
  /// Pixels below the top edge.
  public var y: Double

  /// Makes a point from its coordinates in pixels of the level.
  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }
}

/// A point in microns of a slide's frame, origin at the outer corner of the first level-0 pixel.
public struct MicronPoint: Hashable, Codable, Sendable {
  /// Microns to the right of the left edge.
  public var x: Double
  /// Microns below the top edge.
  public var y: Double

  /// Makes a point from its coordinates in microns.
  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  /// The same place in level-0 pixels of a slide with that pixel size.
  public func level0(pixelSize: PixelSize) -> Level0Point {
    Level0Point(x: x / pixelSize.x, y: y / pixelSize.y)
  }

  /// The straight distance to another point, in microns.
  public func distance(to other: MicronPoint) -> Double {
    ((x - other.x) * (x - other.x) + (y - other.y) * (y - other.y)).squareRoot()
  }
}

/// The size of one pixel, in microns, along each axis.
public struct PixelSize: Hashable, Codable, Sendable {
  /// Microns a pixel that a slide scanner can have; what a file tells outside counts as missing, since writers
  /// put 72 or 300 dots an inch where they know nothing.
  public static let plausibleMicrons = 0.05...20.0

  /// Microns a pixel, left to right.
  public var x: Double
  /// Microns a pixel, top to bottom.
  public var y: Double

  /// Makes a pixel size from microns along each axis.
  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  /// Makes the size of a square pixel, in microns.
  public init(_ microns: Double) { self.init(x: microns, y: microns) }

  /// Whether a slide scanner can have it.
  public var isPlausible: Bool {
    Self.plausibleMicrons.contains(x) && Self.plausibleMicrons.contains(y)
  }

  /// Whether the axes differ by no more than 0.5 %, as two roundings of one pixel size do.
  public var isSquare: Bool { abs(x / y - 1) <= 0.005 }

  /// The mean of the two axes, in microns; what "the pixel size" means where one number is asked for.
  public var mean: Double { (x + y) / 2 }
}
