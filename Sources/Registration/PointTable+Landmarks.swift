import Foundation
public import Rasters

extension PointTable {
  /// The column that names the points: `id`, `name` or `label`, or the first where its name is empty, or the first of three
  /// whatever it is called; nothing where there is none.
  private var nameColumn: Int? {
    let names = header.map { $0.trimmingCharacters(in: Self.ornaments).lowercased() }
    for word in ["id", "name", "label"] {
      if let column = names.firstIndex(of: word) { return column }
    }
    let isNamed = names.count == 3 && names[0] != "x" && names[0] != "y"
    return names.first == "" || isNamed ? 0 : nil
  }

  /// The points by their names, or by the line's place where the table has none.
  ///
  /// - Throws: ``RegistrationError/malformedTable(name:line:reason:)`` where two points have one name.
  public var pointsByName: [String: Level0Point] {
    get throws(RegistrationError) {
      let column = nameColumn
      var result: [String: Level0Point] = [:]
      for (index, point) in points.enumerated() {
        let id = column.map { lines[index][$0].trimmingCharacters(in: Self.ornaments) }
        guard result.updateValue(point, forKey: id ?? String(index)) == nil else {
          throw .malformedTable(
            name: name, line: lineNumbers[index], reason: "the id \(id ?? "") stands there again")
        }
      }
      return result
    }
  }

  /// The landmarks of two sections under common names.
  ///
  /// Where neither table has names, the first point of one belongs to the first of the other, and so on.
  ///
  /// - Throws: ``RegistrationError/unmatchedLandmarks(fixed:moving:problem:)`` where one table alone has names,
  ///   or neither has and they differ in length; and what ``pointsByName`` throws.
  public static func landmarks(
    fixed: PointTable, moving: PointTable
  ) throws(RegistrationError) -> (fixed: [String: Level0Point], moving: [String: Level0Point]) {
    switch (fixed.nameColumn, moving.nameColumn) {
    case (nil, nil):
      guard fixed.points.count == moving.points.count else {
        throw .unmatchedLandmarks(
          fixed: fixed.name, moving: moving.name,
          problem: "\(fixed.points.count) and \(moving.points.count) points without ids")
      }
    case (nil, _):
      throw .unmatchedLandmarks(
        fixed: fixed.name, moving: moving.name, problem: "the first has no ids")
    case (_, nil):
      throw .unmatchedLandmarks(
        fixed: fixed.name, moving: moving.name, problem: "the second has no ids")
    default: break
    }
    return (try fixed.pointsByName, try moving.pointsByName)
  }
}
