public import Rasters

extension SectionTransform {
  /// The bounds of what a rectangle of the fixed frame shows of the moving section, by 9 × 9 points of it.
  ///
  /// - Parameters:
  ///   - origin: The rectangle's first corner in the fixed frame, in microns.
  ///   - size: Its width and height, in microns.
  /// - Returns: The least and the largest coordinates in the moving frame, in microns.
  public func movingBounds(
    origin: MicronPoint, size: MicronPoint
  ) -> (least: MicronPoint, largest: MicronPoint) {
    let steps = 8
    var least = movingPoint(for: origin)
    var largest = least
    for row in 0...steps {
      for column in 0...steps {
        let point = movingPoint(
          for: MicronPoint(
            x: origin.x + size.x * Double(column) / Double(steps),
            y: origin.y + size.y * Double(row) / Double(steps)))
        least = MicronPoint(x: min(least.x, point.x), y: min(least.y, point.y))
        largest = MicronPoint(x: max(largest.x, point.x), y: max(largest.y, point.y))
      }
    }
    return (least, largest)
  }

  /// Whether every part of a rectangle of the fixed frame lies on the moving slide, by 9 × 9 points of it.
  ///
  /// - Parameters:
  ///   - origin: The rectangle's first corner in the fixed frame, in microns.
  ///   - size: Its width and height, in microns.
  ///   - movingExtent: Width and height of the moving slide, in microns.
  /// - Returns: Whether it does; corners on the slide's edge lie on it.
  public func liesOnMoving(
    origin: MicronPoint, size: MicronPoint, movingExtent: MicronPoint
  ) -> Bool {
    let (least, largest) = movingBounds(origin: origin, size: size)
    return least.x >= 0 && least.y >= 0 && largest.x <= movingExtent.x
      && largest.y <= movingExtent.y
  }
}
