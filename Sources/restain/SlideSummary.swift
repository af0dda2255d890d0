import Rasters
import Reporting
import Slides

/// What `inspect --json` prints for one slide; sizes in pixels, unknown values are null.
struct SlideSummary: Encodable {
  struct Level: Encodable {
    let width: Int, height: Int
    let downsample: Double
    let tileWidth: Int?, tileHeight: Int?

    enum CodingKeys: String, CodingKey {
      case width, height, downsample
      case tileWidth = "tile_width"
      case tileHeight = "tile_height"
    }
  }

  private let slide: Slide
  private let isChecked: Bool

  init(_ slide: Slide, isChecked: Bool) {
    self.slide = slide
    self.isChecked = isChecked
  }

  private enum CodingKeys: String, CodingKey {
    case path, vendor, width, height, levels, objective, background, problems
    case pixelSize = "pixel_size_um"
    case pixelSizeX = "pixel_size_x_um"
    case pixelSizeY = "pixel_size_y_um"
    case pixelSizeSource = "pixel_size_source"
    case bounds = "bounds"
    case pictures = "associated_images"
    case iccProfileBytes = "icc_profile_bytes"
    case isChecked = "checked"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(slide.path, forKey: .path)
    try container.encode(slide.vendor, forKey: .vendor)
    try container.encode(slide.width, forKey: .width)
    try container.encode(slide.height, forKey: .height)
    try container.encode(
      slide.levels.map {
        Level(
          width: $0.width, height: $0.height, downsample: $0.downsample, tileWidth: $0.tileWidth,
          tileHeight: $0.tileHeight)
      }, forKey: .levels)
    // `encode`, not `encodeIfPresent`: a reader finds every name, with null for what is not known.
    try container.encode(slide.pixelSize?.mean, forKey: .pixelSize)
    try container.encode(slide.pixelSize?.x, forKey: .pixelSizeX)
    try container.encode(slide.pixelSize?.y, forKey: .pixelSizeY)
    try container.encode(slide.pixelSizeSource?.rawValue, forKey: .pixelSizeSource)
    try container.encode(slide.objective, forKey: .objective)
    try container.encode(slide.scannedBounds, forKey: .bounds)
    try container.encode(SlideSummary.hexadecimal(slide.background), forKey: .background)
    try container.encode(slide.associatedImageNames, forKey: .pictures)
    try container.encode(slide.iccProfile()?.count, forKey: .iccProfileBytes)
    try container.encode(SlideSummary.problems(slide), forKey: .problems)
    try container.encode(isChecked, forKey: .isChecked)
  }

  /// The same as lines for people.
  static func table(_ slide: Slide) -> [String] {
    var rows: [(String, String)] = [("format", slide.vendor), ("size", size(slide))]
    if let pixelSize = slide.pixelSize, let source = slide.pixelSizeSource {
      let microns =
        pixelSize.x == pixelSize.y
        ? "\(pixelSize.x)" : "\(pixelSize.x) × \(pixelSize.y)"
      rows.append(("pixel size", "\(microns) µm (\(source.rawValue))"))
    } else {
      rows.append(("pixel size", "unknown"))
    }
    if let objective = slide.objective {
      rows.append(("objective", "\(HumanText.fixed(objective, decimals: 0))×"))
    }
    if let bounds = slide.scannedBounds {
      rows.append(("scanned", "\(bounds.width) × \(bounds.height) from (\(bounds.x), \(bounds.y))"))
    }
    if slide.background != .white { rows.append(("background", hexadecimal(slide.background))) }
    for (index, level) in slide.levels.enumerated() {
      var text = "\(level.width) × \(level.height)"
      if let tileWidth = level.tileWidth, let tileHeight = level.tileHeight {
        text += ", tiles \(tileWidth) × \(tileHeight)"
      }
      if index > 0 { text += ", 1 : \(HumanText.number(level.downsample))" }
      rows.append(("level \(index)", text))
    }
    if !slide.associatedImageNames.isEmpty {
      rows.append(("pictures", slide.associatedImageNames.joined(separator: ", ")))
    }
    if let profile = slide.iccProfile() {
      rows.append(("ICC profile", HumanText.bytes(profile.count)))
    }
    rows += problems(slide).map { ("problem", $0) }
    return [slide.path]
      + rows.map { name, value in
        "  " + name + String(repeating: " ", count: max(1, 14 - name.count)) + value
      }
  }

  /// What is odd about the slide, and what reading it has shown.
  private static func problems(_ slide: Slide) -> [String] {
    slide.problems + [slide.damage].compactMap { $0 }
  }

  private static func size(_ slide: Slide) -> String {
    let pixels = "\(slide.width) × \(slide.height) px"
    guard let pixelSize = slide.pixelSize else { return pixels }
    let width = HumanText.number(Double(slide.width) * pixelSize.x / 1000)
    let height = HumanText.number(Double(slide.height) * pixelSize.y / 1000)
    return pixels + ", \(width) × \(height) mm"
  }

  private static func hexadecimal(_ color: RGBColor) -> String {
    let digits = Array("0123456789abcdef")
    return [color.red, color.green, color.blue].reduce(into: "#") {
      $0.append(digits[Int($1 >> 4)])
      $0.append(digits[Int($1 & 15)])
    }
  }
}
