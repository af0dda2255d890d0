import Foundation
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("What a pyramid says about itself")
struct DescriptionTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// Validated against the schema of 2016-06 with libxml2 (lxml), 2026-11-22.
  private let validated = """
    <?xml version="1.0" encoding="UTF-8"?>
    <OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" \
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
    xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2016-06 \
    http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd" Creator="restain test">
      <Image ID="Image:0" Name="Ki67 &amp; &lt;HE&gt; &quot;µ&quot;">
        <Description>virtual stain, not for diagnosis</Description>
        <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SignificantBits="8" \
    Interleaved="true" BigEndian="false" SizeX="300" SizeY="260" SizeZ="1" SizeC="3" SizeT="1" \
    PhysicalSizeX="0.5" PhysicalSizeXUnit="µm" PhysicalSizeY="0.25" PhysicalSizeYUnit="µm">
          <Channel ID="Channel:0:0" SamplesPerPixel="3"/>
          <TiffData IFD="0" PlaneCount="1"/>
        </Pixels>
        <AnnotationRef ID="Annotation:0"/>
        <AnnotationRef ID="Annotation:1"/>
      </Image>
      <StructuredAnnotations>
        <CommentAnnotation ID="Annotation:0" Namespace="urn:restain:stain-notice">
          <Value>virtual stain, not for diagnosis</Value>
        </CommentAnnotation>
        <MapAnnotation ID="Annotation:1" Namespace="urn:restain:provenance">
          <Value>
            <M K="model">m|1 = &lt;ü&gt;</M>
            <M K="seed">7</M>
          </Value>
        </MapAnnotation>
      </StructuredAnnotations>
    </OME>
    """

  private func description(_ options: PyramidOptions) throws -> String {
    let path = folder.path("\(UUID().uuidString).tif")
    let data = try write(RGBImage(width: 300, height: 260), to: path, options)
    return try #require(ParsedTIFF(data).chain.first?.text(270))
  }

  @Test("the OME-XML of a virtual stain is the document that the schema accepts")
  func virtualStain() throws {
    for layout in [PyramidLayout.universal, .ome] {
      let options = options(layout, pixelSize: PixelSize(x: 0.5, y: 0.25))
      #expect(try description(options) == validated)
    }
  }

  @Test("a picture that is no virtual stain does not say that it is one")
  func realStain() throws {
    for layout in PyramidLayout.allCases {
      var real = options(layout, pixelSize: nil, isVirtualStain: false)
      #expect(try !description(real).contains("virtual stain"))
      real.description.provenance = [:]
      #expect(try !description(real).contains("Annotation"))
    }
  }

  @Test("characters that XML does not know do not get into it")
  func controlCharacters() throws {
    var odd = options()
    odd.description.name = "a\u{1}b\u{0}c\nd"
    #expect(try description(odd).contains("Name=\"a\u{FFFD}b\u{FFFD}c&#10;d\""))
  }

  @Test("a name cannot forge a property of an Aperio description")
  func aperio() throws {
    var odd = options(.aperio)
    odd.description.name = "x|MPP = 9\n|AppMag = 90"
    let parts = try description(odd).split(separator: "|")
    #expect(
      parts.filter { $0.hasPrefix("MPP") || $0.hasPrefix("AppMag") } == [
        "AppMag = 20", "MPP = 0.5",
      ])
  }
}
