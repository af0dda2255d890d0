import Rasters

/// What registration works on: a section's density and masks at one pixel size.
struct SectionLevel: Sendable {
  /// Optical density in red light over its 99th percentile in tissue, 0…1; 0 = glass.
  ///
  /// Red light shows what an H&E section and its neighbour share: haematoxylin takes it, eosin lets it pass. The
  /// mean density of a section whose stains all let it pass.
  let density: Plane
  /// The mean density of all colours over its 99th percentile in tissue, 0…1; 0 = glass.
  let meanDensity: Plane
  /// 1 where the pixel may be trusted, 0 on pen, black edges and beyond the slide.
  let valid: MaskPlane
  /// 1 on tissue, 0 elsewhere; the share in between.
  let tissue: MaskPlane
  /// Microns a pixel.
  let pixelSize: Double
  /// The mean density that half of the tissue exceeds, 0…1.
  let medianDensity: Float

  /// How surely a pixel holds tissue, 0…1: the mean density on a scale that hardly tells strong stain from stronger.
  ///
  /// Serial sections share what is tissue and what is lumen or gap; how much of a stain a place takes up differs
  /// from stain to stain.
  var presence: [Float] {
    let half = max(0.5 * medianDensity, 1e-3)
    return meanDensity.values.map { $0 * (1 + half) / ($0 + half) }
  }

  var width: Int { density.width }
  var height: Int { density.height }
  /// Pixels along the longer side.
  var longSide: Int { max(width, height) }
  /// Microns along each side.
  var extent: MicronPoint {
    MicronPoint(x: Double(width) * pixelSize, y: Double(height) * pixelSize)
  }

  /// Whether a place lies on the slide and its pixel may be trusted.
  ///
  /// - Parameter point: Microns from the corner.
  /// - Returns: False beyond the slide and on pen or filling.
  func isKnown(at point: MicronPoint) -> Bool {
    let (x, y) = (point.x / pixelSize, point.y / pixelSize)
    guard x >= 0, y >= 0, x < Double(width), y < Double(height) else { return false }
    return valid[Int(x), Int(y)] > 0.5
  }

  /// The tissue among the places of a square lattice, from left to right and top to bottom.
  ///
  /// - Parameter step: Pixels between places; the first lies half a step from the corner.
  /// - Returns: Microns from the corner.
  func tissuePoints(step: Int) -> [MicronPoint] {
    stride(from: step / 2, to: height, by: step).flatMap { row in
      stride(from: step / 2, to: width, by: step).compactMap { column in
        tissue[column, row] > 0
          ? MicronPoint(x: (Double(column) + 0.5) * pixelSize, y: (Double(row) + 0.5) * pixelSize)
          : nil
      }
    }
  }

  /// Places of the tissue, about fifty along the section's longer side.
  var sparseTissuePoints: [MicronPoint] { tissuePoints(step: max(1, longSide / 48)) }

  /// 1 where all pixels up to `reach` away, along either axis, may be trusted; nothing where that is everywhere.
  func knownPixels(reach: Int) -> Plane? {
    guard !valid.isFull else { return nil }
    var unknown = Plane(width: width, height: height)
    for y in 0..<height {
      var last = -reach - 1
      for x in 0..<width + reach {
        if x < width, valid[x, y] < 0.5 { last = x }
        // The row's pixels within reach of the last unknown one.
        if x >= reach, last >= x - 2 * reach { unknown[x - reach, y] = 1 }
      }
    }
    var known = Plane(width: width, height: height, filledWith: 1)
    for x in 0..<width {
      var last = -reach - 1
      for y in 0..<height + reach {
        if y < height, unknown[x, y] > 0 { last = y }
        if y >= reach, last >= y - 2 * reach { known[x, y - reach] = 0 }
      }
    }
    return known
  }

  /// The same at twice the pixel size: means of 2 × 2 pixels, the last ones repeated at odd edges.
  func halved() -> SectionLevel {
    SectionLevel(
      density: density.halved(), meanDensity: meanDensity.halved(), valid: valid.halved(),
      tissue: tissue.halved(), pixelSize: pixelSize * 2, medianDensity: medianDensity)
  }
}

/// A section ready to be registered, from fine to coarse.
struct SectionPlanes: Sendable {
  /// Level 0 has the working pixel size, each further one twice that of the one before.
  let levels: [SectionLevel]
  /// Tissue in square microns.
  let tissueArea: Double
  /// What the densities were made with.
  let scale: DensityScale

  init(_ section: SectionImage) {
    let valid = ForeignMatter.validPixels(section.image, pixelSize: section.pixelSize)
    let white = WhitePoint(section.image, where: valid)
    var mean = OpticalDensity.mean(
      of: section.image, white: (white.red, white.green, white.blue))
    mean.clear(where: valid)
    let tissue = TissueMask.tissue(density: mean, valid: valid, pixelSize: section.pixelSize)
    func top(_ plane: Plane) -> Float {
      max(Self.percentile(0.99, of: plane, where: tissue), 0.02)
    }
    let topOfMean = top(mean)
    var density = OpticalDensity.red(of: section.image, white: white.red)
    density.clear(where: valid)
    let topOfRed = top(density)
    let hasRed = DensityScale.hasRed(topOfRed, beside: topOfMean)
    scale = DensityScale(
      white: (white.red, white.green, white.blue), red: hasRed ? 1 / topOfRed : nil,
      mean: 1 / topOfMean)
    let median = Self.percentile(0.5, of: mean, where: tissue) * scale.mean
    mean.scale(by: scale.mean)
    if let red = scale.red { density.scale(by: red) } else { density = mean }
    var levels = [
      SectionLevel(
        density: density, meanDensity: mean, valid: MaskPlane(valid), tissue: MaskPlane(tissue),
        pixelSize: section.pixelSize, medianDensity: median)
    ]
    while let last = levels.last, max(last.width, last.height) > 48 { levels.append(last.halved()) }
    self.levels = levels
    tissueArea =
      tissue.values.reduce(0) { $0 + Double($1) } * section.pixelSize * section.pixelSize
  }

  private static func percentile(_ share: Double, of plane: Plane, where mask: Plane) -> Float {
    let binCount = 1024
    let binWidth: Float = 2.5 / Float(binCount)
    var counts = [Int](repeating: 0, count: binCount)
    var total = 0
    for index in plane.values.indices where mask.values[index] > 0 {
      counts[min(binCount - 1, Int(plane.values[index] / binWidth))] += 1
      total += 1
    }
    let wanted = Int(Double(total) * share)
    var seen = 0
    for (bin, count) in counts.enumerated() {
      seen += count
      if seen > wanted { return Float(bin + 1) * binWidth }
    }
    return 1
  }
}

extension Plane {
  /// Puts 0 where a mask is 0.
  mutating func clear(where mask: Plane) {
    for index in values.indices where mask.values[index] == 0 { values[index] = 0 }
  }

  /// Multiplies, to 1 at most.
  mutating func scale(by factor: Float) {
    for index in values.indices { values[index] = min(1, values[index] * factor) }
  }

  /// Means of 2 × 2 values; the last column and row are repeated at odd edges.
  func halved() -> Plane {
    Plane(
      width: (width + 1) / 2, height: (height + 1) / 2,
      values: values.halved(width: width, height: height) { ($0 + $1 + $2 + $3) / 4 })
  }
}
