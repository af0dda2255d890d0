import Foundation
import Networks
import Rasters
import Reporting
import Slides
import Stitching
import Tensors

/// What identifies a conversion: its noise and what its file says about its origin.
extension SlideConversion {
  /// The same slide gets the same noise, another one other noise.
  static func noiseKey(sourceHash: String, seed: UInt64) -> UInt64 {
    let slide = UInt64(sourceHash.prefix(16), radix: 16) ?? 0
    let mixed = CounterRandom(seed: slide, stream: seed).block(at: 0)
    return UInt64(mixed.x) << 32 | UInt64(mixed.y)
  }

  /// What the file says about its origin: nothing that a repetition of the command would change.
  static func provenance(
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
