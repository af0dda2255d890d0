import Rasters

/// Turns the matter of a scene into an 8-bit picture by Beer and Lambert's law.
struct Photograph: Sendable {
  let look: StainLook
  let stain: PhantomStain
  /// Microns a pixel.
  let pixelSize: Float

  /// The deviation of the sensor's noise, in levels of 255.
  private static let noiseDeviation: Float = 1.1

  /// Takes the picture of `part` of a region.
  ///
  /// `scene` holds the matter of `region` and `margin` pixels around it, or nothing for bare glass;
  /// pixel (0, 0) of `image` lies at (`originX`, `originY`) of the frame.
  func expose(
    _ scene: Scene?, margin: Int, region: PixelRegion, part: PixelRegion,
    into image: inout RGBImage,
    originX: Int, originY: Int
  ) {
    let specks = look.specks(
      in: MicronBox(
        minX: Float(region.x) * pixelSize, minY: Float(region.y) * pixelSize,
        maxX: Float(region.maxX) * pixelSize, maxY: Float(region.maxY) * pixelSize))
    let imageWidth = image.width
    image.pixels.withUnsafeMutableBufferPointer { pixels in
      var lamp = (left: Float(0), right: Float(0))
      for y in part.y..<part.maxY {
        var target = ((y - originY) * imageWidth + part.x - originX) * 3
        for x in part.x..<part.maxX {
          var density = SIMD4<Float>.zero
          var contrast: Float = 0
          if let scene {
            let index = (y - region.y + margin) * scene.width + (x - region.x + margin)
            density = look.density(scene, index, stain: stain)
            if stain == .unstained {
              contrast = scene.mass.withUnsafeBufferPointer {
                $0.baseAddress.map { look.phaseContrast($0, index, width: scene.width) } ?? 0
              }
            }
          }
          let (placeX, placeY) = ((Float(x) + 0.5) * pixelSize, (Float(y) + 0.5) * pixelSize)
          for speck in specks { density += shadow(speck, placeX, placeY) }
          // The lamp's light varies over hundreds of microns: every sixteenth pixel will do.
          let stride = x & 15
          if stride == 0 || x == part.x {
            let left = Float(x - stride) * pixelSize
            lamp.left = look.illumination(x: left, y: placeY)
            lamp.right = look.illumination(x: left + 16 * pixelSize, y: placeY)
          }
          var light = look.glass * mix(lamp.left, lamp.right, Float(stride) * 0.0625)
          if density != .zero { light *= powerOfTen(-density) }
          light *= 1 - max(min(contrast, 0.75), -0.35)
          light += look.noise(x: x, y: y) * Photograph.noiseDeviation + 0.5
          pixels[target] = UInt8(min(max(light.x, 0), 255))
          pixels[target + 1] = UInt8(min(max(light.y, 0), 255))
          pixels[target + 2] = UInt8(min(max(light.z, 0), 255))
          target += 3
        }
      }
    }
  }

  /// The density of a speck at a place: soft, for dust lies above the focus.
  @inline(__always)
  private func shadow(_ speck: DustField.Speck, _ x: Float, _ y: Float) -> SIMD4<Float> {
    let dx = x - speck.x
    let dy = y - speck.y
    let along = (dx * speck.cosine + dy * speck.sine) / speck.stretch
    let across = dy * speck.cosine - dx * speck.sine
    // A hair is bent.
    let bent = speck.stretch > 2 ? across + 0.08 * along * along / speck.radius : across
    let distance = (along * along + bent * bent).squareRoot()
    let amount = 1 - smoothStep(speck.radius * 0.6, speck.radius * 1.3, distance)
    return SIMD4(0.9, 1, 1.05, 0) * (amount * speck.darkness)
  }
}

/// `10^x` for each lane, relative error below 3e-6; for `x` in -30…30.
///
/// The fraction by a Taylor polynomial of 2^f around 0, |f| <= 1/2: the first term left out is
/// (ln 2 / 2)^6 / 720 = 2.4e-6.
@inline(__always)
func powerOfTen(_ exponent: SIMD4<Float>) -> SIMD4<Float> {
  let scaled = exponent * 3.321_928_1
  // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits.
  let shifted = scaled + 12_582_912
  let f = scaled - (shifted - 12_582_912)
  var result = SIMD4<Float>(repeating: 0.001_333_355_8)
  result = result * f + 0.009_618_129
  result = result * f + 0.055_504_109
  result = result * f + 0.240_226_51
  result = result * f + 0.693_147_18
  result = result * f + 1
  let whole = unsafeBitCast(shifted, to: SIMD4<UInt32>.self) &- 0x4B40_0000
  return result * unsafeBitCast((whole &+ 127) &<< 23, to: SIMD4<Float>.self)
}
