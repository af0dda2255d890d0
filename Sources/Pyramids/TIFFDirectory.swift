/// The value of one TIFF field.
enum TIFFValue {
  /// Text, stored as UTF-8 with a final zero.
  case ascii(String)
  /// 16-bit numbers.
  case short([Int])
  /// 32-bit numbers.
  case long([Int])
  /// Fractions of 32-bit numbers.
  case rational([Fraction])
  /// Untyped bytes.
  case undefined([UInt8])
  /// Places in the file: 32 bits in a classic TIFF, 64 in a BigTIFF.
  case offsets([Int])
  /// Places of directories: the same, by the types of their own.
  case directories([Int])
}

/// One directory of a TIFF file, as fields by tag.
///
/// libtiff writes one directory at a time, each after its own tiles, so that all levels could not grow
/// together; its in-memory writer cannot share directories between two roads either. So the file's
/// directories are written here.
///
/// Reference: TIFF 6.0 (1992), section 2; BigTIFF (2004), libtiff's `doc/bigtiff` page.
struct TIFFDirectory {
  /// The values by tag.
  var fields: [UInt16: TIFFValue] = [:]

  /// Which of the two TIFF formats a file has.
  enum Format {
    case classic
    case big

    /// Bytes of an offset.
    var offsetByteCount: Int { self == .big ? 8 : 4 }
    /// Bytes of the number of entries, of an entry, and of the file's header.
    var countByteCount: Int { self == .big ? 8 : 2 }
    var entryByteCount: Int { self == .big ? 20 : 12 }
    var headerByteCount: Int { self == .big ? 16 : 8 }
    /// The multiple at which directories and long values start.
    static let alignment = 8

    /// The header of a little-endian file with its first directory at `offset`.
    func header(firstDirectory offset: Int) -> [UInt8] {
      var header = LittleEndianBytes()
      header.bytes = Array("II".utf8)
      switch self {
      case .classic: header.append(42, byteCount: 2)
      case .big:
        for value in [43, 8, 0] { header.append(value, byteCount: 2) }
      }
      header.append(offset, byteCount: offsetByteCount)
      return header.bytes
    }
  }

  /// Bytes that the directory and its long values take.
  func byteCount(format: Format) -> Int { serialized(at: 0, next: 0, format: format).count }

  /// The directory and its long values, to be written at `offset`.
  ///
  /// - Parameters:
  ///   - offset: Where in the file it will stand, a multiple of ``Format/alignment``.
  ///   - next: Where the next directory of the chain stands; 0 for the last.
  ///   - format: Classic or BigTIFF.
  /// - Returns: ``byteCount(format:)`` bytes.
  func serialized(at offset: Int, next: Int, format: Format) -> [UInt8] {
    var entries = LittleEndianBytes()
    var values = LittleEndianBytes()
    let valuesOffset = Self.aligned(
      format.countByteCount + fields.count * format.entryByteCount + format.offsetByteCount)
    entries.append(fields.count, byteCount: format.countByteCount)
    for (tag, value) in fields.sorted(by: { $0.key < $1.key }) {
      let encoded = value.encoded(format: format)
      entries.append(Int(tag), byteCount: 2)
      entries.append(encoded.type, byteCount: 2)
      entries.append(encoded.count, byteCount: format.offsetByteCount)
      if encoded.bytes.count <= format.offsetByteCount {
        entries.bytes += encoded.bytes
        entries.pad(format.offsetByteCount - encoded.bytes.count)
      } else {
        entries.append(
          offset + valuesOffset + values.bytes.count, byteCount: format.offsetByteCount)
        values.bytes += encoded.bytes
        values.pad(Self.aligned(values.bytes.count) - values.bytes.count)
      }
    }
    entries.append(next, byteCount: format.offsetByteCount)
    entries.pad(valuesOffset - entries.bytes.count)
    return entries.bytes + values.bytes
  }

  private static func aligned(_ count: Int) -> Int {
    (count + Format.alignment - 1) / Format.alignment * Format.alignment
  }
}

extension TIFFValue {
  /// The field's type number, number of values, and bytes.
  fileprivate func encoded(format: TIFFDirectory.Format) -> (type: Int, count: Int, bytes: [UInt8])
  {
    var target = LittleEndianBytes()
    switch self {
    case .ascii(let text):
      target.bytes = Array(text.utf8.filter { $0 != 0 }) + [0]
      return (2, target.bytes.count, target.bytes)
    case .short(let values):
      for value in values { target.append(value, byteCount: 2) }
      return (3, values.count, target.bytes)
    case .long(let values):
      for value in values { target.append(value, byteCount: 4) }
      return (4, values.count, target.bytes)
    case .rational(let values):
      for value in values {
        target.append(value.numerator, byteCount: 4)
        target.append(value.denominator, byteCount: 4)
      }
      return (5, values.count, target.bytes)
    case .undefined(let bytes): return (7, bytes.count, bytes)
    case .offsets(let values):
      for value in values { target.append(value, byteCount: format.offsetByteCount) }
      return (format == .big ? 16 : 4, values.count, target.bytes)
    case .directories(let values):
      for value in values { target.append(value, byteCount: format.offsetByteCount) }
      return (format == .big ? 18 : 13, values.count, target.bytes)
    }
  }
}

/// Bytes that grow by little-endian numbers.
struct LittleEndianBytes {
  var bytes: [UInt8] = []

  mutating func append(_ value: Int, byteCount: Int) {
    for index in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }

  mutating func pad(_ count: Int) { bytes += [UInt8](repeating: 0, count: count) }
}
