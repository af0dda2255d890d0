public import Foundation
public import Rasters

/// A GeoJSON file of annotations, such as QuPath writes: every geometry can be moved, the rest is kept.
///
/// Numbers that JSON does not have become the words that QuPath writes for them today: `NaN` is read as
/// `"NaN"`, as in measurements of older files.
public struct GeometryFile {
  private var root: Any

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - data: The file's bytes.
  ///   - name: What messages call the file.
  /// - Throws: ``RegistrationError/malformedGeometry(name:reason:)``.
  public init(data: Data, name: String) throws(RegistrationError) {
    do {
      root = try JSONSerialization.jsonObject(with: BareNumbers.quoted(data))
    } catch {
      let reason = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
      let stops = CharacterSet(charactersIn: ".")
      throw .malformedGeometry(
        name: name,
        reason: reason.map { "no JSON: \($0.trimmingCharacters(in: stops))" } ?? "no JSON")
    }
    guard Self.isValid(root) else {
      throw .malformedGeometry(name: name, reason: "no features with coordinates")
    }
  }

  /// Moves every coordinate, in level-0 pixels; third coordinates and properties stay, bounding boxes go.
  public func mapped(_ map: (Level0Point) -> Level0Point) -> GeometryFile {
    var result = self
    result.root = Self.moved(root, map)
    return result
  }

  /// The file's bytes, keys sorted.
  public func data() throws -> Data {
    try JSONSerialization.data(
      withJSONObject: root, options: [.sortedKeys, .withoutEscapingSlashes])
  }

  /// QuPath puts a cell's nucleus beside its outline, and the objects inside another among its properties.
  private static let nested = [
    "features", "geometry", "geometries", "nucleusGeometry", "properties",
  ]
  private static let children = ["childObjects", "children"]

  private static func moved(_ value: Any, _ map: (Level0Point) -> Level0Point) -> Any {
    if let list = value as? [Any] { return list.map { moved($0, map) } }
    guard var object = value as? [String: Any] else { return value }
    if let coordinates = object["coordinates"] {
      object["coordinates"] = movedCoordinates(coordinates, map)
      object["bbox"] = nil
      // QuPath would draw an upright ellipse into the bounds; turned or bent, the outline is a polygon.
      object["isEllipse"] = nil
    }
    for key in nested {
      if let inner = object[key] {
        object[key] = key == "properties" ? movedChildren(inner, map) : moved(inner, map)
        object["bbox"] = nil
      }
    }
    return object
  }

  /// Of properties, the objects in them alone: a measurement may have any name.
  private static func movedChildren(_ value: Any, _ map: (Level0Point) -> Level0Point) -> Any {
    guard var properties = value as? [String: Any] else { return value }
    for key in children { properties[key] = properties[key].map { moved($0, map) } }
    return properties
  }

  private static func movedCoordinates(_ value: Any, _ map: (Level0Point) -> Level0Point) -> Any {
    guard let list = value as? [Any] else { return value }
    guard list.count >= 2, let x = list[0] as? NSNumber, let y = list[1] as? NSNumber else {
      return list.map { movedCoordinates($0, map) }
    }
    let point = map(Level0Point(x: x.doubleValue, y: y.doubleValue))
    // A ten-thousandth of a pixel is below every transform's own accuracy.
    return [(point.x * 1e4).rounded() / 1e4, (point.y * 1e4).rounded() / 1e4] + list.dropFirst(2)
  }

  private static func isValid(_ value: Any) -> Bool {
    if let list = value as? [Any] { return list.allSatisfy(isValid) }
    guard let object = value as? [String: Any], let type = object["type"] as? String else {
      return false
    }
    switch type {
    case "FeatureCollection": return (object["features"] as? [Any])?.allSatisfy(isValid) ?? false
    case "Feature":
      guard let geometry = object["geometry"] else { return false }
      let properties = object["properties"] as? [String: Any] ?? [:]
      return (geometry is NSNull || isValid(geometry))
        && children.allSatisfy { properties[$0].map(isValid) ?? true }
    case "GeometryCollection":
      return (object["geometries"] as? [Any])?.allSatisfy(isValid) ?? false
    case "Point": return isNested(object["coordinates"], depth: 1)
    case "MultiPoint", "LineString": return isNested(object["coordinates"], depth: 2)
    case "Polygon", "MultiLineString": return isNested(object["coordinates"], depth: 3)
    case "MultiPolygon": return isNested(object["coordinates"], depth: 4)
    default: return false
    }
  }

  /// Whether positions are nested so deep; a list without any is a geometry without extent (RFC 7946, 3.1).
  private static func isNested(_ value: Any?, depth: Int) -> Bool {
    guard let list = value as? [Any] else { return false }
    if list.isEmpty { return true }
    guard depth == 1 else { return list.allSatisfy { isNested($0, depth: depth - 1) } }
    return list.count >= 2 && list.allSatisfy { $0 is NSNumber }
      && list.prefix(2).allSatisfy {
        Level0Point.isPossible(($0 as? NSNumber)?.doubleValue ?? .nan)
      }
  }
}
