public import Settings

/// What a slide's name and place tell about it.
public struct Section: Sendable, Equatable {
  /// The slide.
  public let path: String
  /// The name of its case: the pattern's block, else the folder's name, else the file's stem.
  public let block: String
  /// The stain as the name writes it.
  public let stain: String
  /// The kind of the stain; nil if the configuration knows none for it.
  public let kind: String?
  /// What sections of one case share: the folder and the block.
  public let group: String

  /// Reads a slide's name.
  ///
  /// - Parameters:
  ///   - sighting: The slide.
  ///   - configuration: Pattern and stains.
  public init(_ sighting: SlideSighting, configuration: Configuration) {
    path = sighting.path
    let parts = configuration.namePattern?.parts(ofStem: sighting.stem)
    block = parts?.block ?? sighting.folder ?? sighting.stem
    // In a folder of its own a section may be called by its stain alone: HE.svs, CK7.svs.
    stain = parts?.stain ?? sighting.stem
    kind = configuration.kind(ofStain: stain)
    group = "\(sighting.folder ?? "")/\(block)"
  }

  /// Whether it is the fixed section of its case.
  public var isFixed: Bool { kind == Configuration.fixedKind }
}
