public import Foundation
import Glibc

/// Files that appear under their name only when they are complete.
public enum PublishedFile {
  /// Writes `path.partial`, flushes it to the disk and renames it to `path`, replacing what was there.
  ///
  /// - Parameters:
  ///   - data: The content.
  ///   - path: The final name.
  /// - Throws: ``PipelineError/cannotWrite(path:reason:)``; the partial file is then removed.
  public static func write(_ data: Data, to path: String) throws(PipelineError) {
    let partial = path + ".partial"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: reason()) }
    var written = 0
    var isComplete = true
    data.withUnsafeBytes { buffer in
      while written < buffer.count {
        let count = Glibc.write(
          descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          isComplete = false
          return
        }
        written += count
      }
    }
    let problem = reason()
    guard isComplete, fsync(descriptor) == 0 else {
      close(descriptor)
      unlink(partial)
      throw .cannotWrite(path: path, reason: problem)
    }
    close(descriptor)
    guard rename(partial, path) == 0 else {
      let problem = reason()
      unlink(partial)
      throw .cannotWrite(path: path, reason: problem)
    }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
