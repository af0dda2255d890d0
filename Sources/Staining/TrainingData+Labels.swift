import Rasters

extension TrainingData {
  /// Throws unless the tiles hold labels, or a second stain, as they have to.
  ///
  /// - Throws: ``StainingError/datasetConflict(path:problem:advice:)``.
  func requireKind(hasLabels: Bool) throws(StainingError) {
    try DatasetIndex.requireKind(
      of: classes, hasLabels: hasLabels, folder: folders.first ?? "")
  }

  /// The classes that a segmenter learns from the tiles.
  ///
  /// - Throws: ``StainingError/datasetConflict(path:problem:advice:)`` where the tiles are no labels.
  public func learnedClasses() throws(StainingError) -> [LabelClass] {
    try requireKind(hasLabels: true)
    return (classes ?? []).learned
  }

  /// How much a pixel of each class has to count for all classes to weigh alike over the training tiles.
  ///
  /// - Parameter classes: Those that are learnt.
  /// - Returns: The inverse of each class's share, 1 in the mean over the pixels; 0 for one that no tile shows.
  /// - Throws: What reading a tile throws.
  public func classWeights(of classes: [LabelClass]) throws -> [Float] {
    let lookup = LabelLookup(classes)
    let half = PixelRegion(x: train.tileSize, y: 0, width: train.tileSize, height: train.tileSize)
    var counts = [Int](repeating: 0, count: classes.count)
    for index in 0..<train.count {
      for label in lookup.labels(of: try train.picture(index).cropped(to: half))
      where label != LabelLookup.unlabelled {
        counts[Int(label)] += 1
      }
    }
    let (total, shown) = (counts.reduce(0, +), counts.count { $0 > 0 })
    return counts.map { $0 > 0 ? Float(total) / (Float(shown) * Float($0)) : 0 }
  }
}
