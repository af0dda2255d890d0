import Foundation
import Rasters

/// How one section was stained and photographed: vectors, strengths, light.
struct StainLook: Sendable {
  /// Density in red, green and blue of one unit of each matter.
  private let haematoxylin: SIMD4<Float>
  private let eosin: SIMD4<Float>
  private let blood: SIMD4<Float>
  private let counterstain: SIMD4<Float>
  private let marker: SIMD4<Float>
  /// The colour of glass, 0…255.
  let glass: SIMD4<Float>
  /// How much darker the corners are, and where the lamp points.
  private let falloff: Float, lampX: Float, lampY: Float
  private let unevenness: GradientNoise
  private let dust: DustField
  private let noiseHash: PositionHash
  private let extent: Float
  /// How strongly edges of an unstained section scatter.
  private let refraction: Float

  /// Draws a look: `photograph` is 0 for the fixed section, 1 for the moving one, 2 for its own H&E.
  init(seed: UInt64, photograph: Int, extent: Float) {
    // One laboratory, one batch: the H&E of both sections comes from the same bath.
    var bath = PositionHash(seed: seed, purpose: 110).draws(0, 0)
    var own = PositionHash(seed: seed, purpose: 111).draws(Int32(photograph), 0)
    let strength = 1 + 0.03 * bath.signed() + 0.015 * own.signed()
    let pinkness = 1 + 0.03 * bath.signed() + 0.015 * own.signed()
    haematoxylin = StainLook.vector(0.640, 0.700, 0.320) * strength
    eosin = StainLook.vector(0.150, 0.860, 0.480) * pinkness
    blood = SIMD4(0.02, 0.14, 0.20, 0)
    counterstain = StainLook.vector(0.72, 0.61, 0.32) * (1 + 0.08 * own.signed())
    marker = StainLook.vector(0.300, 0.580, 0.757) * (1 + 0.10 * own.signed())
    let brightness = 243 + 4 * own.signed()
    glass = SIMD4(
      brightness + 1.5 * own.signed(), brightness + own.signed(), brightness - 1 + 2 * own.signed(),
      0)
    falloff = own.between(0.01, 0.035)
    lampX = 0.5 + 0.15 * own.signed()
    lampY = 0.5 + 0.15 * own.signed()
    refraction = 1 + 0.12 * own.signed()
    unevenness = GradientNoise(
      seed: seed, purpose: 112 + UInt64(photograph), wavelength: extent * 0.35)
    dust = DustField(seed: seed, purpose: 116 + UInt64(photograph))
    noiseHash = PositionHash(seed: seed, purpose: 120 + UInt64(photograph))
    self.extent = extent
  }

  private static func vector(_ red: Double, _ green: Double, _ blue: Double) -> SIMD4<Float> {
    let unit = StainVector(red: red, green: green, blue: blue)
    return SIMD4(Float(unit.red), Float(unit.green), Float(unit.blue), 0)
  }

  /// The share of the lamp's light that reaches a place of the frame, about 1.
  func illumination(x: Float, y: Float) -> Float {
    let fromLampX = x / extent - lampX
    let fromLampY = y / extent - lampY
    return 1 - falloff * 2 * (fromLampX * fromLampX + fromLampY * fromLampY)
      + 0.006 * unevenness(x, y)
  }

  /// The specks in and around a box of the frame.
  func specks(in box: MicronBox) -> [DustField.Speck] { dust.specks(in: box) }

  /// Optical density of a stained pixel.
  @inline(__always)
  func density(_ scene: Scene, _ index: Int, stain: PhantomStain) -> SIMD4<Float> {
    switch stain {
    case .hematoxylinEosin:
      let stained = haematoxylin * scene.haematoxylin[index] + eosin * scene.eosin[index]
      return stained + blood * scene.blood[index]
    case .immunohistochemistry:
      let stained = counterstain * scene.counterstain[index] + marker * scene.marker[index]
      return stained + blood * (scene.blood[index] * 0.22)
    case .unstained:
      // Dry protein takes a little blue light; haemoglobin more.
      return SIMD4(0.034, 0.037, 0.049, 0) * scene.mass[index]
        + blood * (scene.blood[index] * 0.25)
    }
  }

  /// The light that edges of an unstained section throw to the side: `mass` bends rays, and a
  /// defocused bright field shows the second derivative (transport of intensity).
  @inline(__always)
  func phaseContrast(_ mass: UnsafePointer<Float>, _ index: Int, width: Int) -> Float {
    let middle = mass[index]
    let near =
      mass[index - 1] + mass[index + 1] + mass[index - width] + mass[index + width] - 4 * middle
    let wide =
      mass[index - 3] + mass[index + 3] + mass[index - 3 * width] + mass[index + 3 * width]
      - 4 * middle
    // The condenser is never quite centred: a trace of shadow to one side.
    let slant = mass[index + 1 + width] - mass[index - 1 - width]
    return refraction * (0.10 * near + 0.055 * wide + 0.05 * slant)
  }

  /// Three numbers about 0 with deviation 1: the sensor's noise at a pixel of the frame.
  @inline(__always)
  func noise(x: Int, y: Int) -> SIMD4<Float> {
    let first = noiseHash.bits(Int32(truncatingIfNeeded: x), Int32(truncatingIfNeeded: y))
    let second = (first ^ 0x68E3_1DA4) &* 0xB529_7A4D
    // Sums of two bytes; the deviation of one even byte is 73.9, of two 104.5.
    let red = Float(Int32(first & 0xFF) + Int32(second >> 24) - 255)
    let green = Float(Int32((first >> 8) & 0xFF) + Int32((second >> 16) & 0xFF) - 255)
    let blue = Float(Int32((first >> 16) & 0xFF) + Int32((second >> 8) & 0xFF) - 255)
    return SIMD4(red, green, blue, 0) * (1 / 104.5)
  }
}

/// Specks of dust and short hairs on a slide.
struct DustField: Sendable {
  /// One speck, in microns of its own frame.
  struct Speck: Sendable {
    var x: Float, y: Float, radius: Float, stretch: Float, cosine: Float, sine: Float
    var darkness: Float
  }

  private let hash: PositionHash
  private static let pitch: Float = 260

  init(seed: UInt64, purpose: UInt64) { hash = PositionHash(seed: seed, purpose: purpose) }

  /// The specks that may reach into a box.
  func specks(in box: MicronBox) -> [Speck] {
    var result: [Speck] = []
    // No speck reaches further than 10 · 4 µm.
    box.expanded(by: 45).forEachCell(pitch: DustField.pitch) { column, row in
      var draws = hash.draws(column, row)
      guard draws.unit() < 0.22 else { return }
      let angle = draws.between(0, .pi)
      let size = draws.unit()
      let stretch = draws.unit() < 0.25 ? draws.between(3, 6) : draws.between(1, 1.6)
      let speck = Speck(
        x: (Float(column) + draws.unit()) * DustField.pitch,
        y: (Float(row) + draws.unit()) * DustField.pitch, radius: 1.2 + 5 * size * size / stretch,
        stretch: stretch, cosine: cos(angle), sine: sin(angle), darkness: draws.between(0.15, 0.7))
      guard box.meets(speck.x, speck.y, radius: speck.radius * stretch * 1.5 + 2) else { return }
      result.append(speck)
    }
    return result
  }
}
