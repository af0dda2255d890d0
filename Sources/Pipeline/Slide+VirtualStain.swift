import Pyramids
public import Slides

extension Slide {
  /// Whether the file says of itself that it is a virtual stain; what is made of its pixels is one too.
  public var isVirtualStain: Bool {
    properties.values.contains { $0.contains(PyramidDescription.virtualStainNotice) }
  }
}
