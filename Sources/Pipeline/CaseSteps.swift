import Foundation
import Pictures
import Pyramids
import Rasters
import Registration
import Reporting
import Settings
import Slides
import Staining
import Stitching
import Tensors

/// The steps of one section, in order.
struct CaseSteps {
  let request: CaseRequest
  let environment: CaseEnvironment
  let context: ComputeContext
  private let moving: Slide
  private let fixed: Slide?

  /// Opens the slides; a slide that cannot be opened ends the case here.
  init(request: CaseRequest, environment: CaseEnvironment, context: ComputeContext) throws {
    self.request = request
    self.environment = environment
    self.context = context
    let configuration = request.configuration
    moving = try Slide(
      path: request.moving, pixelSizeOverride: request.movingPixelSize,
      configuredPixelSize: configuration.pixelSize(ofSlide: request.moving))
    fixed = try request.fixed.map { path in
      try Slide(
        path: path, pixelSizeOverride: request.fixedPixelSize,
        configuredPixelSize: configuration.pixelSize(ofSlide: path))
    }
  }

  /// Whether a setting decides what an output holds.
  static func shapesOutputs(_ path: String) -> Bool {
    path.hasPrefix("convert.") || path.hasPrefix("pyramid.") || path.hasPrefix("register.")
      || path == "pixelSizes"
  }

  /// Every step; what a step depends on is in its fingerprint.
  func all(inputs: [CaseManifest.Input]) throws -> [CaseStep] {
    let section = request.section
    let own = inputs.filter { $0.role == "moving" && FileNames.stem($0.path) == section }
    let movingHash = own.first?.hash ?? ""
    let fixedHash = inputs.first { $0.role == "fixed" }?.hash ?? ""
    let modelHash = inputs.first { $0.role == "model" }?.hash ?? ""
    let settings = request.configuration.settings.filter { Self.shapesOutputs($0.path) }
      .map { "\($0.path)=\($0.value)" }
    let shared = [request.program, movingHash] + sizes + settings
    var steps: [CaseStep] = []
    if let fixed {
      steps.append(registerStep(fixed, dependencies: shared + ["register", fixedHash]))
    }
    if let model = request.model {
      steps.append(
        convertStep(
          model, dependencies: shared + ["convert", modelHash, context.kernels.rawValue]))
    }
    if fixed != nil {
      let dependencies = shared + ["place", fixedHash, "\(request.isForced)"]
      let registered = CaseStep.Need(
        step: "register \(section)",
        otherwise: "not placed in the H&E frame, there is no registration")
      steps.append(
        placeStep(
          "place", slide: { [moving] in moving }, output: FileNames.registered(section: section),
          needs: [registered], dependencies: dependencies))
      if request.model != nil {
        let converted = "\(request.folder)/\(FileNames.virtualStain(section: section))"
        steps.append(
          placeStep(
            "place-virtual", slide: { try Slide(path: converted) },
            output: FileNames.registeredVirtualStain(section: section),
            needs: [
              registered,
              CaseStep.Need(
                step: "convert \(section)",
                otherwise: "not placed in the H&E frame, there is no virtual stain"),
            ],
            dependencies: dependencies + [modelHash, context.kernels.rawValue]))
      }
    }
    return steps
  }

  private var sizes: [String] {
    [request.movingPixelSize, request.fixedPixelSize].map { size in size.map { "\($0)" } ?? "-" }
  }

  // MARK: - Registration

  private func registerStep(_ fixed: Slide, dependencies: [String]) -> CaseStep {
    let section = request.section
    let transformName = FileNames.transform(section: section)
    let overlayName = FileNames.overlay(section: section)
    return CaseStep(
      name: "register \(section)", dependencies: dependencies,
      outputs: [transformName, overlayName]
    ) { _ in
      // Should this registration fail, nothing of an earlier run may be taken for it, nor what was placed by it.
      let placed = [
        FileNames.registered(section: section), FileNames.registeredVirtualStain(section: section),
      ]
      for name in [transformName, overlayName] + placed { unlink(path(name)) }
      let pair = try PairRegistration(
        fixed: fixed, moving: moving,
        options: RegistrationOptions(threadCount: context.parallelism.threadCount),
        finestPixelSize: request.configuration[SettingTable.fineRegistration]
          ? RegistrationOptions.finePixelSize : RegistrationOptions.workingPixelSize,
        time: environment.time,
        beforeEachBlock: { [environment] in
          if environment.isCancelled() { throw CancellationError() }
        })
      try PictureFile.writeJPEG(pair.overlay, path: path(overlayName))
      try DurableFile.write(try pair.result.transform.data(), to: path(transformName))
      var result = Self.result(of: pair.result.report)
      for slide in [fixed, moving] { result.note(damage: slide.damage, of: slide.path) }
      return result
    }
  }

  private static func result(of report: RegistrationReport) -> CaseStepResult {
    var result = CaseStepResult()
    result.facts = [
      "status": report.status.rawValue, "chosen": report.chosen.rawValue,
      "mirrored": String(report.mirrored),
      "reasons": report.reasons.map(\.rawValue).joined(separator: " "),
    ]
    result.figures = [
      "rotation_deg": report.rotationDegrees, "scale": report.scale,
      "confidence": report.confidence, "mask_dice": report.maskDice,
      "similarity_before": report.similarityBefore, "similarity_rigid": report.similarityRigid,
      "similarity_bspline": report.similarityBSpline, "min_jacobian": report.minJacobian,
      "max_displacement_um": report.maxDisplacementMicrons,
    ]
    result.figures["block_residual_um"] = report.blockResidualMicrons
    if report.status == .needsReview {
      let reasons = report.reasons.map(\.rawValue).joined(separator: ", ")
      result.message = "the registration needs review (\(reasons)); look at the overlay"
    }
    return result
  }

  // MARK: - Conversion

  private func convertStep(_ modelPath: String, dependencies: [String]) -> CaseStep {
    let section = request.section
    let outputName = FileNames.virtualStain(section: section)
    return CaseStep(
      name: "convert \(section)", dependencies: dependencies, outputs: [outputName]
    ) { progress in
      let configuration = request.configuration
      var options = ConversionOptions()
      options.overlap = configuration[SettingTable.overlap]
      options.convertsBackground = configuration[SettingTable.allTiles]
      options.layout = pyramidLayout
      options.compression = pyramidCompression
      options.quality = configuration[SettingTable.quality]
      let conversion = try SlideConversion(
        slide: moving, model: try StainModel(path: modelPath), modelPath: modelPath,
        options: options, acceptsCoarse: request.isForced, restainVersion: request.program,
        context: context)
      if let limit = environment.memoryLimit, conversion.predictedMemory > limit {
        throw PipelineError.needsMemory(
          path: request.moving, needed: HumanText.bytes(conversion.predictedMemory),
          allowed: HumanText.bytes(limit))
      }
      let clock = CheckpointClock(time: environment.time)
      let total = Double(max(1, conversion.plan.tileCount))
      let summary = try conversion.run(
        to: path(outputName), replaces: true,
        surroundings: SlideConversion.Surroundings(
          isCancelled: environment.isCancelled, isCheckpointDue: { clock.isDue() },
          progress: { progress(Double($0) / total) }))
      var result = CaseStepResult()
      result.figures["tiles"] = Double(summary.convertedCount)
      result.figures["seam_score"] = summary.seam.score
      result.note(damage: DamagedTile.summary(of: summary.damagedTiles), of: moving.path)
      return result
    }
  }

  // MARK: - The fixed frame

  private func placeStep(
    _ kind: String, slide: @escaping () throws -> Slide, output: String,
    needs: [CaseStep.Need], dependencies: [String]
  ) -> CaseStep {
    let section = request.section
    return CaseStep(
      name: "\(kind) \(section)", dependencies: dependencies, outputs: [output], needs: needs
    ) { progress in
      let transformPath = path(FileNames.transform(section: section))
      guard let data = FileManager.default.contents(atPath: transformPath) else {
        throw PipelineError.cannotRead(path: transformPath, reason: "it is gone")
      }
      let transform = try SectionTransform(data: data, name: transformPath)
      guard transform.status == .ok || request.isForced else {
        return .skipped("not placed in the H&E frame until the registration is reviewed")
      }
      let slide = try slide()
      let registered = try RegisteredSlide(
        moving: slide, transform: transform, option: "--moving-pixel-size")
      let height = Double(max(1, registered.source.height))
      _ = try PyramidCopy.write(
        source: registered.source, path: path(output),
        options: PyramidOptions(
          layout: pyramidLayout, compression: pyramidCompression,
          quality: request.configuration[SettingTable.quality], pixelSize: registered.pixelSize,
          iccProfile: registered.iccProfile, description: registered.description,
          software: "restain \(request.program)"), force: true,
        threadCount: context.parallelism.threadCount, isCancelled: environment.isCancelled,
        progress: { progress(Double($0) / height) })
      var result = CaseStepResult()
      result.note(damage: slide.damage, of: slide.path)
      return result
    }
  }

  private func path(_ name: String) -> String { "\(request.folder)/\(name)" }

  private var pyramidLayout: PyramidLayout {
    PyramidLayout(rawValue: request.configuration[SettingTable.layout]) ?? .universal
  }

  private var pyramidCompression: PyramidCompression {
    PyramidCompression(rawValue: request.configuration[SettingTable.compression]) ?? .jpeg
  }
}
