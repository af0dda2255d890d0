import Phantoms
import Rasters
import Registration
import Testing

@Suite("Sections whose structures differ")
struct DistantSectionsTests {
  private func images(_ sections: DistantSections) -> (fixed: SectionImage, moving: SectionImage) {
    func image(_ picture: RGBImage) -> SectionImage {
      SectionImage(
        image: picture, pixelSize: DistantSections.pixelSize,
        frame: SectionFrame(
          name: "section", width: picture.width, height: picture.height,
          pixelSize: PixelSize(DistantSections.pixelSize)))
    }
    return (image(sections.fixed), image(sections.moving))
  }

  /// Places within the middle of the frame whose truth lies on the moving section, too.
  private func places(
    _ sections: DistantSections, margin: Double = 300
  ) -> [(place: MicronPoint, truth: MicronPoint)] {
    let span = margin..<DistantSections.extent - margin
    return stride(from: span.lowerBound, to: span.upperBound, by: 80).flatMap { y in
      stride(from: span.lowerBound, to: span.upperBound, by: 80).compactMap { x in
        let place = MicronPoint(x: x, y: y)
        let truth = sections.movingPoint(place)
        return span.contains(truth.x) && span.contains(truth.y) ? (place, truth) : nil
      }
    }
  }

  private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  @Test(
    "lie on each other within their distance in the block, and both directions agree",
    arguments: [DistantSections.Tissue.spongy, .glandular])
  func directions(tissue: DistantSections.Tissue) throws {
    let depth = 15.0
    let sections = try DistantSections(tissue: tissue, depthMicrons: depth, seed: 12)
    let (fixed, moving) = images(sections)
    let options = RegistrationOptions(threadCount: 2)
    let there = SectionRegistration.register(fixed: fixed, moving: moving, options: options)
    let back = SectionRegistration.register(fixed: moving, moving: fixed, options: options)
    let places = places(sections)
    let errors = places.map { there.transform.movingPoint(for: $0.place).distance(to: $0.truth) }
    // A border at 45° moves by the depth: what is matched border by border is not further off.
    #expect(median(errors) < depth)
    let straight = SectionTransform(
      fixed: there.transform.fixed, moving: there.transform.moving, affine: there.transform.affine)
    let straightErrors = places.map { straight.movingPoint(for: $0.place).distance(to: $0.truth) }
    #expect(median(errors) < median(straightErrors))
    // The two maps are averaged at 8 µm a pixel; the straight parts and the detail at 4 µm, which each way finds
    // by itself, may differ within such a pixel.
    let disagreements = places.map {
      there.transform.movingPoint(for: $0.place).distance(
        to: back.transform.fixedPoint(for: $0.place))
    }
    #expect(median(disagreements) < 2 * DistantSections.pixelSize)
  }

  @Test("are found near the edges as well where a ground that was not scanned surrounds them")
  func ground() throws {
    // One pair scatters by a tenth either way.
    let errors = try [12, 14, 16].map(edgeErrors)
    let grounded = errors.reduce(0) { $0 + $1.grounded }
    #expect(grounded < 1.07 * errors.reduce(0) { $0 + $1.plain }, "\(errors)")
  }

  /// The median errors near the edges with and without a ground around the moving section, in microns.
  private func edgeErrors(seed: UInt64) throws -> (grounded: Double, plain: Double) {
    let sections = try DistantSections(tissue: .glandular, depthMicrons: 15, seed: seed)
    let (fixed, moving) = images(sections)
    let border = 60
    var picture = RGBImage(
      width: moving.image.width + 2 * border, height: moving.image.height + 2 * border,
      filledWith: RGBColor(red: 128, green: 128, blue: 128))
    picture.paste(moving.image, x: border, y: border)
    let ground = SectionImage(
      image: picture, pixelSize: DistantSections.pixelSize,
      frame: SectionFrame(
        name: "ground", width: picture.width, height: picture.height,
        pixelSize: PixelSize(DistantSections.pixelSize)))
    let inner = 250..<DistantSections.extent - 250
    let places = places(sections, margin: 40).filter {
      !inner.contains($0.truth.x) || !inner.contains($0.truth.y)
    }
    func error(_ moving: SectionImage, border: Int) -> Double {
      let map = SectionRegistration.register(
        fixed: fixed, moving: moving, options: RegistrationOptions(threadCount: 2)
      ).transform
      let shift = Double(border) * DistantSections.pixelSize
      return median(
        places.map {
          let found = map.movingPoint(for: $0.place)
          return MicronPoint(x: found.x - shift, y: found.y - shift).distance(to: $0.truth)
        })
    }
    return (error(ground, border: border), error(moving, border: 0))
  }

  @Test("are found better by gradients and densities together than by local correlation")
  func metrics() throws {
    let sections = try DistantSections(tissue: .spongy, depthMicrons: 35, seed: 12)
    let (fixed, moving) = images(sections)
    let places = places(sections)
    func error(_ similarity: RegistrationOptions.Similarity) -> Double {
      var options = RegistrationOptions(threadCount: 2)
      options.similarity = similarity
      let map = SectionRegistration.register(
        fixed: fixed, moving: moving, options: options
      ).transform
      return median(places.map { map.movingPoint(for: $0.place).distance(to: $0.truth) })
    }
    #expect(error(.combined) < error(.localCorrelation))
  }
}
