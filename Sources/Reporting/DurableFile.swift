public import Foundation
import Glibc

/// A file that cannot be written: which, and what the system says.
public struct UnwritableFile: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// The system's words, such as `No space left on device`.
  public let reason: String
  /// Whether the disk or a quota is full, so that a later try may succeed.
  public let isDiskFull: Bool

  /// Describes the system's last error.
  init(path: String, code: Int32) {
    self.path = path
    reason = String(cString: strerror(code))
    isDiskFull = code == ENOSPC || code == EDQUOT
  }

  /// One line: what, why.
  public var description: String { "\(path): cannot be written, \(reason)" }
}

/// Files that appear under their name only when they are complete.
public enum DurableFile {
  /// Writes `path.partial`, flushes it to the disk, renames it to `path` and flushes the folder.
  ///
  /// What had the name is replaced at once; a power cut leaves the old or the new content.
  ///
  /// - Parameters:
  ///   - data: The content.
  ///   - path: The final name.
  /// - Throws: ``UnwritableFile``; the partial file is then removed.
  public static func write(_ data: Data, to path: String) throws(UnwritableFile) {
    let partial = path + ".partial"
    let descriptor = openPartial(partial, mode: 0o644)
    guard descriptor >= 0 else { throw UnwritableFile(path: path, code: errno) }
    let isWritten = data.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let count = Glibc.write(
          descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        written += count
      }
      return fsync(descriptor) == 0
    }
    let code = errno
    close(descriptor)
    guard isWritten else {
      unlink(partial)
      throw UnwritableFile(path: path, code: code)
    }
    guard rename(partial, path) == 0 else {
      let code = errno
      unlink(partial)
      throw UnwritableFile(path: path, code: code)
    }
    flushFolder(of: path)
  }

  /// Opens the file that grows until it gets its final name.
  ///
  /// A file that has the name may be a slide by another name: it is never written, only let go.
  ///
  /// - Parameters:
  ///   - path: The file, whose content begins anew.
  ///   - mode: Its permissions.
  /// - Returns: The descriptor; negative with `errno` set where it cannot be opened.
  public static func openPartial(_ path: String, mode: mode_t) -> Int32 {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unlink(path) }
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
  }

  /// Makes a folder with those above it, unless it is there.
  ///
  /// - Throws: ``UnwritableFile``.
  public static func makeFolder(_ path: String) throws(UnwritableFile) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw UnwritableFile(path: path, code: errno)
    }
  }

  /// Makes the rename itself last; a file system that cannot flush folders has no better promise to give.
  private static func flushFolder(of path: String) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
