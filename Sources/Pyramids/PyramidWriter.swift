public import Rasters

/// Writes a pyramid from rows that come from the top; all levels grow together.
///
/// Memory depends on the picture's width, not on its height: 1.5 KiB a column, plus one row of
/// compressed tiles and 12 bytes a tile. The file is `path.partial` until ``finish()``. The bytes of the
/// file depend on the pixels and the options alone: not on the number of threads, on how the rows were
/// grouped, or on interruptions.
public final class PyramidWriter {
  /// The final name of the file.
  public let path: String
  /// The levels.
  public let plan: PyramidPlan
  /// What the file will say.
  public let options: PyramidOptions
  /// Rows that have been appended, those before a checkpoint included.
  public private(set) var rowsAppended: Int
  /// What the caller put into the checkpoint that this writer was resumed from; else empty.
  public let userState: [UInt8]

  let file: PartialFile
  let levels: [LevelState]
  var probes: [TileProbe]
  private(set) var thumbnail: Thumbnail?
  private let encoder: TileRowEncoder
  private let jpegTables: [UInt8]?
  private let format: TIFFDirectory.Format
  private let mayReplace: Bool
  private var hasCheckpoint: Bool
  private var isFinished = false
  /// What an unfinished file begins with, in the place of its header: by this it is known as our own.
  private static let unfinishedMark = Array("restain\n".utf8)
  private var failure: PyramidError?

  /// Starts a file.
  ///
  /// - Parameters:
  ///   - path: The final name; `path.partial` is written, and replaced if it is an unfinished pyramid.
  ///   - width: Columns of level 0.
  ///   - height: Rows of level 0.
  ///   - options: What the file holds beside the pixels.
  ///   - force: Whether an existing file of the final name may be replaced, and any `path.partial` or
  ///     `path.progress`.
  ///   - threadCount: Threads that compress tiles.
  /// - Throws: ``PyramidError/outputExists(path:)``, ``PyramidError/busy(path:)``,
  ///   ``PyramidError/foreignPartial(path:)``, or where the file cannot be made.
  /// - Precondition: Both sides are in 1…2³¹ − 1.
  public convenience init(
    path: String, width: Int, height: Int, options: PyramidOptions, force: Bool = false,
    threadCount: Int = 1
  ) throws(PyramidError) {
    try self.init(
      path: path, plan: PyramidPlan(width: width, height: height), options: options,
      force: force, threadCount: threadCount, progress: nil)
    try attempt { () throws(PyramidError) in
      let padding = format.headerByteCount - Self.unfinishedMark.count
      try file.append(Self.unfinishedMark + [UInt8](repeating: 0, count: padding))
    }
  }

  /// Takes up a file from its last checkpoint; what was appended later is to be appended again.
  ///
  /// - Parameters: As for a new file; size and options must be those of the checkpoint.
  /// - Throws: ``PyramidError/notResumable(path:reason:)`` where there is no such checkpoint, else as
  ///   for a new file.
  public convenience init(
    resuming path: String, width: Int, height: Int, options: PyramidOptions,
    force: Bool = false, threadCount: Int = 1
  ) throws(PyramidError) {
    let plan = PyramidPlan(width: width, height: height)
    let progress = try PyramidProgress(path: path, plan: plan, options: options)
    try self.init(
      path: path, plan: plan, options: options, force: force, threadCount: threadCount,
      progress: progress)
  }

  private init(
    path: String, plan: PyramidPlan, options: PyramidOptions, force: Bool, threadCount: Int,
    progress: PyramidProgress?
  ) throws(PyramidError) {
    guard force || !PyramidProgress.exists(path) else { throw .outputExists(path: path) }
    self.path = path
    self.plan = plan
    self.options = options
    mayReplace = force
    format = plan.needsBigTIFF(options: options) ? .big : .classic
    encoder = TileRowEncoder(options: options, threadCount: threadCount)
    do throws(TileEncoder.Failure) {
      jpegTables = try encoder.jpegTables()
    } catch {
      throw .encodingFailed(path: path, reason: error.reason)
    }
    if !force {
      try PyramidProgress.requireOwn(path)
      // What another command has begun is not thrown away unasked.
      guard progress != nil || !PyramidProgress.isPresent(path) else {
        throw .notResumable(path: path, reason: "another command's unfinished work lies there")
      }
    }
    file = try PartialFile(
      path: path, keeping: progress?.partialByteCount ?? 0,
      isOwn: { force || $0.starts(with: Self.unfinishedMark) })
    // Another writer may have published while this one waited for the lock.
    guard force || !PyramidProgress.exists(path) else {
      if progress == nil { file.remove() }
      throw .outputExists(path: path)
    }
    levels = plan.levels.map { LevelState(level: $0) }
    rowsAppended = progress?.rowsAppended ?? 0
    userState = progress?.userState ?? []
    probes = progress?.probes ?? []
    thumbnail =
      options.layout.hasThumbnail ? progress?.thumbnail ?? Thumbnail(of: plan) : nil
    hasCheckpoint = progress != nil
    if let progress {
      progress.restore(levels)
    } else {
      PyramidProgress.remove(path)
    }
  }

  deinit {
    if !isFinished, !hasCheckpoint { file.remove() }
  }

  /// Appends the next rows; whole rows of tiles (256) at once are not copied.
  ///
  /// - Parameter rows: As wide as level 0, any number of rows.
  /// - Throws: Where the file cannot be written; the writer is of no further use then, and the partial
  ///   file goes with it unless there is a checkpoint.
  /// - Precondition: The width is level 0's, and the picture has room for the rows.
  public func append(rows: RGBImage) throws(PyramidError) {
    let level = levels[0]
    precondition(
      rows.width == level.level.width,
      "rows of \(rows.width) pixels for a pyramid of \(level.level.width)")
    precondition(
      rowsAppended + rows.height <= level.level.height,
      "row \(rowsAppended + rows.height) of a pyramid of \(level.level.height)")
    try attempt { () throws(PyramidError) in
      try rows.pixels.withUnsafeBufferPointer { (pixels) throws(PyramidError) in
        guard var start = pixels.baseAddress else { return }
        var rest = rows.height
        while rest > 0 {
          let wanted = level.rowsWanted
          let taken = min(rest, wanted - level.pendingRowCount)
          if taken == wanted {
            let band = PixelBand(pixels: start, width: rows.width, rowCount: wanted)
            try writeTileRow(band, level: 0)
          } else {
            level.pendingEnd.update(from: start, count: taken * level.rowByteCount)
            level.pendingRowCount += taken
            try writePendingRow(level: 0)
          }
          start += taken * level.rowByteCount
          rest -= taken
          rowsAppended += taken
        }
      }
    }
  }

  /// Makes what was appended so far survive a crash or a kill.
  ///
  /// Writes `path.progress`: the waiting rows of every level (at most 768 bytes a column) and the tile
  /// index; cheapest after a multiple of 256 rows.
  ///
  /// - Parameter userState: Whatever the caller needs to go on; a resumed writer hands it back.
  /// - Throws: Where the checkpoint cannot be written; an earlier one stays valid.
  public func checkpoint(userState: [UInt8] = []) throws(PyramidError) {
    try attempt { () throws(PyramidError) in
      try file.synchronize()
      try PyramidProgress(writer: self, userState: userState).save(path)
      hasCheckpoint = true
    }
  }

  /// Completes the file: directories, flush, verification by reading, final name.
  ///
  /// - Returns: What was written.
  /// - Throws: ``PyramidError/verificationFailed(path:reason:)``, or where the file cannot be written.
  /// - Precondition: All rows have been appended; called once.
  public func finish() throws(PyramidError) -> PyramidSummary {
    precondition(
      rowsAppended == plan.levels[0].height,
      "\(rowsAppended) rows of a pyramid of \(plan.levels[0].height)")
    precondition(!isFinished, "a pyramid is finished once")
    try attempt { () throws(PyramidError) in
      try file.align(to: TIFFDirectory.Format.alignment)
      let directories = PyramidDirectories(
        plan: plan, options: options, format: format, tiles: levels.map(\.tiles),
        jpegTables: jpegTables, thumbnail: try writeThumbnail())
      let (bytes, first) = directories.serialized(at: file.byteCount)
      try file.append(bytes)
      try checkSize()
      try file.write(format.header(firstDirectory: first), at: 0)
      try file.synchronize()
      try PyramidVerification(
        directories: directories, probes: probes, thumbnail: thumbnail, file: file
      ).run()
      guard mayReplace || !PyramidProgress.exists(path) else { throw .outputExists(path: path) }
      try file.publish()
    }
    isFinished = true
    PyramidProgress.remove(path)
    return PyramidSummary(
      levels: plan.levels, byteCount: file.byteCount, isBigTIFF: format == .big)
  }

  private func writeThumbnail() throws(PyramidError) -> (size: PyramidLevel, place: TilePlace)? {
    guard let thumbnail else { return nil }
    let place = TilePlace(offset: file.byteCount, byteCount: thumbnail.pixels.count)
    try file.append([UInt8](thumbnail.pixels))
    try file.align(to: TIFFDirectory.Format.alignment)
    return (thumbnail.size, place)
  }

  /// Runs a step once; after a failure the writer only repeats it.
  private func attempt(_ step: () throws(PyramidError) -> Void) throws(PyramidError) {
    if let failure { throw failure }
    do throws(PyramidError) {
      try step()
    } catch {
      failure = error
      throw error
    }
  }

  private func writePendingRow(level index: Int) throws(PyramidError) {
    let level = levels[index]
    guard level.pendingRowCount == level.rowsWanted else { return }
    let band = PixelBand(
      pixels: level.pending, width: level.level.width, rowCount: level.pendingRowCount)
    level.pendingRowCount = 0
    try writeTileRow(band, level: index)
  }

  private func writeTileRow(_ band: PixelBand, level index: Int) throws(PyramidError) {
    let level = levels[index]
    let next = index + 1 < levels.count ? levels[index + 1] : nil
    let firstTile = level.tiles.count
    let probed = TileProbe.indices(of: level.level)
    let half = next.map { MutablePixelBand(pixels: $0.pendingEnd, width: $0.level.width) }
    let encoded: [EncodedTile]
    do throws(TileEncoder.Failure) {
      encoded = try encoder.encode(
        band, halvedInto: half, probes: Set(probed.map { $0 - firstTile }))
    } catch {
      throw .encodingFailed(path: path, reason: error.reason)
    }
    for tile in encoded {
      if !tile.colors.isEmpty {
        probes.append(
          TileProbe(
            level: index, tile: level.tiles.count, colors: tile.colors,
            checksum: Checksum.of(tile.bytes)))
      }
      level.tiles.append(TilePlace(offset: file.byteCount, byteCount: tile.bytes.count))
      try file.append(tile.bytes)
    }
    try checkSize()
    guard let next else {
      thumbnail?.add(band)
      return
    }
    next.pendingRowCount += (band.rowCount + 1) / 2
    try writePendingRow(level: index + 1)
  }

  private func checkSize() throws(PyramidError) {
    if format == .classic, file.byteCount > Int(UInt32.max) { throw .tooLarge(path: path) }
  }
}

/// What a finished pyramid holds.
public struct PyramidSummary: Hashable, Codable, Sendable {
  /// The levels, finest first.
  public let levels: [PyramidLevel]
  /// The file's length in bytes.
  public let byteCount: Int
  /// Whether the file is a BigTIFF.
  public let isBigTIFF: Bool
}
