#if canImport(Glibc)
import Glibc
#endif
import Foundation
import Reporting

/// Files that are either the old or the new one, whatever happens.
enum DurableFile {
  /// Writes a value as JSON beside its place, flushes it, puts it there, and flushes the folder.
  static func write(_ value: some Encodable, to path: String) throws(WatchError) {
    let data: Data
    do {
      data = try JSONText.document(value)
    } catch {
      throw .unwritable(path: path, reason: "a value cannot be written as JSON")
    }
    try write(data, to: path)
  }

  /// Writes bytes beside their place, flushes them, puts them there, and flushes the folder.
  static func write(_ data: Data, to path: String) throws(WatchError) {
    let partial = path + ".partial"
    let descriptor = Reporting.DurableFile.openPartial(partial, mode: 0o640)
    guard descriptor >= 0 else { throw .unwritable(path: path, reason: reason()) }
    giveToOwner(ofFolderOf: path, descriptor)
    let isWritten = data.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let count = Glibc.write(
          descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        offset += count
      }
      return true
    }
    let isFlushed = isWritten && fsync(descriptor) == 0
    let isClosed = close(descriptor) == 0
    guard isFlushed, isClosed, rename(partial, path) == 0 else {
      let reason = reason()
      unlink(partial)
      throw .unwritable(path: path, reason: reason)
    }
    let folder = open(folder(of: path), O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      // Some file systems cannot flush a folder; the file itself is flushed.
      _ = fsync(folder)
      close(folder)
    }
  }

  /// Gives a file that root makes in a folder of the service to the service, which could not read it otherwise.
  static func giveToOwner(ofFolderOf path: String, _ descriptor: Int32) {
    var status = stat()
    guard geteuid() == 0, stat(folder(of: path), &status) == 0 else { return }
    // Where it cannot be given the service says so when it reads it.
    _ = fchown(descriptor, status.st_uid, status.st_gid)
  }

  private static func folder(of path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
