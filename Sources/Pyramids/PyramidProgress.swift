import Foundation

/// A checkpoint of a pyramid: the file `path.progress` beside the partial file.
struct PyramidProgress: Codable {
  private var options: PyramidOptions
  private var width: Int
  private var height: Int
  /// The length of the partial file that the checkpoint is about.
  private(set) var partialByteCount: Int
  /// Rows of level 0 that it holds.
  private(set) var rowsAppended: Int
  /// Colours and check sums of the tiles that will be looked at again.
  private(set) var probes: [TileProbe]
  /// The caller's own.
  var userState: [UInt8] { [UInt8](state) }
  private var state: Data
  private var levels: [Level]
  /// The thumbnail, in layouts that have one.
  private(set) var thumbnail: Thumbnail?

  private struct Level: Codable {
    /// Offset and length of every tile, 64-bit little-endian.
    var tiles: Data
    /// The rows that wait.
    var pending: Data
  }

  /// Notes where a writer stands.
  init(writer: PyramidWriter, userState: [UInt8]) {
    options = writer.options
    width = writer.plan.levels[0].width
    height = writer.plan.levels[0].height
    partialByteCount = writer.file.byteCount
    rowsAppended = writer.rowsAppended
    probes = writer.probes
    state = Data(userState)
    thumbnail = writer.thumbnail
    levels = writer.levels.map { level in
      var tiles = LittleEndianBytes()
      for place in level.tiles {
        tiles.append(place.offset, byteCount: 8)
        tiles.append(place.byteCount, byteCount: 8)
      }
      return Level(tiles: Data(tiles.bytes), pending: Data(level.pendingBytes))
    }
  }

  /// Reads the checkpoint of a path and compares it with what is to be written.
  init(
    path: String, plan: PyramidPlan, options: PyramidOptions
  ) throws(PyramidError) {
    func refuse(_ reason: String) -> PyramidError { .notResumable(path: path, reason: reason) }
    // Why it cannot be read is of no use to the reader: the remedy is the same.
    guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: Self.name(path))) else {
      throw refuse("there is no checkpoint")
    }
    let contents = bytes.dropFirst(Self.checksumByteCount)
    guard !contents.isEmpty, Self.sealed(contents) == bytes,
      let progress = try? PropertyListDecoder().decode(Self.self, from: contents)
    else { throw refuse("the checkpoint is damaged") }
    guard progress.width == plan.levels[0].width, progress.height == plan.levels[0].height else {
      throw refuse("it was begun with \(progress.width) × \(progress.height) pixels")
    }
    guard progress.options == options else { throw refuse("it was begun with other options") }
    guard progress.isConsistent(with: plan) else { throw refuse("the checkpoint is damaged") }
    self = progress
  }

  /// Puts the levels into the state of the checkpoint.
  func restore(_ states: [LevelState]) {
    for (state, level) in zip(states, levels) {
      let numbers = level.tiles.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: 8).map {
          Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Int64.self)))
        }
      }
      state.tiles = stride(from: 0, to: numbers.count, by: 2).map {
        TilePlace(offset: numbers[$0], byteCount: numbers[$0 + 1])
      }
      state.pendingRowCount = level.pending.count / state.rowByteCount
      level.pending.copyBytes(to: state.pending, count: level.pending.count)
    }
  }

  /// Writes the checkpoint, in the place of an earlier one.
  func save(_ path: String) throws(PyramidError) {
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    let contents: Data
    do {
      contents = Self.sealed(try encoder.encode(self))
    } catch {
      throw .unwritable(path: Self.name(path), reason: "\(error)")
    }
    let file = try PartialFile(path: Self.name(path), keeping: 0, isOwn: { _ in true })
    do throws(PyramidError) {
      try file.append([UInt8](contents))
      try file.synchronize()
      try file.publish()
    } catch {
      file.remove()
      throw error
    }
  }

  /// Whether there is a file of that name.
  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Whether there is a checkpoint for a path.
  static func isPresent(_ path: String) -> Bool { exists(name(path)) && exists(path + ".partial") }

  /// Deletes the checkpoint of a path.
  static func remove(_ path: String) { unlink(name(path)) }

  /// Throws where a file that a checkpoint would overwrite is none.
  static func requireOwn(_ path: String) throws(PyramidError) {
    for name in [name(path), name(path) + ".partial"] where exists(name) {
      // What cannot be read is no checkpoint of ours either.
      let beginning =
        try? FileHandle(forReadingFrom: URL(fileURLWithPath: name))
        .read(upToCount: checksumByteCount + mark.count) ?? Data()
      guard let beginning,
        beginning.isEmpty || beginning.dropFirst(checksumByteCount).elementsEqual(mark)
      else { throw .foreignPartial(path: name) }
    }
  }

  /// What every binary property list begins with.
  private static let mark = Array("bplist00".utf8)
  private static let checksumByteCount = 8

  private static func name(_ path: String) -> String { path + ".progress" }

  /// The bytes with their check sum in front.
  private static func sealed(_ contents: Data) -> Data {
    let checksum = contents.withUnsafeBytes { Checksum.of($0) }
    return withUnsafeBytes(of: checksum.littleEndian) { Data($0) } + contents
  }

  /// Whether every level holds the tiles and rows that follow from the rows of level 0.
  private func isConsistent(with plan: PyramidPlan) -> Bool {
    guard levels.count == plan.levels.count, partialByteCount > 0, rowsAppended >= 0 else {
      return false
    }
    var rows = rowsAppended
    var rowsDone = 0
    for (level, size) in zip(levels, plan.levels) {
      guard rows <= size.height else { return false }
      let tileRows = rows == size.height ? size.tilesDown : rows / PyramidPlan.tileSide
      let waiting = max(0, rows - tileRows * PyramidPlan.tileSide)
      guard level.tiles.count == tileRows * size.tilesAcross * 16,
        level.pending.count == waiting * size.width * 3
      else { return false }
      rowsDone = min(rows, tileRows * PyramidPlan.tileSide)
      rows = (rowsDone + 1) / 2
    }
    guard options.layout.hasThumbnail else { return true }
    return thumbnail?.isConsistent(with: plan, rowCount: rowsDone) ?? false
  }
}

extension PyramidWriter {
  /// Whether a partial file and a checkpoint wait for a path.
  public static func hasCheckpoint(path: String) -> Bool { PyramidProgress.isPresent(path) }
}
