/// Which statistics batch normalisation uses when a network predicts.
public enum NormalizationMode: String, Codable, Sendable, CaseIterable {
  /// Those of each tile by itself, as the published test code of pix2pix does with one tile a batch.
  case reference
  /// Those kept from training: a pixel's result does not depend on the rest of its tile.
  case running
  /// Those of the tiles around, interpolated for every pixel; takes two passes over a slide.
  case interpolated
}
