import Foundation

/// Bytes that are read at places, never as a whole: a file, or memory in tests.
final class CheckpointSource: Sendable {
  private enum Backing {
    case file(Int32)
    case memory(Data)
  }

  /// What errors call it.
  let name: String
  /// Bytes.
  let size: Int
  private let backing: Backing

  init(path: String) throws(NetworkError) {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .fileAccess(path: path, reason: lastReason()) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .fileAccess(path: path, reason: "no regular file")
    }
    name = path
    size = Int(status.st_size)
    backing = .file(descriptor)
  }

  init(data: Data, name: String) {
    self.name = name
    size = data.count
    backing = .memory(data)
  }

  deinit {
    if case .file(let descriptor) = backing { close(descriptor) }
  }

  /// The error of a file that is not what it has to be.
  func malformed(_ problem: String) -> NetworkError {
    .malformedCheckpoint(name: name, problem: problem)
  }

  /// Fills a buffer with the bytes from `offset` on.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(NetworkError) {
    guard offset >= 0, buffer.count <= size, offset <= size - buffer.count else {
      throw malformed("it ends within its contents")
    }
    guard let base = buffer.baseAddress, buffer.count > 0 else { return }
    switch backing {
    case .memory(let data):
      let start = data.startIndex + offset
      data.copyBytes(to: buffer, from: start..<start + buffer.count)
    case .file(let descriptor):
      var done = 0
      while done < buffer.count {
        let count = pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw .fileAccess(path: name, reason: lastReason()) }
        guard count > 0 else { throw malformed("it became shorter while it was read") }
        done += count
      }
    }
  }

  /// The bytes of a range.
  func bytes(_ range: Range<Int>) throws(NetworkError) -> [UInt8] {
    guard range.lowerBound >= 0, range.upperBound <= size else {
      throw malformed("it ends within its contents")
    }
    var result = [UInt8](repeating: 0, count: range.count)
    var failure: NetworkError?
    result.withUnsafeMutableBytes { buffer in
      do throws(NetworkError) {
        try read(at: range.lowerBound, into: buffer)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return result
  }
}

/// Bytes of a source one after the other, through a small buffer.
struct CheckpointStream {
  let source: CheckpointSource
  /// Where the next byte lies.
  private(set) var position: Int
  private let end: Int
  private var buffer: [UInt8] = []
  private var next = 0

  /// Bytes that are fetched at once.
  private static let bufferSize = 65536

  /// Reads a range; it is cut at the end of the source.
  init(_ source: CheckpointSource, _ range: Range<Int>) {
    self.source = source
    position = range.lowerBound
    end = min(range.upperBound, source.size)
  }

  mutating func byte() throws(NetworkError) -> UInt8 {
    if next == buffer.count {
      guard position < end else { throw source.malformed("its pickle has no end") }
      buffer = try source.bytes(position..<min(end, position + Self.bufferSize))
      next = 0
    }
    defer {
      next += 1
      position += 1
    }
    return buffer[next]
  }

  /// A given number of bytes.
  mutating func bytes(_ count: Int) throws(NetworkError) -> [UInt8] {
    guard count >= 0, count <= end - position else {
      throw source.malformed("its pickle has no end")
    }
    defer { position += count }
    if count <= buffer.count - next {
      defer { next += count }
      return Array(buffer[next..<next + count])
    }
    buffer = []
    next = 0
    return try source.bytes(position..<position + count)
  }

  /// A little-endian number of up to eight bytes, without sign.
  mutating func unsigned(_ byteCount: Int) throws(NetworkError) -> UInt64 {
    var result: UInt64 = 0
    for index in 0..<byteCount { result |= UInt64(try byte()) << UInt64(8 * index) }
    return result
  }

  /// The text up to the next line feed, which is taken, too.
  mutating func line() throws(NetworkError) -> String {
    var result: [UInt8] = []
    while true {
      let byte = try byte()
      if byte == 0x0A { break }
      guard result.count < 256 else { throw source.malformed("its pickle has a line without end") }
      result.append(byte)
    }
    return String(decoding: result, as: UTF8.self)
  }
}
