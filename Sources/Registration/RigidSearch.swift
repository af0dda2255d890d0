import Foundation
import Rasters

/// A turn, perhaps a mirror, and a shift: fixed to moving microns.
struct RigidPose: Sendable, Hashable {
  /// Radians; the moving section's axes are the fixed ones turned by this.
  var angle: Double
  var isMirrored: Bool
  /// The fixed point that the pose turns about.
  var fixedCentre: MicronPoint
  /// Where that point lies in the moving section.
  var movingCentre: MicronPoint

  var map: AffineMap {
    let side = isMirrored ? -1.0 : 1.0
    let a = cos(angle) * side
    let b = -sin(angle)
    let d = sin(angle) * side
    let e = cos(angle)
    return AffineMap(
      a: a, b: b, c: movingCentre.x - a * fixedCentre.x - b * fixedCentre.y,
      d: d, e: e, f: movingCentre.y - d * fixedCentre.x - e * fixedCentre.y)
  }
}

/// A pose and how well it fits.
struct RigidCandidate: Sendable {
  var pose: RigidPose
  var score: Double
}

/// Finds where one section lies on the other, whatever its rotation, side and shift.
///
/// For every angle the moving section is turned and correlated with the fixed one at all translations by
/// Fourier transforms, normalised over the pixels that both can show. Reference: Padfield 2012, IEEE TIP
/// 21(5), equations 20 to 27.
struct RigidSearch {
  let rows: RowLoop
  /// Values across the transform; the fixed tissue and the turned moving tissue fit side by side.
  static let transformSize = 256
  static let angleCount = 72
  /// Of the density of the section that holds less, the least that must take part in an overlap: a piece is sought
  /// on a whole section, too.
  static let leastOverlap = 0.3

  func candidates(fixed: SectionPlanes, moving: SectionPlanes, count: Int) -> [RigidCandidate] {
    guard let fixedBox = TissueBox(fixed.levels[0]), let movingBox = TissueBox(moving.levels[0])
    else { return [] }
    let reach = max(fixedBox.width, fixedBox.height) + movingBox.diagonal
    let spacing = max(reach / Double(Self.transformSize - 4), fixed.levels[0].pixelSize)
    let transform = FourierTransform(size: Self.transformSize)
    let reference = Reference(
      level: fixed.level(atMost: spacing), box: fixedBox, spacing: spacing, transform: transform)
    let source = moving.level(atMost: spacing)
    let total = Self.angleCount * 2
    let found = CandidateTable(count: total)
    rows.forEach(count: total) { @Sendable index in
      let angle = Double(index % Self.angleCount) * 2 * Double.pi / Double(Self.angleCount)
      found.lists[index] = reference.peaks(
        of: source, box: movingBox, angle: angle, isMirrored: index >= Self.angleCount,
        transform: transform)
    }
    var kept: [RigidCandidate] = []
    let ranked = (0..<total).flatMap { found.lists[$0] }.sorted { $0.score > $1.score }
    for candidate in ranked {
      let isNew = kept.allSatisfy {
        !$0.pose.isNear(candidate.pose, degrees: 12, microns: 8 * spacing)
      }
      if isNew { kept.append(candidate) }
      if kept.count == count { break }
    }
    return kept
  }
}

extension RigidPose {
  /// Whether two poses put the fixed tissue to about the same place.
  func isNear(_ other: RigidPose, degrees: Double, microns: Double) -> Bool {
    guard isMirrored == other.isMirrored else { return false }
    var turn = abs(angle - other.angle).truncatingRemainder(dividingBy: 2 * .pi)
    turn = min(turn, 2 * .pi - turn)
    let place = other.map(x: fixedCentre.x, y: fixedCentre.y)
    return turn * 180 / .pi < degrees
      && movingCentre.distance(to: MicronPoint(x: place.x, y: place.y)) < microns
  }
}

extension SectionPlanes {
  /// The coarsest level that is not coarser than a pixel size.
  func level(atMost pixelSize: Double) -> SectionLevel {
    levels.last { $0.pixelSize <= pixelSize * 1.001 } ?? levels[0]
  }
}

/// The rectangle around a section's tissue, in microns.
struct TissueBox: Sendable {
  let x: Double
  let y: Double
  let width: Double
  let height: Double

  var centre: MicronPoint { MicronPoint(x: x + width / 2, y: y + height / 2) }
  var diagonal: Double { (width * width + height * height).squareRoot() }

  init?(_ level: SectionLevel) {
    var left = Int.max
    var right = -1
    var top = Int.max
    var bottom = -1
    for y in 0..<level.height {
      for x in 0..<level.width where level.tissue[x, y] > 0 {
        left = min(left, x)
        right = max(right, x)
        top = min(top, y)
        bottom = max(bottom, y)
      }
    }
    guard right >= left else { return nil }
    x = Double(left) * level.pixelSize
    y = Double(top) * level.pixelSize
    width = Double(right + 1 - left) * level.pixelSize
    height = Double(bottom + 1 - top) * level.pixelSize
  }
}

/// One list of candidates an angle; every thread writes to lists of its own, so that no lock is needed.
private final class CandidateTable: @unchecked Sendable {
  let lists: UnsafeMutablePointer<[RigidCandidate]>
  let count: Int

  init(count: Int) {
    self.count = count
    lists = .allocate(capacity: count)
    lists.initialize(repeating: [], count: count)
  }

  deinit {
    lists.deinitialize(count: count)
    lists.deallocate()
  }
}

/// A section sampled on the search grid: density in red light less its mean, where valid.
private struct SearchGrid {
  var density: [Float]
  var mask: [Float]
  let columns: Int
  let rows: Int
  let mean: Float
  /// The density that the whole section holds.
  let mass: Double

  init(
    level: SectionLevel, columns: Int, rows: Int, place: (Double, Double) -> MicronPoint
  ) {
    self.columns = columns
    self.rows = rows
    density = [Float](repeating: 0, count: columns * rows)
    mask = density
    var sum = 0.0
    var count = 0.0
    let scale = 1 / level.pixelSize
    for row in 0..<rows {
      for column in 0..<columns {
        let point = place(Double(column) + 0.5, Double(row) + 0.5)
        let x = point.x * scale
        let y = point.y * scale
        guard x >= 0, y >= 0, x <= Double(level.width), y <= Double(level.height) else { continue }
        let valid = level.valid[
          min(level.width - 1, Int(x)), min(level.height - 1, Int(y))]
        guard valid > 0.5 else { continue }
        let value = level.density.sampledBilinear(x: x, y: y)
        density[row * columns + column] = value
        mask[row * columns + column] = 1
        sum += Double(value)
        count += 1
      }
    }
    mean = count > 0 ? Float(sum / count) : 0
    mass = sum
    for index in density.indices where mask[index] > 0 { density[index] -= mean }
  }
}

/// The fixed section's spectra, made once.
private final class Reference: @unchecked Sendable {
  // Written in the initialiser only; all threads read.
  private let pair: FourierPlane
  private let squares: FourierPlane
  private let box: TissueBox
  private let spacing: Double
  private let mean: Float
  private let mass: Double

  init(level: SectionLevel, box: TissueBox, spacing: Double, transform: FourierTransform) {
    self.box = box
    self.spacing = spacing
    let grid = SearchGrid(
      level: level, columns: Int((box.width / spacing).rounded(.up)),
      rows: Int((box.height / spacing).rounded(.up))
    ) { MicronPoint(x: box.x + $0 * spacing, y: box.y + $1 * spacing) }
    mean = grid.mean
    mass = grid.mass
    pair = FourierPlane(size: transform.size)
    squares = FourierPlane(size: transform.size)
    for row in 0..<min(grid.rows, transform.size) {
      for column in 0..<min(grid.columns, transform.size) {
        let from = row * grid.columns + column
        let to = row * transform.size + column
        pair.real[to] = grid.mask[from]
        pair.imaginary[to] = grid.density[from]
        squares.real[to] = grid.density[from] * grid.density[from]
        // The imaginary part carries the mask again, so that its spectrum can be taken apart.
        squares.imaginary[to] = grid.mask[from]
      }
    }
    transform.forward(pair)
    transform.forward(squares)
  }

  func peaks(
    of level: SectionLevel, box movingBox: TissueBox, angle: Double, isMirrored: Bool,
    transform: FourierTransform
  ) -> [RigidCandidate] {
    let size = transform.size
    let side = isMirrored ? -1.0 : 1.0
    let span = Int((movingBox.diagonal / spacing).rounded(.up))
    let half = Double(span) / 2
    let centre = movingBox.centre
    let (cosine, sine) = (cos(angle), sin(angle))
    let grid = SearchGrid(level: level, columns: span, rows: span) { column, row in
      let x = (column - half) * spacing * side
      let y = (row - half) * spacing
      return MicronPoint(
        x: centre.x + cosine * x - sine * y, y: centre.y + sine * x + cosine * y)
    }
    guard grid.mass > 0, mass > 0 else { return [] }
    let first = FourierPlane(size: size)
    let second = FourierPlane(size: size)
    let third = FourierPlane(size: size)
    for row in 0..<span {
      for column in 0..<span {
        let from = row * span + column
        let to = row * size + column
        first.real[to] = grid.density[from]
        first.imaginary[to] = grid.mask[from]
        second.real[to] = grid.density[from] * grid.density[from]
      }
    }
    transform.forward(first)
    transform.forward(second)
    multiply(first, second, third, size: size)
    transform.backward(first)
    transform.backward(second)
    transform.backward(third)
    return scored(
      first, second, third, grid: grid, half: half, angle: angle, isMirrored: isMirrored,
      centre: centre)
  }

  /// Leaves `mask ⋆ mask + i density ⋆ mask` in `first`, `mask ⋆ density + i density ⋆ density` in `third`
  /// and `density² ⋆ mask + i mask ⋆ density²` in `second`; fixed first, all still spectra.
  private func multiply(
    _ first: FourierPlane, _ second: FourierPlane, _ third: FourierPlane, size: Int
  ) {
    for row in 0..<size {
      let mirroredRow = (size - row) & (size - 1)
      for column in 0..<size {
        let index = row * size + column
        let opposite = mirroredRow * size + ((size - column) & (size - 1))
        if opposite < index { continue }
        combine(first, second, third, index, opposite)
      }
    }
  }

  @inline(__always)
  private func combine(
    _ first: FourierPlane, _ second: FourierPlane, _ third: FourierPlane, _ index: Int,
    _ opposite: Int
  ) {
    let here = SIMD2(first.real[index], first.imaginary[index])
    let there = SIMD2(first.real[opposite], first.imaginary[opposite])
    let squareHere = SIMD2(second.real[index], second.imaginary[index])
    let fixedHere = SIMD2(squares.real[index], squares.imaginary[index])
    let fixedThere = SIMD2(squares.real[opposite], squares.imaginary[opposite])
    for (place, value, other, isOpposite) in [
      (index, here, there, false), (opposite, there, here, true),
    ] {
      // Taken apart: the spectra of two real fields that were transformed as one complex field.
      let density = SIMD2(value.x + other.x, value.y - other.y) / 2
      let mask = SIMD2(value.y + other.y, other.x - value.x) / 2
      let fixedValue = isOpposite ? fixedThere : fixedHere
      let fixedOther = isOpposite ? fixedHere : fixedThere
      let fixedSquare = SIMD2(fixedValue.x + fixedOther.x, fixedValue.y - fixedOther.y) / 2
      let fixedMask = SIMD2(fixedValue.y + fixedOther.y, fixedOther.x - fixedValue.x) / 2
      let square = isOpposite ? SIMD2(squareHere.x, -squareHere.y) : squareHere
      let fixedPair = SIMD2(pair.real[place], pair.imaginary[place])
      let one = timesConjugate(fixedPair, mask)
      let two = timesConjugate(fixedPair, density)
      let three = timesConjugate(fixedSquare, mask)
      let four = timesConjugate(fixedMask, square)
      first.real[place] = one.x
      first.imaginary[place] = one.y
      third.real[place] = two.x
      third.imaginary[place] = two.y
      second.real[place] = three.x - four.y
      second.imaginary[place] = three.y + four.x
    }
  }

  @inline(__always)
  private func timesConjugate(_ left: SIMD2<Float>, _ right: SIMD2<Float>) -> SIMD2<Float> {
    SIMD2(left.x * right.x + left.y * right.y, left.y * right.x - left.x * right.y)
  }

  private func scored(
    _ first: FourierPlane, _ second: FourierPlane, _ third: FourierPlane, grid: SearchGrid,
    half: Double, angle: Double, isMirrored: Bool, centre: MicronPoint
  ) -> [RigidCandidate] {
    let size = first.size
    let scale = 1 / Float(size * size)
    var scores = [Float](repeating: 0, count: size * size)
    let leastMass = Float(RigidSearch.leastOverlap * min(mass, grid.mass))
    for index in scores.indices {
      let count = first.real[index] * scale
      guard count > 64 else { continue }
      let fixedSum = first.imaginary[index] * scale
      let movingSum = third.real[index] * scale
      let fixedMass = fixedSum + mean * count
      let movingMass = movingSum + grid.mean * count
      guard min(fixedMass, movingMass) > leastMass else { continue }
      let product = third.imaginary[index] * scale - fixedSum * movingSum / count
      let fixedVariance = second.real[index] * scale - fixedSum * fixedSum / count
      let movingVariance = second.imaginary[index] * scale - movingSum * movingSum / count
      guard fixedVariance > 1e-4 * count, movingVariance > 1e-4 * count else { continue }
      let share = min(fixedMass / Float(mass), movingMass / Float(grid.mass), 1)
      scores[index] =
        product / (fixedVariance * movingVariance).squareRoot() * share.squareRoot()
    }
    var result: [RigidCandidate] = []
    for _ in 0..<3 {
      guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }), scores[best] > 0 else {
        break
      }
      let column = best % size
      let row = best / size
      let shiftX = Double(column > size / 2 ? column - size : column)
      let shiftY = Double(row > size / 2 ? row - size : row)
      result.append(
        RigidCandidate(
          pose: RigidPose(
            angle: angle, isMirrored: isMirrored,
            fixedCentre: MicronPoint(
              x: box.x + (shiftX + half) * spacing, y: box.y + (shiftY + half) * spacing),
            movingCentre: centre),
          score: Double(scores[best])))
      for y in -6...6 {
        for x in -6...6 {
          scores[((row + y) & (size - 1)) * size + ((column + x) & (size - 1))] = 0
        }
      }
    }
    return result
  }
}
