import Rasters

/// Everything that is known about a phantom: the content of `truth.json`.
public struct PhantomTruth: Hashable, Codable, Sendable {
  /// One tissue class of `tissue_map.tif`.
  public struct ClassEntry: Hashable, Codable, Sendable {
    /// The raw value of ``TissueClass``.
    public let index: Int
    /// Its name.
    public let name: String
    /// Red, green, blue in the tissue map.
    public let color: [UInt8]
    /// The share of the moving section's pixels.
    public let share: Double
  }

  /// The options from which the same phantom can be made again.
  public let options: PhantomOptions
  /// Pixels along each side; microns a pixel.
  public let size: Int, pixelSizeMicrons: Double
  /// The kind of the moving section.
  public let from: PhantomStain
  /// The seed of everything.
  public let seed: UInt64
  /// Counter-clockwise on the screen, of the moving section relative to the fixed.
  public let rotationDegrees: Double
  /// Right and down, after the turn, in microns.
  public let shiftMicrons: [Double]
  /// The largest displacement of the warp, in microns.
  public let warpMicrons: Double
  /// The smallest determinant of the Jacobian of the map, on a grid.
  public let minJacobian: Double
  /// Whether the moving section lies on its other face.
  public let isMirrored: Bool
  /// The share of tissue that the moving section has lost.
  public let missingShare: Double
  /// The map from fixed to moving, in microns.
  public let map: PhantomMap
  /// What ``map`` means, in words.
  public let mapFormula: String
  /// Landmarks in each of the two files.
  public let landmarkCount: Int
  /// Share of pixels that show tissue (fat and lumina included), in the fixed and moving section.
  public let tissueShareFixed: Double, tissueShareMoving: Double
  /// Which section's frame the tissue map has: the moving one's.
  public let tissueMapFrame: String
  /// The classes of the tissue map.
  public let classes: [ClassEntry]

  private enum CodingKeys: String, CodingKey {
    case options, size, from, seed, map, classes
    case pixelSizeMicrons = "pixel_size_um"
    case rotationDegrees = "rotation_deg"
    case shiftMicrons = "shift_um"
    case warpMicrons = "warp_um"
    case minJacobian = "min_jacobian"
    case isMirrored = "mirrored"
    case missingShare = "missing"
    case mapFormula = "map_formula"
    case landmarkCount = "landmarks"
    case tissueShareFixed = "tissue_share_fixed"
    case tissueShareMoving = "tissue_share_moving"
    case tissueMapFrame = "tissue_map_frame"
  }

  /// Gathers the truth of a phantom.
  ///
  /// - Parameters:
  ///   - phantom: The sections.
  ///   - landmarkCount: How many landmarks were written.
  ///   - fixedCounts: Pixels of each class, by raw value, in the fixed section.
  ///   - movingCounts: The same in the moving section.
  public init(
    _ phantom: SerialSections, landmarkCount: Int, fixedCounts: [Int], movingCounts: [Int]
  ) {
    options = phantom.options
    size = phantom.options.size
    pixelSizeMicrons = phantom.options.pixelSize
    from = phantom.options.stain
    seed = phantom.options.seed
    rotationDegrees = phantom.rotationDegrees
    shiftMicrons = [phantom.shift.x, phantom.shift.y]
    warpMicrons = phantom.warpMicrons
    minJacobian = phantom.map.smallestAreaFactor(extent: phantom.options.extent)
    isMirrored = phantom.options.isMirrored
    missingShare = phantom.options.missingShare
    map = phantom.map
    mapFormula =
      "moving = affine(fixed + sum of amplitude * sin(wave_x (x - center) + wave_y (y - center) + phase))"
      + ", microns, y down; affine is x' = a x + b y + c, y' = d x + e y + f"
    self.landmarkCount = landmarkCount
    func share(_ counts: [Int], _ kind: TissueClass) -> Double {
      Double(counts[Int(kind.rawValue)]) / Double(max(1, counts.reduce(0, +)))
    }
    tissueShareFixed = 1 - share(fixedCounts, .background)
    tissueShareMoving = 1 - share(movingCounts, .background)
    tissueMapFrame = "moving"
    classes = TissueClass.allCases.map { kind in
      ClassEntry(
        index: Int(kind.rawValue), name: kind.name,
        color: [kind.color.red, kind.color.green, kind.color.blue],
        share: share(movingCounts, kind))
    }
  }
}

extension PhantomMap {
  /// The smallest ``areaFactor(at:)`` on a grid of 129 × 129 points over the frame.
  public func smallestAreaFactor(extent: Double) -> Double {
    let count = 128
    return (0...count).reduce(into: Double.infinity) { smallest, row in
      for column in 0...count {
        let point = MicronPoint(
          x: extent * Double(column) / Double(count), y: extent * Double(row) / Double(count))
        smallest = min(smallest, areaFactor(at: point))
      }
    }
  }
}
