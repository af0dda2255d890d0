#if canImport(Glibc)
import Glibc
#endif

/// What the kernel says about the memory of this process.
public enum ProcessMemory {
  /// The greatest resident size so far, in bytes; nil if the kernel does not tell.
  public static func peakBytes() -> Int? {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
    // Linux counts in KiB.
    return usage.ru_maxrss * 1024
  }
}
