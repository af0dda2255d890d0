public import Settings

/// What is asked of a run: one moving section, with or without its H&E, into a case's folder.
public struct CaseRequest: Sendable {
  /// The case's name; the folder and the manifest carry it.
  public var caseName: String
  /// The folder that holds the case's folder.
  public var outputFolder: String
  /// The slide to convert.
  public var moving: String
  /// Its serial H&E slide.
  public var fixed: String?
  /// The model; without one nothing is converted.
  public var model: String?
  /// Microns a pixel of the moving slide, where the command line names it.
  public var movingPixelSize: Double?
  /// Microns a pixel of the fixed slide, where the command line names it.
  public var fixedPixelSize: Double?
  /// Everything else that shapes the outputs.
  public var configuration: Configuration
  /// restain's version.
  public var program: String
  /// Whether a case of other slides and outputs of other settings may be replaced, and whether a
  /// registration that needs review is used all the same.
  public var isForced: Bool

  /// Makes a request.
  public init(
    caseName: String, outputFolder: String, moving: String, fixed: String?, model: String?,
    movingPixelSize: Double?, fixedPixelSize: Double?, configuration: Configuration,
    program: String, isForced: Bool
  ) {
    self.caseName = caseName
    self.outputFolder = outputFolder
    self.moving = moving
    self.fixed = fixed
    self.model = model
    self.movingPixelSize = movingPixelSize
    self.fixedPixelSize = fixedPixelSize
    self.configuration = configuration
    self.program = program
    self.isForced = isForced
  }

  /// The case's folder.
  public var folder: String { "\(outputFolder)/\(caseName)" }
  /// The moving section's name.
  public var section: String { FileNames.stem(moving) }
}
