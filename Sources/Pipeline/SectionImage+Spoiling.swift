import Foundation
import Rasters
package import Registration

/// What happens to slides between the microtome and the scanner.
extension SectionImage {
  /// The middle of a pixel in microns.
  private func place(_ column: Int, _ row: Int) -> MicronPoint {
    MicronPoint(x: (Double(column) + 0.5) * pixelSize, y: (Double(row) + 0.5) * pixelSize)
  }

  private func with(_ image: RGBImage) -> SectionImage {
    SectionImage(image: image, pixelSize: pixelSize, frame: frame)
  }

  /// A pixel of clear glass with its noise: the slide's first corner, repeated.
  private func glass(_ column: Int, _ row: Int) -> [UInt8] {
    let side = min(24, image.width, image.height)
    let start = ((row % side) * image.width + column % side) * 3
    return Array(image.pixels[start..<start + 3])
  }

  private func edited(
    _ body: (_ column: Int, _ row: Int, _ color: inout [UInt8]) -> Void
  ) -> SectionImage {
    var result = image
    for row in 0..<image.height {
      for column in 0..<image.width {
        let start = (row * image.width + column) * 3
        var color = Array(result.pixels[start..<start + 3])
        body(column, row, &color)
        result.pixels.replaceSubrange(start..<start + 3, with: color)
      }
    }
    return with(result)
  }

  /// Glass wherever a point of the slide, in microns, is gone.
  func erased(where isGone: (MicronPoint) -> Bool) -> SectionImage {
    edited { column, row, color in
      if isGone(place(column, row)) { color = glass(column, row) }
    }
  }

  /// The same pixels under a frame that claims other microns for them.
  func claiming(pixelSizeTimes factor: Double) throws -> SectionImage {
    let size = PixelSize(x: frame.pixelSize.x * factor, y: frame.pixelSize.y * factor)
    return try SectionImage(
      reading: image, sourcePixelSize: PixelSize(pixelSize * factor),
      frame: SectionFrame(
        name: frame.name, width: frame.width, height: frame.height, pixelSize: size),
      pixelSize: pixelSize)
  }

  /// The same ground from a scanner with another pixel size.
  func scanned(pixelSize scanner: Double) throws -> SectionImage {
    // Read back from what that scanner's level near the working pixel size would hold.
    let level = pixelSize * 0.69
    let finer = ResampledSource(
      image, ratio: (level / pixelSize, level / pixelSize),
      width: Int((frame.extent.x / level).rounded()),
      height: Int((frame.extent.y / level).rounded()))
    return try SectionImage(
      reading: finer, sourcePixelSize: PixelSize(level),
      frame: SectionFrame(
        name: frame.name, width: Int((frame.extent.x / scanner).rounded()),
        height: Int((frame.extent.y / scanner).rounded()), pixelSize: PixelSize(scanner)),
      pixelSize: pixelSize)
  }

  /// Bare glass, larger on every side.
  func onLargerSlide(margin: Double) -> SectionImage {
    let extra = Int((margin / frame.pixelSize.x).rounded()) * 2
    let frame = SectionFrame(
      name: frame.name, width: frame.width + extra, height: frame.height + extra,
      pixelSize: frame.pixelSize)
    let size = Self.size(of: frame, pixelSize: pixelSize)
    var larger = RGBImage(width: size.width, height: size.height)
    for row in 0..<size.height {
      for column in 0..<size.width {
        let start = (row * size.width + column) * 3
        larger.pixels.replaceSubrange(start..<start + 3, with: glass(column, row))
      }
    }
    return SectionImage(image: larger, pixelSize: pixelSize, frame: frame)
  }

  /// This slide with another section's pixels, each read bilinearly at its place there; glass where none is.
  func redrawn(
    from source: SectionImage, _ original: (MicronPoint) -> MicronPoint?
  ) -> SectionImage {
    edited { column, row, color in
      let point = original(place(column, row))
      color = point.flatMap { source.color(at: $0) } ?? source.glass(column, row)
    }
  }

  private func color(at point: MicronPoint) -> [UInt8]? {
    let x = point.x / pixelSize - 0.5
    let y = point.y / pixelSize - 0.5
    let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
    guard left >= 0, top >= 0, left + 1 < image.width, top + 1 < image.height else { return nil }
    let (across, down) = (x - Double(left), y - Double(top))
    return (0..<3).map { channel in
      func value(_ dx: Int, _ dy: Int) -> Double {
        Double(image.pixels[((top + dy) * image.width + left + dx) * 3 + channel])
      }
      let upper = value(0, 0) + across * (value(1, 0) - value(0, 0))
      let lower = value(0, 1) + across * (value(1, 1) - value(0, 1))
      return UInt8((upper + down * (lower - upper) + 0.5).rounded(.down))
    }
  }

  /// A flap right of the middle turned over onto what lies left of the fold; light passes both.
  package func folded(width: Double) -> SectionImage {
    let fold = frame.extent.x * 0.6
    let whole = self
    return edited { column, row, color in
      let point = place(column, row)
      if point.x > fold, point.x < fold + width { color = glass(column, row) }
      guard point.x < fold, point.x > fold - width,
        let flap = whole.color(at: MicronPoint(x: 2 * fold - point.x, y: point.y))
      else { return }
      let clear = glass(column, row)
      for channel in 0..<3 {
        // Specks may be brighter than the glass.
        color[channel] = UInt8(
          min(255, Int(color[channel]) * Int(flap[channel]) / max(1, Int(clear[channel]))))
      }
    }
  }

  /// Strokes of three pens, 70 µm wide.
  func written() -> SectionImage {
    let side = min(frame.extent.x, frame.extent.y)
    let pens: [(y: Double, color: [UInt8])] = [
      (0.30, [30, 60, 170]), (0.52, [25, 120, 60]), (0.74, [18, 16, 20]),
    ]
    return edited { column, row, color in
      let point = place(column, row)
      for pen in pens {
        let line = side * (pen.y + 0.05 * sin(point.x / side * 9))
        if abs(point.y - line) < 35, point.x > 0.1 * side, point.x < 0.62 * side {
          color = pen.color
        }
      }
    }
  }

  /// A white label with print along the left side, a dark edge above and below.
  func labelled() -> SectionImage {
    let extent = frame.extent
    return edited { column, row, color in
      let point = place(column, row)
      if point.x < 0.1 * extent.x {
        let isPrint = Int(point.y / 60) % 3 == 0 && Int(point.x / 25) % 2 == 0
        color = isPrint ? [20, 20, 22] : [250, 250, 248]
      }
      if point.y < 40 || point.y > extent.y - 40 { color = [12, 11, 13] }
    }
  }

  /// A share of the stain's density.
  func faded(to share: Double) -> SectionImage {
    edited { column, row, color in
      let clear = glass(column, row)
      for channel in 0..<3 {
        let ratio = Double(color[channel]) / Double(max(1, clear[channel]))
        color[channel] = UInt8(
          min(255, (Double(clear[channel]) * pow(ratio, share) + 0.5).rounded(.down)))
      }
    }
  }

  /// Two box means of a width, one after another.
  func blurred(microns: Double) -> SectionImage {
    let radius = max(1, Int((microns / pixelSize / 2).rounded()))
    var source = image
    for _ in 0..<2 {
      let before = source
      for row in 0..<before.height {
        for column in 0..<before.width {
          for channel in 0..<3 {
            var sum = 0
            var count = 0
            for y in max(0, row - radius)...min(before.height - 1, row + radius) {
              for x in max(0, column - radius)...min(before.width - 1, column + radius) {
                sum += Int(before.pixels[(y * before.width + x) * 3 + channel])
                count += 1
              }
            }
            source.pixels[(row * before.width + column) * 3 + channel] = UInt8(sum / count)
          }
        }
      }
    }
    return with(source)
  }
}
