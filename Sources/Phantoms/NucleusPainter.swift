import Foundation

/// The nuclei of a scene, painted pixel by pixel.
struct NucleusPlanes {
  /// How much of the pixel lies in a nucleus, 0…1.
  var cover: [Float]
  /// Chromatin, 1 = usual.
  var chromatin: [Float]
  /// Marker in the nucleus, 0…1.
  var marker: [Float]
  /// How much of the pixel lies in a red cell, 0…1.
  var blood: [Float]

  init(count: Int) {
    let none = [Float](repeating: 0, count: count)
    cover = none
    chromatin = none
    marker = none
    blood = none
  }
}

/// Paints nuclei into planes of one scene.
struct NucleusPainter {
  let chromatinNoise: GradientNoise
  /// Microns a pixel.
  let pixelSize: Float

  init(seed: UInt64, pixelSize: Float) {
    chromatinNoise = GradientNoise(seed: seed, purpose: 17, wavelength: 1.7)
    self.pixelSize = pixelSize
  }

  /// Adds one nucleus, its centre in pixels of the scene; `placesX` and `placesY` tell where each
  /// pixel's centre lies in the fixed frame, in microns.
  func paint(
    _ nucleus: Nucleus, center: (x: Float, y: Float), width: Int, height: Int,
    placesX: UnsafePointer<Float>, placesY: UnsafePointer<Float>, planes: inout NucleusPlanes
  ) {
    // 1.6: the warp's gradient stays below 0.7 in norm, and microns shrink by less than that.
    let reach = nucleus.reach / pixelSize * 1.6 + 2
    let left = max(0, Int(center.x - reach))
    let right = min(width - 1, Int(center.x + reach))
    let top = max(0, Int(center.y - reach))
    let bottom = min(height - 1, Int(center.y + reach))
    guard left <= right, top <= bottom else { return }
    let soft = max(nucleus.softness, pixelSize * 0.75)
    for row in top...bottom {
      for column in left...right {
        let index = row * width + column
        let dx = placesX[index] - nucleus.x
        let dy = placesY[index] - nucleus.y
        let along = (dx * nucleus.cosine + dy * nucleus.sine) / nucleus.halfLength
        let across = (dy * nucleus.cosine - dx * nucleus.sine) / nucleus.halfWidth
        guard abs(along) < 1.5, abs(across) < 1.9 else { continue }
        // Bend and taper turn the ellipse into a bean or a pear.
        let bent = across + nucleus.bend * (along * along - 0.4)
        let tapered = bent * (1 + nucleus.taper * along * 1.6)
        let radius = (along * along + tapered * tapered).squareRoot()
        let inward = (1 - radius) * nucleus.halfWidth * (radius > 0.2 ? 1 : 0.9)
        guard inward > -soft else { continue }
        let cover = smoothStep(-soft, soft, inward)
        if nucleus.kind == .bloodCell {
          let hollow = 0.78 + 0.3 * smoothStep(0.2, 0.8, radius)
          planes.blood[index] = max(planes.blood[index], cover * hollow * nucleus.stain)
          continue
        }
        let texture = chromatinNoise(
          dx * 1.0 + nucleus.textureOffset, dy + nucleus.textureOffset * 0.37)
        let rim = smoothStep(0.62, 0.92, radius)
        var amount = 0.80 + 0.22 * rim + 0.34 * texture
        amount -= nucleus.vesicular * 0.34 * (1 - rim)
        if nucleus.vesicular > 0.45 {
          // A nucleolus, off the middle.
          let spotX = dx - nucleus.bend * 6
          let spotY = dy - nucleus.taper * 6
          let spot = (spotX * spotX + spotY * spotY).squareRoot()
          amount += 0.55 * (1 - smoothStep(0.5, 1.1, spot))
        }
        let chromatin = max(amount, 0.25) * nucleus.stain * cover
        // Nuclei that overlap in the section's thickness darken each other a little.
        let before = planes.chromatin[index]
        planes.chromatin[index] = max(before, chromatin) + 0.3 * min(before, chromatin)
        planes.cover[index] = max(planes.cover[index], cover)
        planes.marker[index] = max(planes.marker[index], nucleus.marker * cover)
      }
    }
  }
}
