import Rasters

/// Descriptions of layouts that carry no OME-XML.
enum PlainDescription {
  /// Lines of text: name, stain notice, provenance.
  static func text(options: PyramidOptions) -> String {
    let description = options.description
    var lines = [oneLine(description.name)]
    if description.isVirtualStain { lines.append(PyramidDescription.virtualStainNotice) }
    lines += pairs(description).map { "\($0.key) = \($0.value)" }
    return lines.joined(separator: "\n")
  }

  /// The description of an Aperio SVS level, which readers split at `|` and `=`.
  ///
  /// Reference: openslide-vendor-aperio.c of OpenSlide 3.4.1.
  static func aperio(level: PyramidLevel, of full: PyramidLevel, options: PyramidOptions) -> String
  {
    let size =
      level == full
      ? "\(full.width)x\(full.height)"
      : "\(full.width)x\(full.height) -> \(level.width)x\(level.height)"
    var parts = ["Aperio Image Library v11.2.1 \r\n\(size) (256x256)"]
    // The format knows square pixels only; without these, readers take the TIFF resolution of each axis.
    if let pixelSize = options.pixelSize, pixelSize.isSquare {
      // 10 µm/px is what a camera of 10 µm pixels sees at 1×; the scanners round 20.1 to 20.
      parts.append("AppMag = \(Int((10 / pixelSize.mean).rounded()))")
      parts.append("MPP = \(pixelSize.mean)")
    }
    parts.append("Title = \(oneLine(options.description.name))")
    if options.description.isVirtualStain {
      parts.append("Stain notice = \(PyramidDescription.virtualStainNotice)")
    }
    parts += pairs(options.description).map { "\($0.key) = \($0.value)" }
    return parts.joined(separator: "|")
  }

  /// The description of the picture beside the levels that shows the whole slide.
  static func aperioThumbnail(_ size: PyramidLevel, of full: PyramidLevel) -> String {
    "Aperio Image Library v11.2.1 \r\n\(full.width)x\(full.height) -> "
      + "\(size.width)x\(size.height) - "
  }

  private static func pairs(
    _ description: PyramidDescription
  ) -> [(key: String, value: String)] {
    description.provenance.sorted { $0.key < $1.key }.map { (oneLine($0.key), oneLine($0.value)) }
  }

  /// The text without the characters that end a line or a part.
  private static func oneLine(_ text: String) -> String {
    String(text.map { $0.isNewline || $0 == "|" || $0 == "\0" ? " " : $0 })
  }
}
