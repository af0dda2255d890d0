/// Where the entries of a ZIP archive lie.
///
/// Entries are stored, not compressed, as PyTorch writes them: an entry then never has more bytes than
/// the file. Check sums are not looked at, since PyTorch may leave them out.
///
/// Reference: PKWARE, APPNOTE.TXT 6.3.10: 4.3.7 local header, 4.3.12 central directory, 4.3.14 and
/// 4.3.15 ZIP64, 4.3.16 end record, 4.5.3 extra field of ZIP64.
struct ZipDirectory {
  /// The bytes of an entry's contents by its name.
  private(set) var entries: [String: Range<Int>] = [:]

  private static let largestEntryCount = 200_000
  private static let largestDirectory = 64 << 20
  /// The end record has 22 bytes and up to 65,535 of comment.
  private static let largestTail = 22 + 65535

  private struct Entry {
    let name: String
    let header: Int
    let contents: Range<Int>
  }

  /// Reads and checks the directory.
  ///
  /// - Throws: ``NetworkError/malformedCheckpoint(name:problem:)`` for an archive that is cut off, whose
  ///   entries overlap or reach beyond it, are compressed or encrypted, or have unsuitable names.
  init(_ source: CheckpointSource) throws(NetworkError) {
    let (range, count) = try Self.directory(source)
    let bytes = try source.bytes(range)
    var list: [Entry] = []
    var place = 0
    for _ in 0..<count {
      list.append(try Self.entry(source, bytes, &place, end: range.lowerBound))
    }
    list.sort { $0.header < $1.header }
    var end = 0
    for entry in list {
      guard entry.header >= end else { throw source.malformed("entries of the archive overlap") }
      end = entry.contents.upperBound
      guard entries.updateValue(entry.contents, forKey: entry.name) == nil else {
        throw source.malformed("the archive holds \(printable(entry.name)) twice")
      }
    }
  }

  // MARK: - End records

  private static func directory(
    _ source: CheckpointSource
  ) throws(NetworkError) -> (range: Range<Int>, count: Int) {
    let tailStart = max(0, source.size - largestTail)
    let tail = try source.bytes(tailStart..<source.size)
    guard let end = endRecord(tail) else {
      throw source.malformed("the archive's directory is missing, as if the file were cut off")
    }
    var count = Int(tail.number(at: end + 10, 2))
    var size = tail.number(at: end + 12, 4)
    var offset = tail.number(at: end + 16, 4)
    var limit = tailStart + end
    if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      let locatorPlace = limit - 20
      guard locatorPlace >= 0 else { throw source.malformed("its ZIP64 record is missing") }
      let locator = try source.bytes(locatorPlace..<limit)
      let place = locator.number(at: 8, 8)
      guard locator.number(at: 0, 4) == 0x0706_4B50, place <= UInt64(max(0, locatorPlace - 56))
      else { throw source.malformed("its ZIP64 record is missing") }
      let record = try source.bytes(Int(place)..<Int(place) + 56)
      guard record.number(at: 0, 4) == 0x0606_4B50,
        record.number(at: 32, 8) <= UInt64(largestEntryCount)
      else { throw source.malformed("its ZIP64 record is damaged") }
      count = Int(record.number(at: 32, 8))
      size = record.number(at: 40, 8)
      offset = record.number(at: 48, 8)
      limit = Int(place)
    }
    guard count <= largestEntryCount, size <= UInt64(largestDirectory), offset <= UInt64(limit),
      size <= UInt64(limit) - offset
    else { throw source.malformed("the archive's directory does not fit into the file") }
    return (Int(offset)..<Int(offset + size), count)
  }

  /// The last end record whose comment reaches exactly to the end of the file.
  private static func endRecord(_ tail: [UInt8]) -> Int? {
    var place = tail.count - 22
    while place >= 0 {
      if tail[place] == 0x50, tail.number(at: place, 4) == 0x0605_4B50,
        place + 22 + Int(tail.number(at: place + 20, 2)) == tail.count
      {
        return place
      }
      place -= 1
    }
    return nil
  }

  // MARK: - Entries

  // Contents end before `end`, where the directory starts.
  private static func entry(
    _ source: CheckpointSource, _ bytes: [UInt8], _ place: inout Int, end: Int
  ) throws(NetworkError) -> Entry {
    let damaged = source.malformed("the archive's directory is damaged")
    guard bytes.count - place >= 46, bytes.number(at: place, 4) == 0x0201_4B50 else {
      throw damaged
    }
    let flags = bytes.number(at: place + 8, 2)
    let method = bytes.number(at: place + 10, 2)
    let nameLength = Int(bytes.number(at: place + 28, 2))
    let extraLength = Int(bytes.number(at: place + 30, 2))
    let commentLength = Int(bytes.number(at: place + 32, 2))
    let nameStart = place + 46
    let next = nameStart + nameLength + extraLength + commentLength
    guard next <= bytes.count else { throw damaged }
    let nameBytes = Array(bytes[nameStart..<nameStart + nameLength])
    let name = try checkedName(source, nameBytes)
    // In this order in the extra field, each only where the short field is all ones.
    var fields = [
      bytes.number(at: place + 24, 4), bytes.number(at: place + 20, 4),
      bytes.number(at: place + 42, 4),
    ]
    let extra = nameStart + nameLength..<nameStart + nameLength + extraLength
    guard extend(&fields, bytes, extra) else { throw damaged }
    guard method == 0, flags & 1 == 0, fields[0] == fields[1] else {
      throw source.malformed(
        "\(printable(name)) is compressed or encrypted, PyTorch stores its entries as they are")
    }
    place = next
    guard fields[2] <= UInt64(end), end - Int(fields[2]) >= 30 + nameLength else {
      throw source.malformed("\(printable(name)) lies outside the archive")
    }
    let header = Int(fields[2])
    let local = try source.bytes(header..<header + 30 + nameLength)
    guard local.number(at: 0, 4) == 0x0403_4B50, Array(local[30...]) == nameBytes,
      Int(local.number(at: 26, 2)) == nameLength
    else { throw source.malformed("\(printable(name)) is not where the directory says") }
    let start = header + 30 + nameLength + Int(local.number(at: 28, 2))
    guard start <= end, fields[0] <= UInt64(end - start) else {
      throw source.malformed("\(printable(name)) reaches beyond the archive")
    }
    return Entry(name: name, header: header, contents: start..<start + Int(fields[0]))
  }

  /// Replaces fields that are all ones by those of the extra field.
  private static func extend(
    _ fields: inout [UInt64], _ bytes: [UInt8], _ range: Range<Int>
  ) -> Bool {
    guard fields.contains(0xFFFF_FFFF) else { return true }
    var place = range.lowerBound
    while range.upperBound - place >= 4 {
      let kind = bytes.number(at: place, 2)
      let end = place + 4 + Int(bytes.number(at: place + 2, 2))
      guard end <= range.upperBound else { return false }
      if kind == 1 {
        place += 4
        for index in fields.indices where fields[index] == 0xFFFF_FFFF {
          guard end - place >= 8 else { return false }
          fields[index] = bytes.number(at: place, 8)
          place += 8
        }
        return true
      }
      place = end
    }
    return false
  }

  /// Nothing is written under these names; an unusual one still tells of a file that PyTorch did not make.
  private static func checkedName(
    _ source: CheckpointSource, _ bytes: [UInt8]
  ) throws(NetworkError) -> String {
    guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty,
      !name.contains("\\"), !name.utf8.contains(where: { $0 < 0x20 }),
      !name.split(separator: "/", omittingEmptySubsequences: false)
        .contains(where: { $0.isEmpty || $0 == "." || $0 == ".." })
    else {
      throw source.malformed("the archive has an entry with an unsuitable name")
    }
    return name
  }
}

extension [UInt8] {
  /// A little-endian number without sign.
  ///
  /// - Precondition: The bytes are there.
  func number(at offset: Int, _ byteCount: Int) -> UInt64 {
    var result: UInt64 = 0
    for index in (0..<byteCount).reversed() { result = result << 8 | UInt64(self[offset + index]) }
    return result
  }
}
