import Foundation

/// What the kernel says about the memory of this process.
public enum ProcessMemory {
  /// The greatest resident size so far, in bytes; nil if the kernel does not tell.
  ///
  /// Not `getrusage`: its figure holds what the program that started this one had taken.
  public static func peakBytes() -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
        .flatMap({ Int($0) })
    else { return nil }
    return kibibytes * 1024
  }
}
