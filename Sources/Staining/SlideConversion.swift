import Foundation
import Networks
public import Pyramids
public import Rasters
import Reporting
public import Slides
public import Stitching
import Synchronization
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

  private let source: SlideSource
  private let options: ConversionOptions
  private let context: ComputeContext
  private let converter: any TileConverter
  private let modelPath: String
  private let architecture: ModelCard.Architecture

  /// What a progress file carries for us.
  private struct Progress: Codable {
    var nextRow: Int
    var convertedCount: Int
    var seamSums: SeamMeter.State
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
      try Self.outputRegion($0, slide: slide, own: own, pixelSize: source.pixelSize)
    }
    plan = TilePlan(
      width: source.width, height: source.height, overlap: options.overlap, region: region)
    let sourceHash = try ContentHash.hexadecimal(ofFile: slide.path, endsOnly: true)
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
        nextRow: band.row + 1, convertedCount: converted, seamSums: meter.snapshot)
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
      seam: meter.score, pyramid: try writer.finish())
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
  private func jointStitcher(
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) -> JointStitcher? {
    guard options.bridge.isJoint, let bridge = converter as? BridgeConverter else { return nil }
    let parallelism = context.parallelism
    return JointStitcher(
      plan: plan, walk: CancellableWalk(walk: bridge, isCancelled: isCancelled),
      concurrency: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) })
  }

  /// Tiles whose work a run does for each of the plan's: more than one where a joint walk of a region needs tiles
  /// around it.
  public var tilesPerPlannedTile: Double {
    guard let joint = jointStitcher(), let bridge = converter as? BridgeConverter else { return 1 }
    return joint.estimatesPerTile / Double(bridge.moveCount)
  }

  /// What is left as it is; nothing where background is converted, too.
  private func backgroundRule() throws -> BackgroundRule? {
    guard !options.convertsBackground else { return nil }
    return BackgroundRule(
      detector: try TissueDetector(sampling: source, fillings: fillings()),
      overlap: options.overlap)
  }

  private func fillings() throws -> [RGBColor] {
    let parallelism = context.parallelism
    return try source.slide.fillings { count, body in parallelism.forEach(count: count, body) }
  }

  private static func needsConversion(
    _ background: BackgroundRule?
  ) -> @Sendable (SourceTile) -> Bool {
    { tile in background?.needsConversion(tile) ?? true }
  }

  /// Tiles with tissue, from an overview of the slide; what a dry run tells.
  public func estimatedTissueTiles() throws -> Int {
    guard !options.convertsBackground else { return plan.tileCount }
    let coarse = max(TissueMap.pixelSize, pixelSize.mean)
    let overview = try source.slide.source(pixelSize: coarse)
    let map = try TissueMap(
      of: overview, pixelSize: overview.pixelSize.mean, fillings: fillings())
    var count = 0
    for row in plan.rows {
      for column in plan.columns {
        let tile = plan.tileRegion(column: column, row: row)
        let share = map.tissueShare(
          origin: MicronPoint(
            x: Double(tile.x) * pixelSize.x, y: Double(tile.y) * pixelSize.y),
          size: MicronPoint(
            x: Double(tile.width) * pixelSize.x, y: Double(tile.height) * pixelSize.y))
        if share >= ConversionOptions.leastTissueShare { count += 1 }
      }
    }
    return count
  }

  /// Works on the tile in the middle of the plan, one worker a thread, for a clock.
  ///
  /// - Returns: How many tiles' worth of work was done; less than one for a bridge of many steps.
  /// - Throws: What slide and network throw.
  public func convertSample() throws -> Double {
    let column = (plan.columns.lowerBound + plan.columns.upperBound) / 2
    let row = (plan.rows.lowerBound + plan.rows.upperBound) / 2
    let region = plan.tileRegion(column: min(column, plan.columns.upperBound - 1), row: row)
    let tile = SourceTile(
      image: try ReflectedSource(source).read(region), x: region.x, y: region.y)
    let parallelism = context.parallelism
    return try collected(
      count: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) }
    ) { [converter] _ in try converter.convertInPart(tile) }.reduce(0, +)
  }

  /// The states of the region after each of a bridge's moves, the slide itself first.
  ///
  /// - Parameter isCancelled: Whether to stop.
  /// - Returns: Pictures of the region, one more than the walk has steps.
  /// - Throws: ``StainingError/unsupportedModel(path:architecture:problem:)`` for a model without states,
  ///   ``StainingError/trajectoryTooLarge(path:tileCount:)``, and what slide and network throw.
  public func trajectory(
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> [RGBImage] {
    guard let bridge = converter as? BridgeConverter else {
      throw StainingError.unsupportedModel(
        path: modelPath, architecture: architecture.rawValue, problem: "has no states on its way")
    }
    let stateCount = bridge.walker.sampler.moves.count + 1
    let tileBytes = plan.tileSize * plan.tileSize * 3
    guard plan.tileCount * stateCount * tileBytes <= Self.largestTrajectory else {
      throw StainingError.trajectoryTooLarge(path: source.slide.path, tileCount: plan.tileCount)
    }
    let background = try backgroundRule()
    let parallelism = context.parallelism
    let stitcher = TileStitcher(
      plan: plan, batchSize: 1, concurrency: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) })
    // Walked once; the states are kept as levels, by place.
    let kept: Mutex<[TilePlace: [[UInt8]]]> = Mutex([:])
    var pictures: [RGBImage] = []
    for index in (0..<stateCount).reversed() {
      var picture = RGBImage(width: plan.region.width, height: plan.region.height)
      try stitcher.run(
        source: source, needsConversion: Self.needsConversion(background),
        convert: { tiles in
          try tiles.map { tile in
            if isCancelled() { throw CancellationError() }
            let place = TilePlace(x: tile.x, y: tile.y)
            if let states = kept.withLock({ $0[place] }) { return states[index].map(Float.init) }
            let states = try bridge.states(tile).map { state in
              (background?.keeping(tile, in: state) ?? state).map {
                UInt8(min(max($0 + 0.5, 0), 255.5))
              }
            }
            kept.withLock { $0[place] = states }
            return states[index].map(Float.init)
          }
        },
        emit: { band in
          if band.image.height > 0 {
            picture.paste(band.image, x: 0, y: band.y - plan.region.y)
          }
        })
      pictures.append(picture)
    }
    return pictures.reversed()
  }

  private struct TilePlace: Hashable {
    let x: Int
    let y: Int
  }

  /// Bytes of states that are kept at once.
  private static let largestTrajectory = 1 << 30

  /// Bytes of memory that a run needs, beside the program itself and the slide's own cache.
  public var predictedMemory: Int {
    let stripWidth = (plan.columns.count - 1) * plan.stride + plan.tileSize
    let strip = stripWidth * plan.tileSize * 3
    let sums = plan.region.width * plan.tileSize * 12
    let pyramid = plan.region.width * 1536
    let tiles =
      context.parallelism.threadCount * converter.batchSize * plan.tileSize * plan.tileSize
    // A tile under way: source, sums in and out, and the layers, some 30 floats a pixel at most.
    return strip + sums + pyramid + tiles * 200
      + converter.memory(threadCount: context.parallelism.threadCount)
      + (jointStitcher()?.memory ?? 0)
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
        PyramidWriter.discardCheckpoint(path: path)
      }
    }
    return try PyramidWriter(
      path: path, width: width, height: height, options: pyramidOptions, force: replaces,
      threadCount: threadCount)
  }

  /// A region of level 0 in pixels of the output.
  private static func outputRegion(
    _ region: PixelRegion, slide: Slide, own: PixelSize, pixelSize: PixelSize
  ) throws(StainingError) -> PixelRegion {
    let inside = region.intersection(
      PixelRegion(x: 0, y: 0, width: slide.width, height: slide.height))
    guard !inside.isEmpty else {
      throw .regionOutside(path: slide.path, width: slide.width, height: slide.height)
    }
    // Rounding noise of the ratio must not push an edge over the next pixel.
    let noise = 1e-6
    func scaled(_ value: Int, _ ratio: Double) -> Double { Double(value) * ratio }
    let (ratioX, ratioY) = (own.x / pixelSize.x, own.y / pixelSize.y)
    let left = Int((scaled(inside.x, ratioX) + noise).rounded(.down))
    let top = Int((scaled(inside.y, ratioY) + noise).rounded(.down))
    let right = Int((scaled(inside.maxX, ratioX) - noise).rounded(.up))
    let bottom = Int((scaled(inside.maxY, ratioY) - noise).rounded(.up))
    return PixelRegion(x: left, y: top, width: max(1, right - left), height: max(1, bottom - top))
  }

  /// The same slide gets the same noise, another one other noise.
  private static func noiseKey(sourceHash: String, seed: UInt64) -> UInt64 {
    let slide = UInt64(sourceHash.prefix(16), radix: 16) ?? 0
    let mixed = CounterRandom(seed: slide, stream: seed).block(at: 0)
    return UInt64(mixed.x) << 32 | UInt64(mixed.y)
  }

  /// What the file says about its origin: nothing that a repetition of the command would change.
  private static func provenance(
    slide: Slide, sourceHash: String, model: StainModel, modelPath: String,
    options: ConversionOptions,
    plan: TilePlan, pixelSize: PixelSize, version: String, kernels: KernelFamily
  ) throws -> [String: String] {
    let mode = options.normalization ?? model.card.normalization
    var provenance = [
      "restain_version": version,
      "source": URL(fileURLWithPath: slide.path).lastPathComponent,
      "source_hash": sourceHash,
      "source_size_px": "\(slide.width),\(slide.height)",
      "model": URL(fileURLWithPath: modelPath).lastPathComponent,
      "model_sha256": try ContentHash.hexadecimal(ofFile: modelPath),
      "model_card": try JSONText.line(model.card).trimmingCharacters(in: .newlines),
      "from": model.card.fromStain,
      "to": model.card.toStain,
      "pixel_size_um": "\(pixelSize.x),\(pixelSize.y)",
      "normalization": mode.rawValue,
      "overlap_px": "\(options.overlap)",
      "all_tiles": "\(options.convertsBackground)",
      "kernels": kernels.rawValue,
    ]
    if let bridge = model.card.bridge {
      provenance["steps"] = "\(options.bridge.evaluations ?? bridge.evaluations)"
      provenance["sampler"] = (options.bridge.sampler ?? bridge.sampler).rawValue
      provenance["seed"] = "\(options.bridge.seed)"
      if options.bridge.isJoint { provenance["joint"] = "true" }
      if options.bridge.hasTileNoise { provenance["noise"] = "of the tile" }
    }
    if let seed = options.dropoutSeed { provenance["dropout_seed"] = "\(seed)" }
    if options.region != nil {
      let region = plan.region
      provenance["region_px"] = "\(region.x),\(region.y),\(region.width),\(region.height)"
    }
    return provenance
  }
}
