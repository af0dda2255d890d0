import Foundation

/// A TIFF file taken apart byte by byte, without libtiff and without the writer's own code: every claim
/// on a range of the file is noted.
struct ParsedTIFF {
  struct Malformed: Error { let reason: String }

  struct Directory {
    var offset: Int
    var next: Int
    var tags: [Int: (type: Int, count: Int, bytes: [UInt8])] = [:]

    func numbers(_ tag: Int) -> [Int] {
      guard let field = tags[tag] else { return [] }
      let size = ParsedTIFF.typeSizes[field.type] ?? 1
      return (0..<field.count).map { index in
        (0..<size).reversed().reduce(0) { $0 << 8 | Int(field.bytes[index * size + $1]) }
      }
    }

    func text(_ tag: Int) -> String? {
      tags[tag].map { String(decoding: $0.bytes.dropLast(), as: UTF8.self) }
    }
  }

  static let typeSizes = [
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8,
    18: 8,
  ]

  let isBig: Bool
  private(set) var chain: [Directory] = []
  private(set) var sub: [Directory] = []
  private(set) var claims: [Range<Int>] = []
  private let bytes: [UInt8]

  init(_ data: Data) throws {
    bytes = [UInt8](data)
    guard bytes.count > 16, bytes[0] == 0x49, bytes[1] == 0x49 else {
      throw Malformed(reason: "no little-endian TIFF")
    }
    isBig = bytes[2] == 43
    claims.append(0..<(isBig ? 16 : 8))
    var next = isBig ? try number(8, 8) : try number(4, 4)
    var seen: Set<Int> = []
    while next != 0 {
      guard seen.insert(next).inserted else { throw Malformed(reason: "the chain is a loop") }
      let directory = try directory(at: next)
      chain.append(directory)
      next = directory.next
    }
    for offset in chain.first?.numbers(330) ?? [] {
      // In the universal layout the same directory is reached by both roads, and claims its range once.
      if let known = chain.first(where: { $0.offset == offset }) {
        sub.append(known)
      } else {
        sub.append(try directory(at: offset))
      }
    }
  }

  /// All levels, by whichever road.
  var levels: [Directory] {
    let all = chain.count > 1 || sub.isEmpty ? chain : [chain[0]] + sub
    return all.filter { $0.tags[322] != nil }
  }

  /// The bytes of a directory's only strip; nothing where it has tiles.
  func strip(of directory: Directory) -> [UInt8]? {
    guard let offset = directory.numbers(273).first, let count = directory.numbers(279).first
    else { return nil }
    return Array(bytes[offset..<(offset + count)])
  }

  /// Bytes of the file that two objects claim, or that lie beyond its end.
  var conflicts: [Range<Int>] {
    let sorted = claims.sorted { $0.lowerBound < $1.lowerBound }
    return zip(sorted, sorted.dropFirst()).filter { $0.upperBound > $1.lowerBound }.map(\.1)
      + claims.filter { $0.upperBound > bytes.count }
  }

  private func number(_ offset: Int, _ size: Int) throws -> Int {
    guard offset >= 0, offset + size <= bytes.count else {
      throw Malformed(reason: "offset \(offset) is beyond the file")
    }
    return (0..<size).reversed().reduce(0) { $0 << 8 | Int(bytes[offset + $1]) }
  }

  private mutating func directory(at offset: Int) throws -> Directory {
    guard offset % 2 == 0 else { throw Malformed(reason: "a directory at an odd place") }
    let (countSize, entrySize, offsetSize) = isBig ? (8, 20, 8) : (2, 12, 4)
    let count = try number(offset, countSize)
    let end = offset + countSize + count * entrySize
    var directory = Directory(offset: offset, next: try number(end, offsetSize))
    claims.append(offset..<(end + offsetSize))
    var lastTag = -1
    for index in 0..<count {
      let entry = offset + countSize + index * entrySize
      let tag = try number(entry, 2)
      guard tag > lastTag else { throw Malformed(reason: "tag \(tag) is out of order") }
      lastTag = tag
      let type = try number(entry + 2, 2)
      let valueCount = try number(entry + 4, offsetSize)
      guard let size = Self.typeSizes[type] else { throw Malformed(reason: "type \(type)") }
      var place = entry + 4 + offsetSize
      if valueCount * size > offsetSize {
        place = try number(place, offsetSize)
        guard place % 2 == 0 else { throw Malformed(reason: "a value at an odd place") }
        claims.append(place..<(place + valueCount * size))
      }
      guard place + valueCount * size <= bytes.count else {
        throw Malformed(reason: "tag \(tag) lies beyond the file")
      }
      directory.tags[tag] = (type, valueCount, Array(bytes[place..<(place + valueCount * size)]))
    }
    let (offsets, sizes) = (directory.numbers(324), directory.numbers(325))
    guard offsets.count == sizes.count else { throw Malformed(reason: "tile index") }
    claims += zip(offsets, sizes).map { $0..<($0 + $1) }
    claims += zip(directory.numbers(273), directory.numbers(279)).map { $0..<($0 + $1) }
    return directory
  }
}
