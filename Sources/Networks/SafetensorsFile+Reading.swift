public import Foundation

extension SafetensorsFile {
  /// Reads and checks a file.
  ///
  /// - Throws: ``NetworkError/fileAccess(path:reason:)`` or ``NetworkError/malformedFile(name:problem:)``.
  public init(contentsOf path: String) throws(NetworkError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      let cause = (error as? CocoaError)?.underlying as? POSIXError
      throw .fileAccess(
        path: path,
        reason: cause.map { String(cString: strerror($0.code.rawValue)) }
          ?? error.localizedDescription)
    }
    try self.init(data: data, name: path)
  }

  /// Reads and checks bytes.
  ///
  /// Refused: a header longer than the file or 100 MB, offsets outside the file, overlaps, gaps, sizes
  /// that do not follow from type and shape, unsupported types, anything that is no JSON of this form.
  ///
  /// - Parameters:
  ///   - data: The whole file.
  ///   - name: What to call it in errors.
  /// - Throws: ``NetworkError/malformedFile(name:problem:)``.
  public init(data: Data, name: String) throws(NetworkError) {
    do {
      let (header, body) = try Self.split(data)
      var metadata: [String: String] = [:]
      var entries: [Entry] = []
      for (key, value) in header {
        if key == "__metadata__" {
          guard let texts = value as? [String: String] else {
            throw Problem("its metadata are not texts")
          }
          metadata = texts
        } else {
          entries.append(try Entry(name: key, value: value))
        }
      }
      // A tensor without elements lies before the one that starts at the same place.
      entries.sort {
        ($0.range.lowerBound, $0.range.upperBound, $0.name)
          < ($1.range.lowerBound, $1.range.upperBound, $1.name)
      }
      var end = 0
      for entry in entries {
        guard entry.range.lowerBound == end else {
          throw Problem("tensor \(entry.name) overlaps its neighbour or leaves a gap")
        }
        end = entry.range.upperBound
      }
      guard end == body.count else {
        throw Problem("it has \(body.count) bytes of elements where its header tells \(end)")
      }
      self.init(tensors: entries.map { $0.tensor(body) }, metadata: metadata)
    } catch let problem as Problem {
      throw .malformedFile(name: name, problem: problem.text)
    } catch {
      throw .malformedFile(name: name, problem: "its header is no JSON")
    }
  }

  /// The largest header taken, of tens of thousands of tensors.
  ///
  /// Reading one takes forty times as much memory.
  private static let largestHeader = 8_000_000

  private static func split(_ data: Data) throws -> (header: [String: Any], body: Data) {
    guard data.count >= 8 else { throw Problem("it has only \(data.count) bytes") }
    let length = data.prefix(8).enumerated().reduce(UInt64(0)) {
      $0 | UInt64($1.element) << (8 * UInt64($1.offset))
    }
    guard data.dropFirst(257).prefix(5) != Data("ustar".utf8) else {
      throw Problem("it is a tar archive, as PyTorch wrote before 0.1.10, save it again")
    }
    guard length <= UInt64(min(largestHeader, data.count - 8)) else {
      throw Problem("its header of \(length) bytes does not fit into \(data.count) bytes")
    }
    let start = data.startIndex + 8
    let object = try JSONSerialization.jsonObject(
      with: Data(data[start..<start + Int(length)]))
    guard let header = object as? [String: Any] else { throw Problem("its header is no map") }
    return (header, data[(start + Int(length))...])
  }
}

/// What is wrong with a file.
private struct Problem: Error {
  let text: String
  init(_ text: String) { self.text = text }
}

/// One tensor of the header, checked.
private struct Entry {
  enum ElementType: String {
    case float32 = "F32"
    case int64 = "I64"
  }

  let name: String
  let type: ElementType
  let shape: [Int]
  let range: Range<Int>

  init(name: String, value: Any) throws {
    guard let fields = value as? [String: Any], let typeName = fields["dtype"] as? String,
      let shape = Self.integers(fields["shape"]),
      let offsets = Self.integers(fields["data_offsets"]),
      offsets.count == 2, shape.count <= 64
    else { throw Problem("tensor \(printable(name)) lacks type, shape or offsets") }
    guard let type = ElementType(rawValue: typeName) else {
      throw Problem(
        "tensor \(printable(name)) has the type \(printable(typeName)), only F32 and I64 are supported"
      )
    }
    guard 0 <= offsets[0] && offsets[0] <= offsets[1] else {
      throw Problem("tensor \(printable(name)) has the offsets \(offsets)")
    }
    var byteCount = type == .float32 ? 4 : 8
    for length in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: length)
      guard length >= 0 && !overflow else {
        throw Problem("tensor \(printable(name)) has the shape \(shape)")
      }
      byteCount = product
    }
    guard byteCount == offsets[1] - offsets[0] else {
      throw Problem(
        "tensor \(printable(name)) does not have \(offsets[1] - offsets[0]) bytes")
    }
    self.name = name
    self.type = type
    self.shape = shape
    range = offsets[0]..<offsets[1]
  }

  /// An array of whole numbers; nil for anything else, also for booleans and fractions.
  private static func integers(_ value: Any?) -> [Int]? {
    guard let list = value as? [Any] else { return nil }
    var result: [Int] = []
    for item in list {
      guard !(item is Bool) || item is Int, let number = item as? Int else { return nil }
      result.append(number)
    }
    return result
  }

  func tensor(_ body: Data) -> NamedTensor {
    let bytes = body[(body.startIndex + range.lowerBound)..<(body.startIndex + range.upperBound)]
    switch type {
    case .float32:
      return NamedTensor(
        name: name, shape: shape, contents: .float32(elements(bytes, initial: Float(0))))
    case .int64:
      return NamedTensor(
        name: name, shape: shape, contents: .int64(elements(bytes, initial: Int64(0))))
    }
  }

  private func elements<Element>(_ bytes: Data, initial: Element) -> [Element] {
    var result = [Element](
      repeating: initial, count: bytes.count / MemoryLayout<Element>.stride)
    _ = result.withUnsafeMutableBytes { bytes.copyBytes(to: $0) }
    return result
  }
}
