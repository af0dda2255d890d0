import Rasters

/// Finds the pixel size of a slide in what its file says.
///
/// The order is: option, openslide.mpp, TIFF resolution, OME-XML, configuration.
struct PixelSizeReader {
  let properties: [String: String]
  let tags: TIFFTags?
  let option: Double?
  let configuration: Double?

  func found() -> (size: PixelSize, source: PixelSizeSource)? {
    if let option { return (PixelSize(option), .option) }
    if let size = openSlideSize(), size.isPlausible { return (size, .openslide) }
    if let size = tiffResolutionSize(), size.isPlausible {
      return (size, .tiffResolution)
    }
    if let size = omeSize() { return (size, .omeXML) }
    if let configuration { return (PixelSize(configuration), .configuration) }
    return nil
  }

  /// The size that the TIFF resolution gives, plausible or not.
  func tiffResolutionSize() -> PixelSize? {
    let unit: String?
    let resolution: (x: Double, y: Double)
    if let x = number("tiff.XResolution"), let y = number("tiff.YResolution") {
      resolution = (x, y)
      unit = properties["tiff.ResolutionUnit"]
    } else if let stored = tags?.resolution {
      resolution = stored
      unit = tags?.resolutionUnit
    } else {
      return nil
    }
    guard resolution.x > 0, resolution.y > 0, resolution.x.isFinite, resolution.y.isFinite else {
      return nil
    }
    switch unit {
    case "centimeter": return PixelSize(x: 10_000 / resolution.x, y: 10_000 / resolution.y)
    case "inch": return PixelSize(x: 25_400 / resolution.x, y: 25_400 / resolution.y)
    default: return nil
    }
  }

  /// The size that OpenSlide tells, plausible or not.
  func openSlideSize() -> PixelSize? {
    guard let x = number("openslide.mpp-x") ?? number("openslide.mpp-y"),
      let y = number("openslide.mpp-y") ?? number("openslide.mpp-x")
    else { return nil }
    return PixelSize(x: x, y: y)
  }

  private func omeSize() -> PixelSize? {
    let texts = [properties["tiff.ImageDescription"], tags?.imageDescription]
    for text in texts.compactMap(\.self) {
      if let size = OMEPixelSize.read(text), size.isPlausible { return size }
    }
    return nil
  }

  private func number(_ name: String) -> Double? { properties[name].flatMap(Double.init) }
}
