import Foundation
import Networks
public import Pyramids
public import Rasters
import Reporting
public import Slides
public import Stitching
public import Tensors

/// The conversion of a slide: planned first, then run, in bands of tile rows.
///
/// Works in the slide's own frame, the whole of level 0 from (0, 0), at the model's pixel size. Memory
/// depends on the slide's width and the model, not on its height.
public struct SlideConversion: Sendable {
  /// What the world decides while it runs.
  public struct Surroundings: Sendable {
    /// Whether to stop: checked for every batch of tiles.
    public var isCancelled: @Sendable () -> Bool
    /// Whether a checkpoint is due; asked after every row of tiles.
    public var isCheckpointDue: @Sendable () -> Bool
    /// Told once, before the first tile: tiles that an interrupted run has done, and all tiles.
    public var started: @Sendable (_ done: Int, _ total: Int) -> Void
    /// Told of tiles looked at, those before an interruption included.
    public var progress: @Sendable (_ done: Int) -> Void

    /// Never stops, writes no checkpoint and tells nobody, unless set otherwise.
    public init(
      isCancelled: @escaping @Sendable () -> Bool = { false },
      isCheckpointDue: @escaping @Sendable () -> Bool = { false },
      started: @escaping @Sendable (Int, Int) -> Void = { _, _ in },
      progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
      self.started = started
      self.isCancelled = isCancelled
      self.isCheckpointDue = isCheckpointDue
      self.progress = progress
    }
  }

  /// The tiles and the region, in pixels of the output's grid over the whole slide.
  public let plan: TilePlan
  /// Microns a pixel of the output.
  public let pixelSize: PixelSize
  /// Everything but the pixels that decides the output file.
  public let pyramidOptions: PyramidOptions

  let source: SlideSource
  let options: ConversionOptions
  let context: ComputeContext
  let converter: any TileConverter
  let modelPath: String
  let architecture: ModelCard.Architecture

  /// What a progress file carries for us.
  private struct Progress: Codable {
    var nextRow: Int
    var convertedCount: Int
    var seamSums: SeamMeter.State
    /// Absent in files of versions that did not note it.
    var damagedTiles: [DamagedTile]?
  }

  /// Plans a conversion.
  ///
  /// - Parameters:
  ///   - slide: The slide; it has a pixel size.
  ///   - model: What converts.
  ///   - modelPath: The model's file.
  ///   - options: What decides the pixels.
  ///   - acceptsCoarse: Takes a slide however coarse it is.
  ///   - restainVersion: For the provenance.
  ///   - context: Threads and kernels.
  /// - Throws: ``StainingError/tooCoarse(path:slideMicrons:modelMicrons:)``,
  ///   ``StainingError/regionOutside(path:width:height:)``, and what slide and model throw.
  public init(
    slide: Slide, model: StainModel, modelPath: String, options: ConversionOptions,
    acceptsCoarse: Bool = false, restainVersion: String, context: ComputeContext
  ) throws {
    let own = try slide.requirePixelSize()
    let modelMicrons = model.card.pixelSizeMicrons
    guard
      acceptsCoarse || max(own.x, own.y) <= ConversionOptions.coarsestFactor * modelMicrons
    else {
      throw StainingError.tooCoarse(
        path: slide.path, slideMicrons: own.mean, modelMicrons: modelMicrons)
    }
    let source = try slide.source(pixelSize: modelMicrons)
    self.source = source
    pixelSize = source.pixelSize
    self.options = options
    self.context = context
    self.modelPath = modelPath
    architecture = model.card.architecture
    let region = try options.region.map {
      try Self.outputRegion($0, of: source, own: own)
    }
    plan = TilePlan(
      width: source.width, height: source.height, overlap: options.overlap, region: region)
    let sourceHash = try Self.hash(of: slide)
    converter = try model.converter(
      path: modelPath, plan: plan, options: options,
      noiseKey: Self.noiseKey(sourceHash: sourceHash, seed: options.bridge.seed),
      kernels: context.kernels)
    let provenance = try Self.provenance(
      slide: slide, sourceHash: sourceHash, model: model, modelPath: modelPath, options: options,
      plan: plan, pixelSize: pixelSize, version: restainVersion, kernels: context.kernels)
    pyramidOptions = PyramidOptions(
      layout: options.layout, compression: options.compression, quality: options.quality,
      pixelSize: pixelSize,
      description: PyramidDescription(
        name: URL(fileURLWithPath: slide.path).deletingPathExtension().lastPathComponent,
        isVirtualStain: model.card.architecture != .identity, provenance: provenance),
      software: "restain \(restainVersion)")
  }

  /// The hash of the slide's files; a slide that was open and cannot be read any more has gone or is broken.
  private static func hash(of slide: Slide) throws(SlideError) -> String {
    do {
      return try SlideFiles.hash(of: slide.path)
    } catch {
      throw .unreadable(path: slide.path, reason: error.systemReason)
    }
  }

  /// Converts, and writes the pyramid; takes an interrupted conversion of the same kind up.
  ///
  /// - Parameters:
  ///   - path: The file to write.
  ///   - replaces: Replaces an existing file, and gives up unfinished work of another kind.
  ///   - surroundings: Clock, signals, reports.
  /// - Returns: What was done.
  /// - Throws: `CancellationError` where it was stopped, and what slide, network and file throw; nothing
  ///   is published then.
  public func run(
    to path: String, replaces: Bool, surroundings: Surroundings = Surroundings()
  ) throws -> ConversionSummary {
    let writer = try writer(path: path, replaces: replaces)
    let resumed = try Self.progress(writer)
    var meter = SeamMeter(plan: plan, state: resumed?.seamSums)
    var converted = resumed?.convertedCount ?? 0
    var convertedNow = 0
    let rowsDone = resumed.map { $0.nextRow - plan.rows.lowerBound } ?? 0
    surroundings.started(rowsDone * plan.columns.count, plan.tileCount)
    let background = try backgroundRule()
    let needsConversion = Self.needsConversion(background)
    let parallelism = context.parallelism
    let stitcher = TileStitcher(
      plan: plan, batchSize: converter.batchSize, concurrency: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) })
    func prepare(row: Int) throws {
      guard let converter = converter as? InterpolatedConverter,
        row < plan.rows.upperBound
      else { return }
      try converter.prepare(
        row: row, source: source, batchSize: converter.batchSize, needsConversion: needsConversion,
        forEach: { count, body in parallelism.forEach(count: count, body) },
        isCancelled: surroundings.isCancelled)
    }
    // A resumed run computes the row before once more.
    try prepare(
      row: max(plan.rows.lowerBound, (resumed?.nextRow ?? plan.rows.lowerBound) - 1))
    var unsaved: Progress?
    func take(_ band: StitchedBand) throws {
      meter.add(band.image, y: band.y, isRepeated: band.isRepeated)
      guard !band.isRepeated else {
        try prepare(row: band.row + 1)
        return
      }
      if band.image.height > 0 { try writer.append(rows: band.image) }
      converted += band.convertedCount
      convertedNow += band.convertedCount
      surroundings.progress((band.row + 1 - plan.rows.lowerBound) * plan.columns.count)
      let progress = Progress(
        nextRow: band.row + 1, convertedCount: converted, seamSums: meter.snapshot,
        damagedTiles: damagedTiles(beside: resumed))
      unsaved = progress
      if surroundings.isCheckpointDue() { try save(progress) }
      if surroundings.isCancelled() { throw CancellationError() }
      try prepare(row: band.row + 1)
    }
    func save(_ progress: Progress) throws {
      try writer.checkpoint(userState: Array(JSONText.document(progress)))
      unsaved = nil
    }
    do {
      try convert(
        stitcher, from: resumed?.nextRow, background: background,
        isCancelled: surroundings.isCancelled, emit: take)
    } catch let error as CancellationError {
      // In the middle of a row, which may take an hour: the rows before it are kept.
      if let unsaved { try save(unsaved) }
      throw error
    }
    return ConversionSummary(
      convertedCount: converted, convertedNow: convertedNow, tileCount: plan.tileCount,
      seam: meter.score, pyramid: try writer.finish(),
      damagedTiles: damagedTiles(beside: resumed))
  }

  /// What this process and an interrupted one before it found damaged, in the order of the file.
  private func damagedTiles(beside resumed: Progress?) -> [DamagedTile] {
    let now = source.slide.damagedTiles
    guard let before = resumed?.damagedTiles, !before.isEmpty else { return now }
    return Set(before).union(now).sorted { ($0.level, $0.tile) < ($1.level, $1.tile) }
  }

  /// Hands out finished rows, from a walk of the whole slide or tile by tile.
  private func convert(
    _ stitcher: TileStitcher, from row: Int?, background: BackgroundRule?,
    isCancelled: @escaping @Sendable () -> Bool, emit: (StitchedBand) throws -> Void
  ) throws {
    let needsConversion = Self.needsConversion(background)
    if let joint = jointStitcher(isCancelled: isCancelled) {
      return try joint.run(
        source: source, from: row, needsConversion: needsConversion,
        kept: { background?.kept($0) }, emit: emit)
    }
    try stitcher.run(
      source: source, from: row, needsConversion: needsConversion,
      convert: { tiles in
        if isCancelled() { throw CancellationError() }
        let converted = try converter.convert(tiles)
        guard let background else { return converted }
        return zip(tiles, converted).map { background.keeping($0, in: $1) }
      }, emit: emit)
  }

  /// What walks the slide as one field, where that is asked for.
  func jointStitcher(
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) -> JointStitcher? {
    guard options.bridge.isJoint, let bridge = converter as? BridgeConverter else { return nil }
    let parallelism = context.parallelism
    return JointStitcher(
      plan: plan, walk: CancellableWalk(walk: bridge, isCancelled: isCancelled),
      concurrency: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) })
  }

  /// What is left as it is; nothing where background is converted, too.
  func backgroundRule() throws -> BackgroundRule? {
    guard !options.convertsBackground else { return nil }
    return BackgroundRule(
      detector: try TissueDetector(sampling: source, fillings: fillings()),
      overlap: options.overlap)
  }

  func fillings() throws -> [RGBColor] {
    let parallelism = context.parallelism
    return try source.slide.fillings { count, body in parallelism.forEach(count: count, body) }
  }

  static func needsConversion(
    _ background: BackgroundRule?
  ) -> @Sendable (SourceTile) -> Bool {
    { tile in background?.needsConversion(tile) ?? true }
  }

  private static func progress(_ writer: PyramidWriter) throws(StainingError) -> Progress? {
    guard !writer.userState.isEmpty else { return nil }
    // Why it cannot be read does not matter: it is not ours, or of another version.
    guard let progress = try? JSONDecoder().decode(Progress.self, from: Data(writer.userState))
    else {
      throw .foreignProgress(path: writer.path, problem: "its unfinished file has another form")
    }
    return progress
  }

  // MARK: - Preparation

  private func writer(path: String, replaces: Bool) throws -> PyramidWriter {
    let threadCount = context.parallelism.threadCount
    let (width, height) = (plan.region.width, plan.region.height)
    if PyramidWriter.hasCheckpoint(path: path) {
      do {
        return try PyramidWriter(
          resuming: path, width: width, height: height, options: pyramidOptions, force: replaces,
          threadCount: threadCount)
      } catch PyramidError.notResumable where replaces {
        // Begun anew below, once nobody else writes it.
      }
    }
    return try PyramidWriter(
      path: path, width: width, height: height, options: pyramidOptions, force: replaces,
      threadCount: threadCount)
  }

  /// A region of level 0 in pixels of the output.
  private static func outputRegion(
    _ region: PixelRegion, of source: SlideSource, own: PixelSize
  ) throws(StainingError) -> PixelRegion {
    let (slide, pixelSize) = (source.slide, source.pixelSize)
    let inside = region.intersection(
      PixelRegion(x: 0, y: 0, width: slide.width, height: slide.height))
    guard !inside.isEmpty else {
      throw .regionOutside(path: slide.path, width: slide.width, height: slide.height)
    }
    // Rounding noise of the ratio must not push an edge over the next pixel.
    let noise = 1e-6
    func scaled(_ value: Int, _ ratio: Double) -> Double { Double(value) * ratio }
    let (ratioX, ratioY) = (own.x / pixelSize.x, own.y / pixelSize.y)
    // The last column of the slide may lie beyond that of the output, whose number is rounded.
    let left = min(Int((scaled(inside.x, ratioX) + noise).rounded(.down)), source.width - 1)
    let top = min(Int((scaled(inside.y, ratioY) + noise).rounded(.down)), source.height - 1)
    let right = Int((scaled(inside.maxX, ratioX) - noise).rounded(.up))
    let bottom = Int((scaled(inside.maxY, ratioY) - noise).rounded(.up))
    return PixelRegion(x: left, y: top, width: max(1, right - left), height: max(1, bottom - top))
  }
}
