import Rasters

extension SectionTransform {
  /// What this map and what its file says cannot both be, or no pair of slides can have.
  ///
  /// A file that was changed or damaged may hold numbers that are JSON and yet no map: they would end in a
  /// picture of any size, or in points that are nowhere. What registration writes keeps every limit by far.
  ///
  /// - Parameter mirrored: What the file says about the side; nothing where it says nothing.
  /// - Returns: The first contradiction; nothing where there is none.
  func contradiction(mirrored: Bool?) -> String? {
    for frame in [fixed, moving] {
      if let problem = frame.implausibility { return problem }
    }
    let shape = AffineShape(affine)
    guard Plausible.stretches.contains(shape.leastStretch),
      Plausible.stretches.contains(shape.mostStretch)
    else {
      return "the affine map stretches beyond \(Plausible.text(Plausible.stretches))"
    }
    let middle = affine.place(fixed.centre, bentBy: nil)
    let reach = Plausible.extents * (fixed.diagonal + moving.diagonal)
    guard middle.distance(to: moving.centre) <= reach else {
      return "the affine map leads far away from \(moving.name)"
    }
    if let problem = displacement?.implausibility(over: fixed, reach: reach) { return problem }
    if let residuals, !Plausible.spacings.contains(residuals.spacing) {
      return "the residuals' spacing is \(residuals.spacing) µm"
    }
    if let mirrored, mirrored != isMirrored {
      return "mirrored is \(mirrored), but the affine map's determinant is \(affine.determinant)"
    }
    guard (status == .ok) == reasons.isEmpty else {
      return reasons.isEmpty
        ? "the status is \(status.rawValue), but there is no reason"
        : "the status is \(status.rawValue), but there are reasons"
    }
    return nil
  }
}

/// What the numbers of a transform may be.
private enum Plausible {
  /// 0.1 m at the smallest pixel size: more than a glass slide has, and a row of tiles fits into memory.
  static let sides = 1...(1 << 21)
  /// A square of a million pixels: 50 mm at the smallest pixel size.
  static let mostPixels = 1 << 40
  /// Sections of one block differ by far less, see `RegistrationGates.scales`.
  static let stretches = 0.1...10.0
  /// How many diagonals of the two slides a map may lead away.
  static let extents = 3.0
  /// Microns between knots or blocks; registration's lie between 128 µm and a few millimetres.
  static let spacings = 1.0...1e6
  /// Of the fixed slide's sides, what a grid covers at least; made from whole pixels of a reduced level, it may
  /// lack a part of one.
  static let leastCover = 0.9

  static func text(_ range: ClosedRange<Double>) -> String {
    "\(range.lowerBound)…\(range.upperBound)"
  }
}

extension SectionFrame {
  /// What no slide can have; nothing where all is possible.
  fileprivate var implausibility: String? {
    guard Plausible.sides.contains(width), Plausible.sides.contains(height),
      width * height <= Plausible.mostPixels
    else {
      return "\(name) has \(width) × \(height) pixels"
    }
    guard pixelSize.isPlausible else {
      return "\(name) has a pixel size of \(pixelSize.x) × \(pixelSize.y) µm"
    }
    return nil
  }
}

extension DisplacementGrid {
  /// What no displacement of a slide can be; nothing where it can.
  fileprivate func implausibility(over frame: SectionFrame, reach: Double) -> String? {
    guard Plausible.spacings.contains(spacing) else { return "the knots' spacing is \(spacing) µm" }
    guard Double(columns - 3) * spacing >= Plausible.leastCover * frame.extent.x,
      Double(rows - 3) * spacing >= Plausible.leastCover * frame.extent.y
    else {
      return "the displacement covers only a part of \(frame.name)"
    }
    guard (x + y).allSatisfy({ abs(Double($0)) <= reach }) else {
      return "the displacement leads far away from \(frame.name)"
    }
    return nil
  }
}
