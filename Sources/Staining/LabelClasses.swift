import Foundation
import Networks
import Rasters

/// Reads lists of classes.
public enum LabelClasses {
  /// The most classes that a segmenter tells apart.
  public static let most = SegmentationUNet.mostClasses

  /// One class of a file: `{"name": "stroma", "color": [240, 150, 190]}`, the colour also as `"#F096BE"`.
  private struct Entry: Decodable {
    let name: String
    let color: RGBColor?

    private enum CodingKeys: String, CodingKey { case name, color, colour }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      name = try container.decode(String.self, forKey: .name)
      let key = container.contains(.color) ? CodingKeys.color : .colour
      if let text = try? container.decode(String.self, forKey: key) {
        color = LabelClasses.color(text)
      } else {
        let levels = try container.decode([UInt8].self, forKey: key)
        color =
          levels.count == 3
          ? RGBColor(red: levels[0], green: levels[1], blue: levels[2]) : nil
      }
    }
  }

  /// A phantom's truth, or any object with a list of classes.
  private struct Listing: Decodable { let classes: [Entry] }

  /// Reads a file of classes: an array of objects with name and colour, or an object that holds such an array
  /// under `classes`, as a phantom's `truth.json` does.
  ///
  /// - Parameter path: A JSON file.
  /// - Returns: The classes in the order of the file, those that are not learnt among them.
  /// - Throws: ``StainingError/missing(path:)`` or ``StainingError/malformedClasses(path:reason:)``.
  public static func read(path: String) throws(StainingError) -> [LabelClass] {
    guard FileManager.default.fileExists(atPath: path) else { throw .missing(path: path) }
    let entries: [Entry]
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let decoder = JSONDecoder()
      if let list = try? decoder.decode([Entry].self, from: data) {
        entries = list
      } else {
        entries = try decoder.decode(Listing.self, from: data).classes
      }
    } catch {
      throw .malformedClasses(path: path, reason: "no list of objects with name and color")
    }
    var classes: [LabelClass] = []
    for (index, entry) in entries.enumerated() {
      guard let color = entry.color else {
        throw .malformedClasses(path: path, reason: "class \(index + 1) has no colour")
      }
      classes.append(LabelClass(name: entry.name, color: color))
    }
    if let problem = classes.problem { throw .malformedClasses(path: path, reason: problem) }
    return classes
  }

  /// A class for each colour, called by it, in the order of the colours.
  static func named(after colors: Set<RGBColor>) -> [LabelClass] {
    colors.map { color in
      LabelClass(name: LabelClass(name: "", color: color).colorText, color: color)
    }.sorted { $0.name < $1.name }
  }

  /// Colours for classes of which only the number is known, far apart in hue.
  ///
  /// - Parameter count: How many, at most ``most``.
  /// - Returns: `class 0` and so on.
  public static func numbered(_ count: Int) -> [LabelClass] {
    (0..<count).map { index in
      // Steps of the golden ratio spread hues evenly, whatever their number.
      let hue = (Double(index) * 0.618_034).truncatingRemainder(dividingBy: 1) * 6
      let value = index.isMultiple(of: 2) ? 230.0 : 150.0
      func level(_ offset: Double) -> UInt8 {
        let place = (hue + offset).truncatingRemainder(dividingBy: 6)
        return UInt8(value * (0.15 + 0.85 * max(0, min(1, abs(place - 3) - 1))))
      }
      return LabelClass(
        name: "class \(index)",
        color: RGBColor(red: level(0), green: level(4), blue: level(2)))
    }
  }

  private static func color(_ text: String) -> RGBColor? {
    guard text.hasPrefix("#"), text.count == 7, let number = UInt32(text.dropFirst(), radix: 16)
    else { return nil }
    return RGBColor(
      red: UInt8(truncatingIfNeeded: number >> 16), green: UInt8(truncatingIfNeeded: number >> 8),
      blue: UInt8(truncatingIfNeeded: number))
  }
}
