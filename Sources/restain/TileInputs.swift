import CommandLineKit
import Registration
import Slides
import Staining

/// What a tile data set is made of: registered sections, or a section and its labels.
enum TileInputs {
  case sections(PairedDatasetMaker.Sections)
  case labelled(PairedDatasetMaker.Labelled)

  /// Opens what the options name; those of the other kind are a mistake.
  init(_ context: CommandContext) throws {
    let verb = TilesCommand.self
    guard let path = context[verb.labels] else {
      if context.isGiven(verb.classes) {
        throw UsageError.conflict(
          subject: "--classes", problem: "they are those of labels, and none are given",
          advice: "pass --labels too")
      }
      guard let moving = context[verb.moving] else { throw Self.missing("moving", "IHC") }
      guard let transform = context[verb.transform] else { throw Self.missing("transform", "T") }
      self = .sections(
        PairedDatasetMaker.Sections(
          fixed: try context.openSlide(
            context[verb.fixed], pixelSize: SharedOptions.fixedPixelSize),
          moving: try context.openSlide(moving, pixelSize: SharedOptions.movingPixelSize),
          transform: try TransformInputs.transform(transform), transformPath: transform))
      return
    }
    let useless = [
      (context.isGiven(verb.moving), "--moving"), (context.isGiven(verb.transform), "--transform"),
      (context.isGiven(verb.maxResidual), "--max-residual"),
      (context.isGiven(SharedOptions.movingPixelSize), "--moving-pixel-size"),
    ]
    if let option = useless.first(where: { $0.0 })?.1 {
      throw UsageError.conflict(
        subject: option, problem: "labels lie in the frame of the fixed slide",
        advice: "leave \(option) or --labels out")
    }
    let classes = try context[verb.classes].map { try LabelClasses.read(path: $0) }
    try Files.requireInput(path)
    self = .labelled(
      PairedDatasetMaker.Labelled(
        fixed: try context.openSlide(context[verb.fixed], pixelSize: SharedOptions.fixedPixelSize),
        labels: try LabelMap(path: path), classes: classes))
  }

  private static func missing(_ name: String, _ placeholder: String) -> UsageError {
    .missingOption(option: "--" + name, placeholder: placeholder, command: "tiles")
  }

  /// The slides that are read tile by tile.
  var slides: [Slide] {
    switch self {
    case .sections(let sections): [sections.fixed, sections.moving]
    case .labelled(let labelled): [labelled.fixed]
    }
  }

  /// Adds the case.
  func add(
    with maker: PairedDatasetMaker, progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> (index: DatasetIndex, added: DatasetIndex.Case) {
    switch self {
    case .sections(let sections): try maker.add(sections, progress: progress)
    case .labelled(let labelled): try maker.add(labelled, progress: progress)
    }
  }
}
