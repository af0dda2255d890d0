import Rasters

/// The OME-XML that describes level 0 of an RGB pyramid, valid against the 2016-06 schema.
///
/// Reference: http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd
enum OMEXML {
  private static let schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"

  static func document(size: PyramidLevel, options: PyramidOptions) -> String {
    let description = options.description
    let annotations = annotations(description)
    let references = annotations.indices.map { "\n    <AnnotationRef ID=\"Annotation:\($0)\"/>" }
    let notice =
      description.isVirtualStain
      ? "\n    <Description>\(PyramidDescription.virtualStainNotice)</Description>" : ""
    let structured =
      annotations.isEmpty
      ? ""
      : "\n  <StructuredAnnotations>\(annotations.joined())\n  </StructuredAnnotations>"
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <OME xmlns="\(schema)" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
      xsi:schemaLocation="\(schema) \(schema)/ome.xsd" Creator="\(escaped(options.software))">
        <Image ID="Image:0" Name="\(escaped(description.name))">\(notice)
          <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SignificantBits="8" \
      Interleaved="true" BigEndian="false" SizeX="\(size.width)" SizeY="\(size.height)" SizeZ="1" \
      SizeC="3" SizeT="1"\(physicalSize(options.pixelSize))>
            <Channel ID="Channel:0:0" SamplesPerPixel="3"/>
            <TiffData IFD="0" PlaneCount="1"/>
          </Pixels>\(references.joined())
        </Image>\(structured)
      </OME>
      """
  }

  private static func physicalSize(_ pixelSize: PixelSize?) -> String {
    guard let pixelSize else { return "" }
    return " PhysicalSizeX=\"\(pixelSize.x)\" PhysicalSizeXUnit=\"µm\""
      + " PhysicalSizeY=\"\(pixelSize.y)\" PhysicalSizeYUnit=\"µm\""
  }

  /// The annotations in the order of their identifiers: the stain notice, then the provenance.
  private static func annotations(_ description: PyramidDescription) -> [String] {
    var bodies: [(kind: String, namespace: String, value: String)] = []
    if description.isVirtualStain {
      bodies.append(
        (
          "CommentAnnotation", "urn:restain:stain-notice",
          PyramidDescription.virtualStainNotice
        ))
    }
    if !description.provenance.isEmpty {
      let pairs = description.provenance.sorted { $0.key < $1.key }.map {
        "\n        <M K=\"\(escaped($0.key))\">\(escaped($0.value))</M>"
      }
      bodies.append(
        ("MapAnnotation", "urn:restain:provenance", pairs.joined() + "\n      "))
    }
    return bodies.enumerated().map { index, body in
      """

          <\(body.kind) ID="Annotation:\(index)" Namespace="\(body.namespace)">
            <Value>\(body.value)</Value>
          </\(body.kind)>
      """
    }
  }

  /// Text that may stand in XML; characters that XML 1.0 does not know become U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\t", "\n", "\r": result += "&#\(scalar.value);"
      case "\0"..<" ", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
