import CTIFF
import Rasters

/// Reads a complete file again through libtiff and compares it with what was written.
struct PyramidVerification {
  let directories: PyramidDirectories
  let probes: [TileProbe]
  let thumbnail: Thumbnail?
  let file: PartialFile

  /// The largest difference between a block's mean colour and what JPEG makes of it, of 255.
  ///
  /// At quality 3 half a step of a block's mean is 16 in each component, which makes up to 44 in blue,
  /// and saturated noise loses up to 30 more by clipping. White taken for RGB would differ by 127. Below
  /// quality 3 there is no bound: checkerboards of red and blue, or of blue and black, lie beyond 80 at
  /// quality 1. There only check sum and decoding tell.
  private var largestColorDifference: Int {
    guard directories.options.compression == .jpeg else { return 0 }
    return directories.options.quality < 3 ? 255 : 80
  }

  /// Checks levels, thumbnail, sizes, links, resolution, photometric, tile index and the probed tiles.
  ///
  /// - Throws: ``PyramidError/verificationFailed(path:reason:)`` with the first difference.
  func run() throws(PyramidError) {
    guard let tiff = TIFFHandle(reading: file.partialPath) else {
      throw failure("libtiff cannot open it")
    }
    let listed = tiff.subDirectoryOffsets()
    let levelCount = directories.plan.levels.count
    let layout = directories.options.layout
    try expect("listed levels", listed.count, layout.listsSubdirectories ? levelCount - 1 : 0)
    let chained = Int(TIFFNumberOfDirectories(tiff.pointer))
    let chainedCount = levelCount + (layout.hasThumbnail ? 1 : 0)
    try expect("chained pictures", chained, layout.isChained ? chainedCount : 1)
    try checkThumbnail(tiff)
    for level in 0..<levelCount {
      let place = level > 0 && layout.hasThumbnail ? level + 1 : level
      let isOpen =
        layout.isChained || level == 0
        ? TIFFSetDirectory(tiff.pointer, tdir_t(place))
        : TIFFSetSubDirectory(tiff.pointer, listed[level - 1])
      guard isOpen == 1 else { throw failure("level \(level) cannot be opened") }
      if level > 0, layout.listsSubdirectories {
        try expect(
          "place of level \(level)", Int(TIFFCurrentDirOffset(tiff.pointer)),
          Int(listed[level - 1]))
      }
      try checkTags(tiff, level: level)
      try checkTiles(tiff, level: level)
    }
    if let message = tiff.message { throw failure(message) }
  }

  private func checkThumbnail(_ tiff: borrowing TIFFHandle) throws(PyramidError) {
    guard let thumbnail else { return }
    guard TIFFSetDirectory(tiff.pointer, 1) == 1, TIFFIsTiled(tiff.pointer) == 0 else {
      throw failure("the thumbnail cannot be opened")
    }
    try expect("thumbnail width", tiff.long(TIFFTAG_IMAGEWIDTH), thumbnail.size.width)
    try expect("thumbnail height", tiff.long(TIFFTAG_IMAGELENGTH), thumbnail.size.height)
    // Plain bytes in one strip, which libtiff shows as many small ones: only where they begin is its word.
    let place = Int(TIFFGetStrileOffset(tiff.pointer, 0))
    guard try file.read(thumbnail.pixels.count, at: place).elementsEqual(thumbnail.pixels) else {
      throw failure("the thumbnail has changed on the disk")
    }
  }

  private func checkTags(_ tiff: borrowing TIFFHandle, level: Int) throws(PyramidError) {
    let size = directories.plan.levels[level]
    let options = directories.options
    let isReduced = level > 0 && options.layout != .aperio
    try expect("width", tiff.long(TIFFTAG_IMAGEWIDTH), size.width)
    try expect("height", tiff.long(TIFFTAG_IMAGELENGTH), size.height)
    try expect("tile width", tiff.long(TIFFTAG_TILEWIDTH), PyramidPlan.tileSide)
    try expect("tile height", tiff.long(TIFFTAG_TILELENGTH), PyramidPlan.tileSide)
    try expect("samples", tiff.short(TIFFTAG_SAMPLESPERPIXEL), 3)
    try expect("subfile type", tiff.long(TIFFTAG_SUBFILETYPE), isReduced ? 1 : 0)
    try expect(
      "compression", tiff.short(TIFFTAG_COMPRESSION), Int(options.compression.tagValue))
    try expect(
      "photometric", tiff.short(TIFFTAG_PHOTOMETRIC), Int(options.compression.photometric))
    guard tiff.bytes(TIFFTAG_ICCPROFILE) == options.iccProfile else {
      throw failure("the colour profile differs")
    }
    guard let pixelSize = options.pixelSize else { return }
    for (tag, microns) in [(TIFFTAG_XRESOLUTION, pixelSize.x), (TIFFTAG_YRESOLUTION, pixelSize.y)] {
      let wanted = 10_000 / (microns * Double(1 << level))
      // libtiff hands the fraction out as a Float, and a denominator of 255 is good to 1/510.
      guard let found = tiff.float(tag).map(Double.init), abs(found / wanted - 1) < 2e-3 else {
        throw failure("the resolution of level \(level) differs")
      }
    }
  }

  private func checkTiles(_ tiff: borrowing TIFFHandle, level: Int) throws(PyramidError) {
    let places = directories.tiles[level]
    try expect("tiles", Int(TIFFNumberOfTiles(tiff.pointer)), places.count)
    for (index, place) in places.enumerated() {
      let offset = Int(TIFFGetStrileOffset(tiff.pointer, UInt32(index)))
      let byteCount = Int(TIFFGetStrileByteCount(tiff.pointer, UInt32(index)))
      guard offset == place.offset, byteCount == place.byteCount, byteCount > 0,
        offset + byteCount <= file.byteCount
      else { throw failure("tile \(index) of level \(level) lies elsewhere") }
    }
    let isLossy = directories.options.compression == .jpeg
    if isLossy, !tiff.set(TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB) {
      throw failure("libtiff cannot decode JPEG")
    }
    for probe in probes where probe.level == level {
      let place = places[probe.tile]
      guard Checksum.of(try file.read(place.byteCount, at: place.offset)) == probe.checksum else {
        throw failure("tile \(probe.tile) of level \(level) has changed on the disk")
      }
      var pixels = [UInt8](repeating: 0, count: PyramidPlan.tileByteCount)
      let count = pixels.withUnsafeMutableBytes {
        TIFFReadEncodedTile(
          tiff.pointer, UInt32(probe.tile), $0.baseAddress, tmsize_t($0.count))
      }
      guard count == tmsize_t(PyramidPlan.tileByteCount) else {
        throw failure(tiff.message ?? "tile \(probe.tile) of level \(level) cannot be decoded")
      }
      let colors = pixels.withUnsafeBytes { TilePixels.blockColors(of: $0) }
      let difference = zip(colors, probe.colors).map { abs(Int($0) - Int($1)) }.max() ?? 0
      guard difference <= largestColorDifference else {
        throw failure("tile \(probe.tile) of level \(level) has other colours")
      }
    }
  }

  private func expect(_ what: String, _ found: Int?, _ wanted: Int) throws(PyramidError) {
    guard found == wanted else {
      throw failure("\(what): \(found.map(String.init) ?? "none") in place of \(wanted)")
    }
  }

  private func failure(_ reason: String) -> PyramidError {
    .verificationFailed(path: file.path, reason: reason)
  }
}
