import CTIFF

/// The library that reads and writes TIFF, and through it JPEG and PNG.
public enum PictureLibrary {
  /// Its version, such as `4.5.0`; libtiff itself says `LIBTIFF, Version 4.5.0` and a copyright.
  public static var version: String {
    let text = TIFFGetVersion().map { String(cString: $0) } ?? ""
    let line = text.split(separator: "\n").first ?? ""
    return line.split(separator: " ").last.map(String.init) ?? "unknown"
  }
}
