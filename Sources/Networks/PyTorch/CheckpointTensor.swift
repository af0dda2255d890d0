/// How the elements of a stored tensor are encoded, little-endian.
public enum CheckpointElement: String, Sendable {
  /// 64-bit floating point.
  case float64 = "DoubleStorage"
  /// 32-bit floating point.
  case float32 = "FloatStorage"
  /// IEEE 16-bit floating point.
  case float16 = "HalfStorage"
  /// The upper half of a 32-bit floating-point number.
  case bfloat16 = "BFloat16Storage"
  /// 64-bit integer.
  case int64 = "LongStorage"
  /// 32-bit integer.
  case int32 = "IntStorage"
  /// 16-bit integer.
  case int16 = "ShortStorage"
  /// 8-bit integer.
  case int8 = "CharStorage"
  /// 8-bit integer without sign.
  case uint8 = "ByteStorage"
  /// One byte, 0 or 1.
  case boolean = "BoolStorage"

  /// Bytes an element.
  var size: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .boolean: 1
    }
  }

  /// Whether the elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }
}

/// A tensor of a PyTorch file, which lies there until its elements are asked for.
///
/// Keeps the file open. Tensors may share a storage, and view it with any offset and strides.
public struct CheckpointTensor: Sendable {
  /// The length of every axis; empty for a scalar.
  public let shape: [Int]
  /// The encoding in the file.
  public let element: CheckpointElement
  /// The number of elements.
  public let count: Int
  private let strides: [Int]
  private let source: CheckpointSource
  /// The byte of the file at which element 0 of this tensor lies.
  private let start: Int
  /// Elements from the first to the last in the storage, both included; 0 for an empty tensor.
  private let span: Int

  /// A view may repeat elements of its storage up to this many; beyond, it is taken for a bomb.
  private static let largestRepetition = 1 << 20
  /// Elements that lie apart are gathered from so many bytes at most.
  private static let largestSpan = 1 << 30

  // Checks a view, in elements, of the `storageCount` elements that the bytes `storage` hold.
  init(
    source: CheckpointSource, storage: Range<Int>, storageCount: Int, element: CheckpointElement,
    offset: Int, shape: [Int], strides: [Int]
  ) throws(NetworkError) {
    let view = "a tensor of shape \(shape), strides \(strides) and offset \(offset)"
    let (byteCount, isHuge) = storageCount.multipliedReportingOverflow(by: element.size)
    guard !isHuge, storageCount >= 0, byteCount == storage.count, storage.upperBound <= source.size
    else {
      throw source.malformed(
        "a storage of \(storageCount) elements does not have \(storage.count) bytes")
    }
    guard shape.count == strides.count, shape.count <= 64, offset >= 0,
      shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 })
    else { throw source.malformed("\(view) makes no sense") }
    var count = 1
    var last = offset
    for (length, stride) in zip(shape, strides) {
      let (product, isTooMany) = count.multipliedReportingOverflow(by: length)
      let (reach, isTooFar) = max(0, length - 1).multipliedReportingOverflow(by: stride)
      let (sum, isBeyond) = last.addingReportingOverflow(reach)
      guard !isTooMany, !isTooFar, !isBeyond else { throw source.malformed("\(view) is too large") }
      (count, last) = (product, sum)
    }
    guard count == 0 || last < storageCount else {
      throw source.malformed("\(view) reaches beyond its storage of \(storageCount) elements")
    }
    guard count <= max(storageCount, Self.largestRepetition) else {
      throw source.malformed("\(view) repeats \(storageCount) elements too often")
    }
    self.source = source
    self.shape = shape
    self.strides = strides
    self.element = element
    self.count = count
    start = count == 0 ? storage.lowerBound : storage.lowerBound + offset * element.size
    span = count == 0 ? 0 : last - offset + 1
  }

  /// The elements as single-precision numbers, last axis fastest; rounded to nearest, ties to even.
  ///
  /// - Throws: ``NetworkError/fileAccess(path:reason:)`` or
  ///   ``NetworkError/malformedCheckpoint(name:problem:)``.
  public func floats() throws(NetworkError) -> [Float] {
    switch element {
    case .float32: try gathered { Float(bitPattern: UInt32(truncatingIfNeeded: $0)) }
    case .float64: try gathered { Float(Double(bitPattern: $0)) }
    case .float16: try gathered { float(half: UInt16(truncatingIfNeeded: $0)) }
    case .bfloat16: try gathered { Float(bitPattern: UInt32(truncatingIfNeeded: $0) << 16) }
    default: try integers().map(Float.init)
    }
  }

  /// The elements as whole numbers, last axis fastest.
  ///
  /// - Throws: ``NetworkError/fileAccess(path:reason:)`` or
  ///   ``NetworkError/malformedCheckpoint(name:problem:)``, also for floating-point elements.
  public func integers() throws(NetworkError) -> [Int64] {
    switch element {
    case .int64: try gathered { Int64(bitPattern: $0) }
    case .int32: try gathered { Int64(Int32(truncatingIfNeeded: $0)) }
    case .int16: try gathered { Int64(Int16(truncatingIfNeeded: $0)) }
    case .int8: try gathered { Int64(Int8(truncatingIfNeeded: $0)) }
    case .uint8: try gathered { Int64($0) }
    case .boolean: try gathered { $0 == 0 ? 0 : 1 }
    default: throw source.malformed("a tensor of whole numbers is stored as \(element.rawValue)")
    }
  }

  /// Bytes of the file in which the elements lie.
  var fileSize: Int { source.size }

  /// Reads the elements and names them: floating-point numbers become `float32`, others `int64`.
  ///
  /// - Throws: As ``floats()``.
  public func named(_ name: String) throws(NetworkError) -> NamedTensor {
    element.isFloatingPoint
      ? NamedTensor(name: name, shape: shape, contents: .float32(try floats()))
      : NamedTensor(name: name, shape: shape, contents: .int64(try integers()))
  }

  private var isContiguous: Bool {
    var expected = 1
    for (length, stride) in zip(shape, strides).reversed() where length != 1 {
      guard stride == expected else { return false }
      expected *= length
    }
    return true
  }

  private func gathered<Value>(
    _ decode: (UInt64) -> Value
  ) throws(NetworkError) -> [Value] {
    var result: [Value] = []
    result.reserveCapacity(count)
    guard count > 0 else { return result }
    let size = element.size
    if isContiguous {
      // In pieces, so that the encoded bytes are never held as a whole.
      let piece = 1 << 18
      var index = 0
      while index < count {
        let part = min(piece, count - index)
        let first = start + index * size
        let bytes = try source.bytes(first..<first + part * size)
        bytes.withUnsafeBytes { raw in
          for position in 0..<part { result.append(decode(bits(raw, position * size, size))) }
        }
        index += part
      }
      return result
    }
    guard span <= Self.largestSpan / size else {
      throw source.malformed("a tensor of shape \(shape) is spread over too many bytes")
    }
    let bytes = try source.bytes(start..<start + span * size)
    bytes.withUnsafeBytes { raw in
      var index = [Int](repeating: 0, count: shape.count)
      var place = 0
      for _ in 0..<count {
        result.append(decode(bits(raw, place * size, size)))
        for axis in shape.indices.reversed() {
          index[axis] += 1
          place += strides[axis]
          if index[axis] < shape[axis] { break }
          place -= index[axis] * strides[axis]
          index[axis] = 0
        }
      }
    }
    return result
  }
}

/// The bits of a little-endian element.
@inline(__always)
private func bits(_ raw: UnsafeRawBufferPointer, _ offset: Int, _ size: Int) -> UInt64 {
  switch size {
  case 8: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  case 4: UInt64(raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  case 2: UInt64(raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  default: UInt64(raw[offset])
  }
}

/// The number that IEEE binary16 bits stand for, exactly.
private func float(half bits: UInt16) -> Float {
  let isNegative = bits & 0x8000 != 0
  let exponent = UInt32(bits >> 10) & 0x1F
  let fraction = UInt32(bits) & 0x3FF
  let magnitude: Float =
    switch exponent {
    // Below the normal numbers: a multiple of 2⁻²⁴.
    case 0: Float(fraction) * 0x1p-24
    case 31: Float(bitPattern: 0x7F80_0000 | fraction << 13)
    default: Float(bitPattern: (exponent + 112) << 23 | fraction << 13)
    }
  return isNegative ? -magnitude : magnitude
}
