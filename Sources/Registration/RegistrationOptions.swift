/// How a registration is done; lengths are physical, one set serves every slide.
public struct RegistrationOptions: Sendable, Hashable {
  /// The pixel size that both sections are read at unless a finer registration is asked for, in microns.
  public static let workingPixelSize = 4.0
  /// The pixel size of a finer registration, in microns.
  public static let finePixelSize = 2.0

  /// Threads for the loops over pixels; the result does not depend on it.
  public var threadCount: Int
  /// Pixels between B-spline knots: 64 px are 256 µm at 4 µm a pixel; half as many from 8 µm on.
  public var knotPixels = 64
  /// What bending costs in square microns where every detail agrees; see ``FreeFormAlignment``.
  public var stiffness = 1000.0
  /// What says how like the sections are while they are bent.
  public var similarity = Similarity.combined
  /// The coarsest pixel size at which the section is bent, in microns.
  public var coarsestBend = 64.0
  /// Steps of the optimiser at each pixel size.
  public var maxIterations = 60

  /// A pixel size at which a section has more pixels is bent tile by tile, so that memory stays bounded.
  public var mostPixelsAtOnce = 2048 * 2048
  /// Pixels along the part of a tile that is kept.
  public var tilePixels = 768

  /// Makes the default options for a number of threads.
  public init(threadCount: Int = 1) { self.threadCount = threadCount }

  /// Measures of similarity; all of them ignore which of two stains is the darker.
  public enum Similarity: String, Sendable, Hashable, CaseIterable {
    /// The mean of what mutual information and local correlation find; local correlation alone where every
    /// detail agrees.
    case combined
    /// Squared correlation over a window of nine pixels.
    case localCorrelation = "local-correlation"
    /// Normalised gradient fields.
    case gradientField = "gradient-field"
    /// Mutual information of the densities.
    case mutualInformation = "mutual-information"
  }

  /// For straight maps.
  var straightMetric: MetricKind {
    similarity == .combined ? .combined : detailMetric
  }

  /// How sections are bent down to where detail begins, where a section's structures may differ from the
  /// other's; the mean of the maps is taken.
  var bendings: [Bending] {
    guard similarity == .combined else {
      return [Bending(metric: detailMetric, stiffness: stiffness)]
    }
    return [
      Bending(metric: .mutualInformation, stiffness: 30_000),
      Bending(metric: .localCorrelation(radius: Self.wideRadius), stiffness: 10_000),
    ]
  }

  /// For bending where every detail agrees.
  var detailMetric: MetricKind {
    switch similarity {
    case .localCorrelation, .combined: .localCorrelation(radius: Self.correlationRadius)
    case .gradientField: .gradientField
    case .mutualInformation: .mutualInformation
    }
  }

  private static let correlationRadius = 4
  /// Of sections that differ in every cell; 136 µm across at 8 µm a pixel.
  private static let wideRadius = 8
}

/// A way to bend one section onto another.
struct Bending {
  let metric: MetricKind
  /// What bending costs in square microns.
  let stiffness: Double
}
