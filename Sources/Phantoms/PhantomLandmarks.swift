public import Rasters

/// One nucleus that both sections show: its place in each.
public struct PhantomLandmark: Hashable, Codable, Sendable {
  /// Counts from 1.
  public let id: Int
  /// In level-0 pixels of the fixed section.
  public let fixed: Level0Point
  /// In level-0 pixels of the moving section: exactly where the map takes `fixed`.
  public let moving: Level0Point
}

extension SerialSections {
  /// Rows and columns of the grid that spreads the landmarks over the frame.
  private static let landmarkGrid = 18
  /// Landmarks keep this far from the tissue's edge and from the frame's, in microns.
  private static let landmarkMargin: Float = 12

  /// Landmarks spread over the tissue, one a cell of a grid: 100 and more from 1024 px at 0.5 µm/px.
  ///
  /// Each is the place in the block of a nucleus that both sections cut; the nuclei themselves lie up
  /// to 0.75 µm beside it in either section, as they do in neighbouring sections.
  public func landmarks() -> [PhantomLandmark] {
    let count = SerialSections.landmarkGrid
    let side = model.extent / Float(count)
    let radius = min(side / 2, 30)
    var result: [PhantomLandmark] = []
    for row in 0..<count {
      for column in 0..<count {
        let (x, y) = ((Float(column) + 0.5) * side, (Float(row) + 0.5) * side)
        guard let place = sharedNucleus(nearest: x, y, radius: radius) else { continue }
        let fixed = MicronPoint(x: Double(place.x), y: Double(place.y))
        let moving = map.moving(fixed)
        guard isWellInside(fixed), isWellInside(moving) else { continue }
        result.append(
          PhantomLandmark(
            id: result.count + 1, fixed: fixed.level0(pixelSize: self.fixed.pixelSize),
            moving: moving.level0(pixelSize: self.moving.pixelSize)))
      }
    }
    return result
  }

  /// The nucleus of connective tissue nearest to a place, of those that both sections show.
  private func sharedNucleus(
    nearest x: Float, _ y: Float, radius: Float
  ) -> (x: Float, y: Float)? {
    guard model.outline.depth(x, y) > -radius else { return nil }
    let box = MicronBox(minX: x - radius, minY: y - radius, maxX: x + radius, maxY: y + radius)
    let first = Neighbourhood(model: model, section: 0, box: box).sharedPlaces(in: box)
    let second = Neighbourhood(model: model, section: 1, box: box).sharedPlaces(in: box)
    func distance(_ place: (x: Float, y: Float)) -> Float {
      (place.x - x) * (place.x - x) + (place.y - y) * (place.y - y)
    }
    return first.filter { place in second.contains { $0 == place } }
      .min { distance($0) < distance($1) }
  }

  private func isWellInside(_ point: MicronPoint) -> Bool {
    let margin = Double(SerialSections.landmarkMargin)
    let range = margin...(options.extent - margin)
    return range.contains(point.x) && range.contains(point.y)
  }
}

extension PhantomLandmark {
  /// A landmark file: header `id,x,y`, level-0 pixels with four decimals.
  ///
  /// - Parameters:
  ///   - landmarks: The rows.
  ///   - section: Which of the two places.
  /// - Returns: The text.
  public static func table(
    _ landmarks: [PhantomLandmark], _ section: KeyPath<PhantomLandmark, Level0Point>
  ) -> String {
    landmarks.reduce(into: "id,x,y\n") { text, landmark in
      let point = landmark[keyPath: section]
      text += "\(landmark.id),\(fourDecimals(point.x)),\(fourDecimals(point.y))\n"
    }
  }

  private static func fourDecimals(_ value: Double) -> Double {
    (value * 10_000).rounded() / 10_000
  }
}
