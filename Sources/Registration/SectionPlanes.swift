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
  let valid: Plane
  /// 1 on tissue, 0 elsewhere; the share in between.
  let tissue: Plane
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
    let white = WhitePoint(section.image)
    let valid = ForeignMatter.validPixels(section.image, pixelSize: section.pixelSize)
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
        density: density, meanDensity: mean, valid: valid, tissue: tissue,
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
    var result = Plane(width: (width + 1) / 2, height: (height + 1) / 2)
    let (width, height) = (width, height)
    let newWidth = result.width
    let newHeight = result.height
    values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        for y in 0..<newHeight {
          let upper = 2 * y * width
          let lower = min(2 * y + 1, height - 1) * width
          for x in 0..<newWidth {
            let left = 2 * x
            let right = min(left + 1, width - 1)
            target[y * newWidth + x] =
              (source[upper + left] + source[upper + right] + source[lower + left]
                + source[lower + right]) / 4
          }
        }
      }
    }
    return result
  }
}

/// The level of clear glass in each channel: the mode of what is bright.
struct WhitePoint {
  let red: Double
  let green: Double
  let blue: Double

  init(_ image: RGBImage) {
    var counts = [Int](repeating: 0, count: 768)
    image.pixels.withUnsafeBufferPointer { pixels in
      counts.withUnsafeMutableBufferPointer { counts in
        for index in 0..<(image.width * image.height) {
          counts[Int(pixels[index * 3])] += 1
          counts[256 + Int(pixels[index * 3 + 1])] += 1
          counts[512 + Int(pixels[index * 3 + 2])] += 1
        }
      }
    }
    let total = image.width * image.height
    red = Self.white(Array(counts[0..<256]), total)
    green = Self.white(Array(counts[256..<512]), total)
    blue = Self.white(Array(counts[512..<768]), total)
  }

  /// The fullest run of five levels at 170 and above, or the 99th percentile where that holds under 2 %.
  private static func white(_ counts: [Int], _ total: Int) -> Double {
    var best = (level: 255, count: 0)
    for level in 170..<256 {
      let count = counts[max(0, level - 2)...min(255, level + 2)].reduce(0, +)
      if count >= best.count { best = (level, count) }
    }
    if best.count * 50 >= total { return Double(best.level) }
    var seen = 0
    for level in stride(from: 255, through: 1, by: -1) {
      seen += counts[level]
      if seen * 100 >= total { return Double(level) }
    }
    return 255
  }
}

/// Pen, black edges and whatever else is no tissue although it is dark.
enum ForeignMatter {
  /// 1 where a pixel may be trusted.
  ///
  /// Dark: luminance below 20 (STAR, arXiv 2509.02952), or below 70 without colour, as print and black pen
  /// are; stains that dark have a colour. Pen: green or blue that neither haematoxylin nor a
  /// brown or red stain makes, since those absorb at least as much green as red. A cell of 32 µm is foreign
  /// when a quarter of it is; foreign cells grow by one.
  static func validPixels(_ image: RGBImage, pixelSize: Double) -> Plane {
    let cell = max(1, Int((32 / pixelSize).rounded()))
    let columns = (image.width + cell - 1) / cell
    let rows = (image.height + cell - 1) / cell
    var counts = [Int](repeating: 0, count: columns * rows)
    image.pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<image.height {
        for x in 0..<image.width {
          let start = (y * image.width + x) * 3
          let red = Int(pixels[start])
          let green = Int(pixels[start + 1])
          let blue = Int(pixels[start + 2])
          let luminance = 299 * red + 587 * green + 114 * blue
          let isGrey = max(red, green, blue) - min(red, green, blue) < 20
          let isBlack = luminance < 20_000 || (luminance < 70_000 && isGrey)
          let isGreen = green > red + 30 && green > blue + 15
          let isBlue = green > red + 30 && blue > red + 60
          if isBlack || isGreen || isBlue { counts[(y / cell) * columns + x / cell] += 1 }
        }
      }
    }
    let isForeign = counts.map { $0 * 4 > cell * cell }
    var plane = Plane(width: image.width, height: image.height, filledWith: 1)
    guard isForeign.contains(true) else { return plane }
    for y in 0..<image.height {
      for x in 0..<image.width {
        let column = x / cell
        let row = y / cell
        let isNear = (max(0, row - 1)...min(rows - 1, row + 1)).contains { near in
          (max(0, column - 1)...min(columns - 1, column + 1)).contains {
            isForeign[near * columns + $0]
          }
        }
        if isNear { plane[x, y] = 0 }
      }
    }
    return plane
  }
}
