import COpenSlide

/// The library that reads slides.
public enum SlideLibrary {
  /// Its version, such as `3.4.1`.
  public static var version: String {
    openslide_get_version().map { String(cString: $0) } ?? "unknown"
  }
}
