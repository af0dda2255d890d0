import Foundation
import Rasters
import Registration
import TestSupport
import Testing

@Suite("Files of points")
struct PointFileTests {
  private let shift: (Level0Point) -> Level0Point = { Level0Point(x: $0.x + 10, y: $0.y - 5) }

  @Test("a table keeps its other columns and moves x and y")
  func table() throws {
    let table = try PointTable(
      text: "id,x,class,y\r\n1,2.5,\"a, b\",7\r\n2,0,c,-1\r\n\r\n", name: "t.csv")
    #expect(
      table.mapped(shift).text
        == "id,x,class,y\n1,12.5000,\"a, b\",2.0000\n2,10.0000,c,-6.0000\n")
  }

  @Test("landmarks are named by id, by a nameless first column, or by their place")
  func names() throws {
    let byName = try PointTable(text: "id,x,y\n7,1,2\n", name: "a").pointsByName
    #expect(byName["7"] == Level0Point(x: 1, y: 2))
    let byIndex = try PointTable(text: ",X,Y\n0,1,2\n1,3,4\n", name: "b").pointsByName
    #expect(byIndex["1"] == Level0Point(x: 3, y: 4))
    let byPlace = try PointTable(text: "x,y\n1,2\n", name: "c").pointsByName
    #expect(byPlace["0"] == Level0Point(x: 1, y: 2))
  }

  @Test("landmarks are matched by names that both tables have, or by place where neither has")
  func matching() throws {
    func landmarks(_ fixed: String, _ moving: String) throws -> [String] {
      let found = try PointTable.landmarks(
        fixed: PointTable(text: fixed, name: "f"), moving: PointTable(text: moving, name: "m"))
      return found.fixed.keys.filter { found.moving[$0] != nil }.sorted()
    }
    #expect(try landmarks("id,x,y\n7,1,2\n8,1,2\n", ",X,Y\n8,3,4\n") == ["8"])
    // A first column of three is the name, whatever it is called.
    #expect(try landmarks("name,x,y\na,1,2\nb,1,2\n", "id,x,y\nb,1,2\n") == ["b"])
    #expect(try landmarks("x,y,name\n1,2,a\n3,4,b\n", "x,y,name\n5,6,b\n7,8,c\n") == ["b"])
    #expect(try landmarks("x,y\n1,2\n3,4\n", "x,y,class\n1,2,c\n3,4,c\n") == ["0", "1"])
    for (fixed, moving) in [
      ("id,x,y\n1,1,2\n2,3,4\n", "x,y\n1,2\n3,4\n"), ("x,y\n1,2\n", "name,x,y\n0,1,2\n"),
      ("x,y\n1,2\n", "x,y\n1,2\n3,4\n"),
    ] {
      let error = #expect(throws: RegistrationError.self) { _ = try landmarks(fixed, moving) }
      guard case .unmatchedLandmarks("f", "m", _) = error else {
        Issue.record("\(fixed) and \(moving): \(String(describing: error))")
        continue
      }
    }
    let repeated = #expect(throws: RegistrationError.self) {
      _ = try landmarks("id,x,y\n1,1,2\n\n2,3,4\n1,5,6\n", "id,x,y\n1,1,2\n")
    }
    guard case .malformedTable("f", 5, _) = repeated else {
      Issue.record("\(String(describing: repeated))")
      return
    }
  }

  @Test(
    "a table that cannot be understood is refused with its line",
    arguments: [
      ("", 1), ("a,b\n1,2", 1), ("id,x,y\n1,2\n", 2), ("x,y\n1,2\n3,nan\n", 3),
      ("\n\nid;x\n1;2\n", 3), ("x,y,n\n1,2,\"a\nb\"\n3,nan,c\n", 4),
      ("x,y,n\n1,2,a\n3,4,\"b\n5,6,c\n", 3), ("x,y,\"n\n1,2,3\n", 1), ("x;y\n1,2\n", 2),
    ])
  func hostile(text: String, line: Int) {
    #expect {
      try PointTable(text: text, name: "t.csv")
    } throws: { error in
      guard case RegistrationError.malformedTable("t.csv", line, _) = error else { return false }
      return true
    }
  }

  @Test(
    "semicolons, tabs, blank lines before the header and every line end are read",
    arguments: [
      ("id;x;y\n1;2.5;7\n2;0;-1\n", ";"), ("id\tx\ty\n1\t2.5\t7\n2\t0\t-1\n", "\t"),
      ("\r\n \nid,x,y\n\n1,2.5,7\n2,0,-1", ","), ("id,x,y\r1,2.5,7\r\r2,0,-1\r", ","),
    ])
  func forms(text: String, separator: String) throws {
    let rows = [["id", "x", "y"], ["1", "12.5000", "2.0000"], ["2", "10.0000", "-6.0000"]]
    #expect(
      try PointTable(text: text, name: "t").mapped(shift).text
        == rows.map { $0.joined(separator: separator) + "\n" }.joined())
  }

  @Test(
    "a cell keeps what is no line end, and what is one within quotation marks",
    arguments: [
      "\"two\nlines\"", "\"two\r\nlines, \"\"quoted\"\"\"", "a\u{2028}b", "a\u{0B}b", "a\u{85}b",
      "a\u{0C}b", "5\" of tissue", "\u{301}accent", "\"\"", " \"a, b\"",
    ])
  func cells(cell: String) throws {
    let table = try PointTable(text: "id,note,x,y\n1,\(cell),1,2\n2,,3,4\n", name: "t")
    #expect(table.lines.map { $0[1] } == [cell, ""])
    #expect(
      table.mapped(shift).text
        == "id,note,x,y\n1,\(cell),11.0000,-3.0000\n2,,13.0000,-1.0000\n")
  }

  @Test("a table in UTF-16 is one in UTF-8 after reading", arguments: [true, false])
  func wide(isLittleEndian: Bool) throws {
    let text = "\u{FEFF}id,x,y,µm\r\nä😀,1,2,3\r\n"
    let bytes = text.utf16.flatMap { unit in
      let bytes = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
      return isLittleEndian ? bytes : bytes.reversed()
    }
    let table = try PointTable(data: Data(bytes), name: "t")
    #expect(table == (try PointTable(data: Data(text.utf8), name: "t")))
    #expect(try table.pointsByName == ["ä😀": Level0Point(x: 1, y: 2)])
  }

  @Test("every geometry moves and everything else stays")
  func geometry() throws {
    let text = """
      {"type":"FeatureCollection","features":[
        {"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[1,2]},
         "nucleusGeometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]},
         "properties":{"coordinates":[5,5],"name":"kept","isLocked":true}},
        {"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":[[[[1,1],[2,2],[1,1]]]]},
         "properties":{}},
        {"type":"Feature","geometry":{"type":"GeometryCollection","geometries":[
          {"type":"LineString","coordinates":[[3,4,9],[5,6,9]]}]},"properties":null}]}
      """
    let moved = try GeometryFile(data: Data(text.utf8), name: "t").mapped(shift).data()
    let result = String(decoding: moved, as: UTF8.self)
    #expect(result.contains(#""coordinates":[11,-3],"type":"Point""#))
    #expect(result.contains(#"[[[10,-5],[11,-5],[10,-5]]]"#))
    #expect(result.contains(#"[[[[11,-4],[12,-3],[11,-4]]]]"#))
    #expect(result.contains(#"[[13,-1,9],[15,1,9]]"#))
    #expect(result.contains(#""coordinates":[5,5],"isLocked":true,"name":"kept""#))
  }

  @Test("an ellipse becomes the polygon that it is, and objects inside others move with them")
  func objects() throws {
    let text = """
      {"type":"Feature","geometry":{"type":"Polygon","isEllipse":true,"coordinates":[[[0,0],[1,0],[0,0]]]},
       "properties":{"childObjects":[
         {"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"children":[
           {"type":"Feature","geometry":{"type":"Point","coordinates":[3,4]},"properties":{}}]}}]}}
      """
    let moved = try GeometryFile(data: Data(text.utf8), name: "t").mapped(shift).data()
    let result = String(decoding: moved, as: UTF8.self)
    #expect(!result.contains("isEllipse"))
    #expect(result.contains(#"[[[10,-5],[11,-5],[10,-5]]]"#))
    #expect(
      result.contains(#""coordinates":[11,-3]"#) && result.contains(#""coordinates":[13,-1]"#))
  }

  @Test("numbers that no slide has as coordinates are refused, not worked with")
  func impossible() {
    #expect(throws: RegistrationError.self) {
      try PointTable(text: "id,x,y\n1,1e308,2\n", name: "t")
    }
    #expect(throws: RegistrationError.self) {
      try GeometryFile(
        data: Data(#"{"type":"Point","coordinates":[1e308,-1e308]}"#.utf8), name: "t")
    }
  }

  @Test("numbers that JSON does not have are read as words, those in strings stay as they are")
  func bareNumbers() throws {
    let text = """
      {"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{
        "measurements":{"a":NaN,"b": Infinity ,"c":[-Infinity,NaN],"d":1.5,"e":"NaN"},
        "name":"a, \\"b\\": NaN, \\\\","note":"x:NaN,[Infinity]"}}
      """
    let moved = try GeometryFile(data: Data(text.utf8), name: "t").mapped(shift).data()
    let result = String(decoding: moved, as: UTF8.self)
    #expect(
      result.contains(
        #"{"a":"NaN","b":"Infinity","c":["-Infinity","NaN"],"d":1.5,"e":"NaN"}"#))
    #expect(result.contains(#""name":"a, \"b\": NaN, \\","note":"x:NaN,[Infinity]""#))
    #expect(result.contains(#""coordinates":[11,-3]"#))
  }

  @Test(
    "a geometry without coordinates passes through",
    arguments: ["Point", "MultiPoint", "LineString", "Polygon", "MultiPolygon"])
  func emptyGeometry(type: String) throws {
    let text = #"{"geometry":{"coordinates":[],"type":"\#(type)"},"type":"Feature"}"#
    let moved = try GeometryFile(data: Data(text.utf8), name: "t").mapped(shift).data()
    #expect(String(decoding: moved, as: UTF8.self) == text)
  }

  @Test("a message says where a file is no JSON")
  func geometryReason() {
    #expect {
      try GeometryFile(data: Data("{\n\"type\": Nope}".utf8), name: "t.geojson")
    } throws: { error in
      guard case RegistrationError.malformedGeometry("t.geojson", let reason) = error else {
        return false
      }
      return reason.contains("no JSON: ") && reason.contains("character 10")
        && !reason.hasSuffix(".")
    }
  }

  @Test(
    "a file that is no GeoJSON is refused",
    arguments: [
      "", "{}", #"{"type":"Feature"}"#, #"{"type":"Point","coordinates":["a","b"]}"#,
      #"{"type":"Polygon","coordinates":[[1,2],[3,4]]}"#, #"[{"type":"Topology"}]"#,
      #"{"type":"Point","coordinates":[NaN,1]}"#, #"{"type":"Point","coordinates":[NaNs,1]}"#,
      #"{"type":"Point","coordinates":[1,2],"a":"NaN}"#, #"{"type":"Point","coordinates":[1]}"#,
    ])
  func hostileGeometry(text: String) {
    #expect(throws: RegistrationError.self) {
      try GeometryFile(data: Data(text.utf8), name: "t.geojson")
    }
  }
}

@Suite("Landmark error")
struct RegistrationAccuracyTests {
  /// 300 × 400 pixels of 2 µm: a diagonal of 1000 µm.
  private let frame = SectionFrame(name: "f", width: 300, height: 400, pixelSize: PixelSize(2))

  @Test("the figures are those of BIRL's definitions, worked out by hand")
  func definitions() throws {
    // The map takes fixed x to x + 10 µm; moving landmarks lie 13, 10, 10 and 4 µm to the right of the fixed.
    let transform = SectionTransform(
      fixed: frame, moving: frame, affine: AffineMap(a: 1, b: 0, c: 10, d: 0, e: 1, f: 0))
    let fixed = ["1": 0.0, "2": 50, "3": 100, "4": 150, "5": 200]
    let offsets = ["1": 13.0, "2": 10, "3": 10, "4": 4, "9": 0]
    let accuracy = try #require(
      RegistrationAccuracy(
        of: transform, fixed: fixed.mapValues { Level0Point(x: $0, y: 0) },
        moving: Dictionary(
          uniqueKeysWithValues: offsets.map { name, offset in
            (name, Level0Point(x: (fixed[name] ?? 0) + offset / 2, y: 0))
          })))
    #expect(accuracy.landmarkCount == 4)
    // Errors 3, 0, 0, 6 µm; before 13, 10, 10, 4.
    #expect(abs(accuracy.medianRelative - 0.0015) < 1e-12)
    #expect(abs(accuracy.meanRelative - 0.00225) < 1e-12)
    #expect(abs(accuracy.maxRelative - 0.006) < 1e-12)
    #expect(abs(accuracy.initialMedianRelative - 0.01) < 1e-12)
    #expect(accuracy.robustness == 0.75)
    #expect(abs(accuracy.medianMicrons - 1.5) < 1e-9)
    // Mean distances of the landmarks at 0, 100, 200, 300 µm are 150, 100, 100, 150.
    #expect(abs(accuracy.weightedMeanRelative - (0.003 * 150 + 0.006 * 150) / 500) < 1e-12)
    // Ranks 0, 0, 3, 6 at place 2.7.
    #expect(abs(accuracy.percentile90Microns - 5.1) < 1e-9)
  }

  @Test("tables without a common landmark have no accuracy")
  func none() {
    let transform = SectionTransform(fixed: frame, moving: frame, affine: .identity)
    let point = Level0Point(x: 0, y: 0)
    #expect(RegistrationAccuracy(of: transform, fixed: ["a": point], moving: ["b": point]) == nil)
  }
}
