import CommandLineKit
import Rasters
import Settings

/// Which family of kernels computes.
enum KernelChoice: String, CaseIterable, Sendable {
  case auto, avx512, avx2, baseline
}

/// When text is coloured.
enum ColorChoice: String, CaseIterable, Sendable {
  case auto, always, never
}

/// Options that every command takes.
enum GlobalOptions {
  static let config = Option<String?>.optional(
    "config", short: "c", .path(), "configuration file (JSON5)")
  static let quiet = Option.flag("quiet", short: "q", "say only what went wrong")
  static let verbose = Option.flag("verbose", short: "v", "say more")
  static let threads = Option<Int?>.optional(
    "threads", .integer(in: 1...1024), "threads to compute with; all processors if not given")
  static let memory = Option<Int?>.optional(
    "memory", .byteCount, "memory that the work may use, such as 4GiB")
  static let kernels = Option<KernelChoice>.value(
    "kernels", .choice(), default: "auto", "family of compute kernels")
  static let color = Option<ColorChoice>.value(
    "color", .choice(), default: "auto", "colour on the terminal; NO_COLOR is honoured")

  static let entries = [
    config.entry, quiet.entry, verbose.entry, threads.entry, memory.entry, kernels.entry,
    color.entry,
  ]
}

/// Options that several commands list in their tables with the same meaning.
enum SharedOptions {
  static let json = Option.flag("json", "print the result as one JSON object")
  static let force = Option.flag("force", "replace output that exists")
  static let dryRun = Option.flag(
    "dry-run", "print the plan (tiles, bytes, memory, time) and do nothing")
  static let slidePixelSize = Option<Double?>.optional(
    "slide-pixel-size", .pixelSize, "pixel size of the slide; wins over what its file says")
  static let fixedPixelSize = Option<Double?>.optional(
    "fixed-pixel-size", .pixelSize, "pixel size of the fixed slide; wins over what its file says")
  static let movingPixelSize = Option<Double?>.optional(
    "moving-pixel-size", .pixelSize, "pixel size of the moving slide; wins over what its file says")
}

extension ValueKind where Value == Int {
  /// A count of bytes with its unit.
  static var byteCount: Self {
    Self("SIZE", expected: "a size with its unit, such as 4GiB") { Units.bytes($0) }
  }
}

extension ValueKind where Value == Double {
  /// A pixel size in micrometres that a slide can have.
  static var pixelSize: Self { .number("UM", in: PixelSize.plausibleMicrons) }

  /// A duration in seconds, written with its unit.
  static var duration: Self {
    Self("TIME", expected: "a time with its unit, such as 30m or 90s") { Units.seconds($0) }
  }
}
