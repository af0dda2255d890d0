public import Rasters

extension SectionTransform {
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
    let steps = 8
    for row in 0...steps {
      for column in 0...steps {
        let point = movingPoint(
          for: MicronPoint(
            x: origin.x + size.x * Double(column) / Double(steps),
            y: origin.y + size.y * Double(row) / Double(steps)))
        let isInside =
          point.x >= 0 && point.y >= 0 && point.x <= movingExtent.x && point.y <= movingExtent.y
        guard isInside else { return false }
      }
    }
    return true
  }
}
