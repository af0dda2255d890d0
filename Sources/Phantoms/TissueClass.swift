public import Rasters

/// What a pixel of a phantom shows; the index and colour of `tissue_map.tif`.
public enum TissueClass: UInt8, CaseIterable, Codable, Hashable, Sendable {
  /// Glass, with or without dust.
  case background
  /// Fibrous connective tissue.
  case stroma
  /// Glands' walls and solid nests.
  case epithelium
  /// The hollow of a gland, empty or with secretion.
  case lumen
  /// Fat cells.
  case adipose
  /// Dense lymphocytes.
  case lymphoid
  /// Smooth muscle.
  case muscle
  /// Vessels, their wall and blood.
  case vessel

  /// The colour in the tissue map.
  public var color: RGBColor {
    switch self {
    case .background: RGBColor(red: 255, green: 255, blue: 255)
    case .stroma: RGBColor(red: 240, green: 150, blue: 190)
    case .epithelium: RGBColor(red: 120, green: 60, blue: 160)
    case .lumen: RGBColor(red: 200, green: 225, blue: 255)
    case .adipose: RGBColor(red: 255, green: 225, blue: 120)
    case .lymphoid: RGBColor(red: 40, green: 60, blue: 200)
    case .muscle: RGBColor(red: 200, green: 70, blue: 70)
    case .vessel: RGBColor(red: 160, green: 0, blue: 0)
    }
  }

  /// The name in `truth.json`.
  public var name: String { "\(self)" }
}
