#if canImport(Glibc)
import Glibc
#endif

/// What the kernel tells about file systems.
public enum FileSystem {
  /// The bytes that an ordinary user may still write where a folder lies; nil if unknown.
  public static func freeBytes(_ folder: String) -> Int? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(
      by: Int(status.f_frsize))
    return overflow ? .max : bytes
  }
}
