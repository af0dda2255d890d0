/// What can be wrong with the wish for a phantom.
public enum PhantomError: Error, Hashable, Sendable {
  /// The side is too small to hold tissue, or too large for a pyramid.
  case unusableSize(pixels: Int)
  /// The pixel size is not one a microscope has.
  case unusablePixelSize(microns: Double)
  /// The share of missing tissue lies outside 0…0.9.
  case unusableMissingShare(Double)
  /// A rotation or shift that is no finite number, or a shift beyond the slide.
  case unusablePlacement(String)
  /// The warp would fold the tissue; `largest` is what this phantom allows.
  case foldingWarp(microns: Double, largest: Double)
}

extension PhantomError: CustomStringConvertible {
  /// One line: subject, problem, next step.
  public var description: String {
    switch self {
    case .unusableSize(let pixels):
      "--size \(pixels): a phantom has 256 to 100000 pixels a side; choose a size in between"
    case .unusablePixelSize(let microns):
      "--pixel-size \(microns): outside 0.1 to 4 µm; choose a pixel size in between"
    case .unusableMissingShare(let share):
      "--missing \(share): outside 0 to 0.9; choose a share in between"
    case .unusablePlacement(let problem):
      "\(problem); choose a smaller value"
    case .foldingWarp(let microns, let largest):
      "--warp \(microns): folds the tissue; pass --warp \(largest) or less, or a larger --size"
    }
  }
}
