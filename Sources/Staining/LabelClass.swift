public import Rasters
import Tensors

/// A class of tissue and the colour that stands for it in label pictures.
public struct LabelClass: Codable, Hashable, Sendable {
  /// Its name.
  public var name: String
  /// Its colour.
  public var color: RGBColor

  /// Names a class and its colour.
  public init(name: String, color: RGBColor) {
    self.name = name
    self.color = color
  }

  /// Names of what is drawn and yet no class to learn.
  private static let ignoredNames: Set<String> = ["ignore", "unlabelled", "unlabeled"]

  /// Whether its pixels count as without a label, because of its name.
  public var isIgnored: Bool { Self.ignoredNames.contains(name.lowercased()) }

  /// The colour as text, such as `#F096BE`.
  public var colorText: String {
    "#"
      + [color.red, color.green, color.blue].map { level in
        let digits = String(level, radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
      }.joined()
  }

  private enum CodingKeys: String, CodingKey { case name, color }

  /// Reads a name and a colour of three levels.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    let levels = try container.decode([UInt8].self, forKey: .color)
    guard levels.count == 3 else {
      throw DecodingError.dataCorruptedError(
        forKey: .color, in: container, debugDescription: "\(levels.count) levels of a colour")
    }
    color = RGBColor(red: levels[0], green: levels[1], blue: levels[2])
  }

  /// Writes the name and the colour as three levels.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode([color.red, color.green, color.blue], forKey: .color)
  }
}

extension [LabelClass] {
  /// The classes that a segmenter learns.
  public var learned: [LabelClass] { filter { !$0.isIgnored } }

  /// What no list of classes can have, as a message says it; nothing where it can be worked with.
  var problem: String? {
    if let unnamed = firstIndex(where: { $0.name.allSatisfy(\.isWhitespace) }) {
      return "class \(unnamed + 1) has no name"
    }
    // Names stand in messages, in tables and on terminals.
    if let unprintable = firstIndex(where: {
      $0.name.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }) {
      return "class \(unprintable + 1) has a name with control characters"
    }
    if Set(map(\.name)).count != count { return "two classes have one name" }
    if Set(map(\.color)).count != count { return "two classes have one colour" }
    guard (2...LabelClasses.most).contains(learned.count) else {
      return "\(learned.count) classes to learn, not 2 to \(LabelClasses.most)"
    }
    return nil
  }
}

/// Finds the classes of pixels by their colours.
public struct LabelLookup: Sendable {
  private let numbers: [UInt32: UInt8]

  /// The number of a pixel without a class, as `Losses` has it.
  public static let unlabelled = Losses.unlabelled

  /// Makes a table of the classes that pixels can have, numbered in order.
  public init(_ classes: [LabelClass]) {
    numbers = Dictionary(
      classes.enumerated().map {
        (Self.key($1.color.red, $1.color.green, $1.color.blue), UInt8($0))
      }
    ) { first, _ in first }
  }

  private static func key(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt32 {
    UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue)
  }

  /// The class of every pixel of a picture.
  public func labels(of image: RGBImage) -> [UInt8] { labels(levels: image.pixels) }

  /// The class of every pixel, from its levels red, green, blue.
  func labels(levels: [UInt8]) -> [UInt8] {
    // Neighbours mostly have one colour.
    var last: (key: UInt32, label: UInt8)?
    return levels.withUnsafeBufferPointer { levels in
      (0..<levels.count / 3).map { pixel in
        let key = Self.key(levels[pixel * 3], levels[pixel * 3 + 1], levels[pixel * 3 + 2])
        if let last, last.key == key { return last.label }
        let label = numbers[key] ?? Self.unlabelled
        last = (key, label)
        return label
      }
    }
  }
}
