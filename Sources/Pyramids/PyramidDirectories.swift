import CTIFF
import Rasters

/// Where a compressed tile stands in the file.
struct TilePlace: Hashable, Codable {
  var offset: Int
  var byteCount: Int
}

/// The directories of a pyramid, one a level, linked as its layout wants.
struct PyramidDirectories {
  let plan: PyramidPlan
  let options: PyramidOptions
  let format: TIFFDirectory.Format
  /// The places of all tiles by level, row by row.
  let tiles: [[TilePlace]]
  /// The tables of JPEG tiles.
  let jpegTables: [UInt8]?
  /// Size and place of the thumbnail, in layouts that have one.
  let thumbnail: (size: PyramidLevel, place: TilePlace)?

  /// The directories' bytes and the offset of the first one, for a file that ends at `start`.
  ///
  /// - Parameter start: A multiple of ``TIFFDirectory/Format/alignment``.
  /// - Returns: The bytes to append, and where the header has to point.
  func serialized(at start: Int) -> (bytes: [UInt8], firstDirectory: Int) {
    var directories = plan.levels.indices.map(directory)
    if let thumbnail {
      directories.insert(directory(of: thumbnail.size, at: thumbnail.place), at: 1)
    }
    // Sizes do not depend on offsets, so the offsets can be found before they are stored.
    var offsets: [Int] = []
    var end = start
    if options.layout.listsSubdirectories, directories.count > 1 {
      directories[0].fields[UInt16(TIFFTAG_SUBIFD)] =
        .directories(Array(repeating: 0, count: directories.count - 1))
    }
    for directory in directories {
      offsets.append(end)
      end += directory.byteCount(format: format)
    }
    if options.layout.listsSubdirectories, directories.count > 1 {
      directories[0].fields[UInt16(TIFFTAG_SUBIFD)] = .directories(Array(offsets.dropFirst()))
    }
    var bytes: [UInt8] = []
    for (index, directory) in directories.enumerated() {
      let next = options.layout.isChained && index + 1 < offsets.count ? offsets[index + 1] : 0
      bytes += directory.serialized(at: offsets[index], next: next, format: format)
    }
    return (bytes, start)
  }

  /// Pixels a centimetre of each axis on a level: the finest level's, halved once a level.
  static func resolution(pixelSize: PixelSize, level: Int) -> (x: Fraction, y: Fraction) {
    // With at most 24 levels, 255 · 2²³ still fits 32 bits; real pyramids have under 13.
    let largest = level <= 12 ? 1_000_000 : 255
    func fraction(_ microns: Double) -> Fraction {
      var result = Fraction(nearestTo: 10_000 / microns, largestDenominator: largest)
      result.denominator <<= level
      return result
    }
    return (fraction(pixelSize.x), fraction(pixelSize.y))
  }

  private func directory(level index: Int) -> TIFFDirectory {
    let level = plan.levels[index]
    let side = PyramidPlan.tileSide
    var directory = TIFFDirectory()
    func set(_ tag: Int32, _ value: TIFFValue) { directory.fields[UInt16(tag)] = value }
    let isReduced = index > 0 && options.layout != .aperio
    set(TIFFTAG_SUBFILETYPE, .long([isReduced ? Int(FILETYPE_REDUCEDIMAGE) : 0]))
    set(TIFFTAG_IMAGEWIDTH, .long([level.width]))
    set(TIFFTAG_IMAGELENGTH, .long([level.height]))
    set(TIFFTAG_BITSPERSAMPLE, .short([8, 8, 8]))
    set(TIFFTAG_COMPRESSION, .short([Int(options.compression.tagValue)]))
    set(TIFFTAG_PHOTOMETRIC, .short([Int(options.compression.photometric)]))
    if let text = description(level: index) { set(TIFFTAG_IMAGEDESCRIPTION, .ascii(text)) }
    set(TIFFTAG_ORIENTATION, .short([Int(ORIENTATION_TOPLEFT)]))
    set(TIFFTAG_SAMPLESPERPIXEL, .short([3]))
    set(TIFFTAG_PLANARCONFIG, .short([Int(PLANARCONFIG_CONTIG)]))
    set(TIFFTAG_SOFTWARE, .ascii(options.software))
    if let pixelSize = options.pixelSize {
      let resolution = Self.resolution(pixelSize: pixelSize, level: index)
      set(TIFFTAG_XRESOLUTION, .rational([resolution.x]))
      set(TIFFTAG_YRESOLUTION, .rational([resolution.y]))
      set(TIFFTAG_RESOLUTIONUNIT, .short([Int(RESUNIT_CENTIMETER)]))
    }
    set(TIFFTAG_TILEWIDTH, .short([side]))
    set(TIFFTAG_TILELENGTH, .short([side]))
    set(TIFFTAG_TILEOFFSETS, .offsets(tiles[index].map(\.offset)))
    set(TIFFTAG_TILEBYTECOUNTS, .long(tiles[index].map(\.byteCount)))
    switch options.compression {
    case .jpeg:
      if let jpegTables { set(TIFFTAG_JPEGTABLES, .undefined(jpegTables)) }
      let subsampling = options.chromaSubsampling
      set(TIFFTAG_YCBCRSUBSAMPLING, .short([subsampling, subsampling]))
      // Full range, as JFIF has it; TIFF's own default would be the video range of CCIR 601.
      let levels = [0, 255, 128, 255, 128, 255]
      set(
        TIFFTAG_REFERENCEBLACKWHITE,
        .rational(levels.map { Fraction(numerator: $0, denominator: 1) }))
    case .lzw, .deflate: set(TIFFTAG_PREDICTOR, .short([Int(PREDICTOR_HORIZONTAL)]))
    case .none: break
    }
    if let profile = options.iccProfile { set(TIFFTAG_ICCPROFILE, .undefined(profile)) }
    return directory
  }

  /// The directory of the thumbnail: one strip of plain bytes.
  private func directory(of size: PyramidLevel, at place: TilePlace) -> TIFFDirectory {
    var directory = TIFFDirectory()
    func set(_ tag: Int32, _ value: TIFFValue) { directory.fields[UInt16(tag)] = value }
    set(TIFFTAG_SUBFILETYPE, .long([0]))
    set(TIFFTAG_IMAGEWIDTH, .long([size.width]))
    set(TIFFTAG_IMAGELENGTH, .long([size.height]))
    set(TIFFTAG_BITSPERSAMPLE, .short([8, 8, 8]))
    set(TIFFTAG_COMPRESSION, .short([Int(COMPRESSION_NONE)]))
    set(TIFFTAG_PHOTOMETRIC, .short([Int(PHOTOMETRIC_RGB)]))
    set(
      TIFFTAG_IMAGEDESCRIPTION,
      .ascii(PlainDescription.aperioThumbnail(size, of: plan.levels[0])))
    set(TIFFTAG_STRIPOFFSETS, .offsets([place.offset]))
    set(TIFFTAG_ORIENTATION, .short([Int(ORIENTATION_TOPLEFT)]))
    set(TIFFTAG_SAMPLESPERPIXEL, .short([3]))
    set(TIFFTAG_ROWSPERSTRIP, .long([size.height]))
    set(TIFFTAG_STRIPBYTECOUNTS, .long([place.byteCount]))
    set(TIFFTAG_PLANARCONFIG, .short([Int(PLANARCONFIG_CONTIG)]))
    set(TIFFTAG_SOFTWARE, .ascii(options.software))
    if let profile = options.iccProfile { set(TIFFTAG_ICCPROFILE, .undefined(profile)) }
    return directory
  }

  private func description(level: Int) -> String? {
    switch options.layout {
    case .universal, .ome:
      level == 0 ? OMEXML.document(size: plan.levels[0], options: options) : nil
    case .chained:
      level == 0 ? PlainDescription.text(options: options) : nil
    case .aperio:
      PlainDescription.aperio(level: plan.levels[level], of: plan.levels[0], options: options)
    }
  }
}

extension PyramidLayout {
  /// Whether reduced levels follow the first directory in the main chain.
  var isChained: Bool { self != .ome }
  /// Whether a picture of the whole slide stands between the first level and the others.
  var hasThumbnail: Bool { self == .aperio }
  /// Whether the first directory lists the reduced levels as its SubIFDs.
  var listsSubdirectories: Bool { self == .universal || self == .ome }
}

extension Fraction {
  /// A fraction of two given parts.
  init(numerator: Int, denominator: Int) {
    self.numerator = numerator
    self.denominator = denominator
  }
}
