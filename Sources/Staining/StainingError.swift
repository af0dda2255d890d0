/// What can go wrong between two slides and a converted one.
public enum StainingError: Error, Hashable, Sendable {
  /// A file or folder that is to be read is not there.
  case missing(path: String)
  /// A data set whose index or tiles cannot be used.
  case malformedDataset(path: String, reason: String)
  /// A request that does not fit what the data set already is.
  case datasetConflict(path: String, problem: String, advice: String)
  /// A file of classes that cannot be used.
  case malformedClasses(path: String, reason: String)
  /// A label picture that does not show the slide, or has no classes.
  case unusableLabels(path: String, problem: String, advice: String)
  /// The data set holds that case already.
  case caseExists(path: String, name: String)
  /// A name that cannot be part of a file name.
  case unusableCaseName(name: String)
  /// Neighbouring tiles cannot share more than half of themselves.
  case unusableOverlap(overlap: Int, tileSize: Int)
  /// The registration has to be looked at before its tiles are used.
  case needsReview(path: String, reasons: [String])
  /// Too little tissue for a train, a validation and a test square.
  case tooLittleTissue(path: String, squareCount: Int)
  /// After a call a split has no tile.
  case emptySplit(path: String, split: String, leftOut: String)
  /// A model file that cannot be used.
  case malformedModel(path: String, reason: String)
  /// A file of PyTorch where a model of restain is expected.
  case foreignModel(path: String)
  /// A file that cannot be taken over as a model.
  case malformedCheckpoint(path: String, reason: String)
  /// A file that is not the one that its name tells.
  case wrongHash(path: String, expected: String, found: String)
  /// A model that does something else than what is asked of it.
  case unsupportedModel(path: String, architecture: String, problem: String)
  /// The slide is too coarse for the model.
  case tooCoarse(path: String, slideMicrons: Double, modelMicrons: Double)
  /// A region that lies outside the slide.
  case regionOutside(path: String, width: Int, height: Int)
  /// More states than can be kept.
  case trajectoryTooLarge(path: String, tileCount: Int)
  /// The network gave numbers that are no pixels.
  case notFinite(path: String, x: Int, y: Int)
  /// Training left the finite numbers.
  case diverged(step: Int, tiles: [String])
  /// A checkpoint that belongs to another training.
  case foreignCheckpoint(
    path: String, problem: String, advice: String = StainingError.otherTrainingAdvice)
  /// An unfinished conversion that belongs to other settings.
  case foreignProgress(path: String, problem: String)
  /// A file that cannot be written.
  case unwritable(path: String, reason: String)
}

extension StainingError: CustomStringConvertible {
  /// One line: the subject, the problem, the next step.
  public var description: String {
    switch self {
    case .missing(let path):
      "\(path): no such file or folder; check the path"
    case .malformedDataset(let path, let reason):
      "\(path): no usable data set (\(reason)); make it with restain tiles"
    case .datasetConflict(let path, let problem, let advice):
      "\(path): \(problem); \(advice)"
    case .malformedClasses(let path, let reason):
      "\(path): no usable list of classes (\(reason)); write objects with name and color, such as "
        + "{\"name\": \"stroma\", \"color\": [240, 150, 190]}"
    case .unusableLabels(let path, let problem, let advice):
      "\(path): \(problem); \(advice)"
    case .caseExists(let path, let name):
      "\(path): holds case \(name) already; pass --force to replace it or --case to name it otherwise"
    case .unusableCaseName(let name):
      "\(name): no usable case name; pass --case with letters, digits, dots, dashes or underscores"
    case .unusableOverlap(let overlap, let tileSize):
      "--overlap: \(overlap) is more than half of a tile of \(tileSize); pass at most \(tileSize / 2)"
    case .needsReview(let path, let reasons):
      "\(path): the registration needs review (\(reasons.joined(separator: ", "))); "
        + "look at its overlay and pass --force"
    case .tooLittleTissue(let path, let squareCount):
      "\(path): its tissue fits \(squareCount) squares of one tile, a split needs 3; "
        + "use a finer pixel size or --split-by case"
    case .emptySplit(let path, let split, let leftOut):
      "\(path): no tile for \(split) (left out: \(leftOut)); "
        + "use a finer --pixel-size, \(leftOut.contains("registered") ? "a larger --max-residual " : "")"
        + "or --split-by case"
    case .malformedModel(let path, let reason):
      "\(path): no usable model (\(reason)); copy it again or train it with restain train"
    case .foreignModel(let path):
      "\(path): a file of PyTorch, no model of restain; take it over with restain model import"
    case .malformedCheckpoint(let path, let reason):
      "\(path): cannot be taken over (\(reason)); save the network's state_dict() again"
    case .wrongHash(let path, let expected, let found):
      "\(path): its SHA-256 begins with \(found), not with \(expected) as its name tells; "
        + "fetch the file again"
    case .unsupportedModel(let path, let architecture, let problem):
      "\(path): a model of architecture \(architecture) \(problem); name another model"
    case .tooCoarse(let path, let slideMicrons, let modelMicrons):
      "\(path): \(Self.number(slideMicrons)) µm a pixel, but the model was trained at "
        + "\(Self.number(modelMicrons)) µm; pass --force or use a model of that pixel size"
    case .regionOutside(let path, let width, let height):
      "\(path): the region lies outside the slide of \(width) × \(height) pixels; correct --region"
    case .trajectoryTooLarge(let path, let tileCount):
      "\(path): \(tileCount) tiles are too many for pictures of every state; pass a smaller --region"
    case .notFinite(let path, let x, let y):
      "\(path): the network gives no number at tile (\(x), \(y)); the model is damaged, use another"
    case .diverged(let step, let tiles):
      "step \(step): the loss is no number any more on \(tiles.joined(separator: ", ")); "
        + "look at those tiles and lower --learning-rate"
    case .foreignCheckpoint(let path, let problem, let advice):
      "\(path): \(problem); \(advice)"
    case .foreignProgress(let path, let problem):
      "\(path): \(problem); repeat the first command or pass --force to start anew"
    case .unwritable(let path, let reason):
      "\(path): cannot be written (\(reason)); check the folder and its permissions"
    }
  }

  /// What helps where a checkpoint is another training's.
  public static let otherTrainingAdvice =
    "repeat the first command, or start anew with --force in place of --resume"

  private static func number(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }
}
