public import Networks

/// What a model file says about its network, so that using it needs no options.
public struct ModelCard: Codable, Equatable, Sendable {
  /// The networks that a card can name.
  public enum Architecture: String, Codable, Hashable, Sendable, CaseIterable {
    /// The U-Net of pix2pix with eight halvings, any base width.
    case pix2pix = "pix2pix-unet256"
    /// A Schrödinger bridge on a diffusion U-Net.
    case bridge = "i2sb"
    /// A U-Net that names the tissue of every pixel.
    case segmenter = "segmenter-unet"
    /// Gives back what it gets; for tests of everything around a network.
    case identity
  }

  /// The network.
  public var architecture: Architecture
  /// Channels of the first layer; 0 for an identity.
  public var baseChannels: Int
  /// The network and the walk of a bridge; nil for other networks.
  public var bridge: Bridge?
  /// The classes of a segmenter in the order of its outputs; nil for other networks.
  public var classes: [LabelClass]?
  /// Which statistics normalise; a bridge's groups are always those of each tile, `reference`.
  public var normalization: NormalizationMode
  /// Microns a pixel that the network was trained at.
  public var pixelSizeMicrons: Double
  /// The stain that it takes, such as `ihc`.
  public var fromStain: String
  /// The stain that it gives, such as `he`.
  public var toStain: String
  /// How it was trained; nothing for imported weights.
  public var training: Training?
  /// The version of the program that wrote it.
  public var restainVersion: String

  /// Describes a network.
  public init(
    architecture: Architecture, baseChannels: Int, bridge: Bridge? = nil,
    classes: [LabelClass]? = nil, normalization: NormalizationMode, pixelSizeMicrons: Double,
    fromStain: String,
    toStain: String, training: Training? = nil, restainVersion: String
  ) {
    self.bridge = bridge
    self.classes = classes
    self.architecture = architecture
    self.baseChannels = baseChannels
    self.normalization = normalization
    self.pixelSizeMicrons = pixelSizeMicrons
    self.fromStain = fromStain
    self.toStain = toStain
    self.training = training
    self.restainVersion = restainVersion
  }

  /// What a bridge is made of, and how it is walked unless a conversion says otherwise.
  public struct Bridge: Codable, Equatable, Sendable {
    /// The network's form.
    public var network: DiffusionConfiguration
    /// The noise that it was trained with.
    public var schedule: BridgeSchedule
    /// How often the network is asked for a tile.
    public var evaluations: Int
    /// How the bridge is walked.
    public var sampler: BridgeSampler.Kind

    /// Describes a bridge.
    public init(
      network: DiffusionConfiguration, schedule: BridgeSchedule, evaluations: Int = 10,
      sampler: BridgeSampler.Kind = .ddpm
    ) {
      self.network = network
      self.schedule = schedule
      self.evaluations = evaluations
      self.sampler = sampler
    }

    private enum CodingKeys: String, CodingKey {
      case network, schedule, sampler
      case evaluations = "steps"
    }
  }

  /// How a model came about.
  public struct Training: Codable, Equatable, Sendable {
    /// The data, one entry a data set.
    public var data: [Data]
    /// Seed of weights, order and turns.
    public var seed: UInt64
    /// The steps that set the schedule.
    public var totalSteps: Int
    /// The step after which these weights were kept.
    public var step: Int
    /// Tiles a step.
    public var batchSize: Int
    /// Channels of the discriminator's first layer, where there was one.
    public var discriminatorChannels: Int?
    /// Edge of the squares cut out of the tiles, where they were not whole.
    public var cropSize: Int?
    /// The step size at the start.
    public var learningRate: Double
    /// Weight of the mean absolute difference, where there was one.
    public var l1Weight: Double?
    /// Whether that difference was taken at several scales; nil for no.
    public var hasMultiScaleL1: Bool?
    /// Decay of the running average that these weights are; nil where they are the last ones.
    public var averageDecay: Double?
    /// The figures on the validation tiles.
    public var validation: ModelFigures?

    /// Describes a training.
    public init(
      data: [Data], seed: UInt64, totalSteps: Int, step: Int, batchSize: Int,
      discriminatorChannels: Int? = nil, cropSize: Int? = nil, learningRate: Double,
      l1Weight: Double? = nil, hasMultiScaleL1: Bool? = nil, averageDecay: Double? = nil,
      validation: ModelFigures?
    ) {
      self.cropSize = cropSize
      self.data = data
      self.seed = seed
      self.totalSteps = totalSteps
      self.step = step
      self.batchSize = batchSize
      self.discriminatorChannels = discriminatorChannels
      self.learningRate = learningRate
      self.l1Weight = l1Weight
      self.hasMultiScaleL1 = hasMultiScaleL1
      self.averageDecay = averageDecay
      self.validation = validation
    }

    private enum CodingKeys: String, CodingKey {
      case data, seed, step, validation
      case totalSteps = "total_steps"
      case batchSize = "batch"
      case discriminatorChannels = "discriminator_channels"
      case cropSize = "crop"
      case learningRate = "learning_rate"
      case l1Weight = "l1_weight"
      case hasMultiScaleL1 = "multi_scale_l1"
      case averageDecay = "average_decay"
    }
  }

  /// A data set that a model has seen.
  public struct Data: Codable, Equatable, Sendable {
    /// SHA-256 of the names and sizes of its tiles and of its index.
    public var hash: String
    /// Its cases.
    public var cases: [String]
    /// Training tiles.
    public var trainTiles: Int
    /// Validation tiles.
    public var validationTiles: Int

    /// Describes a data set.
    public init(hash: String, cases: [String], trainTiles: Int, validationTiles: Int) {
      self.hash = hash
      self.cases = cases
      self.trainTiles = trainTiles
      self.validationTiles = validationTiles
    }

    private enum CodingKeys: String, CodingKey {
      case hash, cases
      case trainTiles = "train_tiles"
      case validationTiles = "val_tiles"
    }
  }

  private enum CodingKeys: String, CodingKey {
    case architecture, bridge, classes, normalization, training
    case baseChannels = "base_channels"
    case pixelSizeMicrons = "pixel_size_um"
    case fromStain = "from"
    case toStain = "to"
    case restainVersion = "restain_version"
  }
}

/// How near generated tiles come to the real ones.
public struct ValidationFigures: Codable, Equatable, Sendable {
  /// Mean absolute difference, in units of [−1, 1].
  public var l1: Double
  /// Peak signal to noise over all pixels of all tiles, in dB.
  public var peakSignalToNoise: Double
  /// Mean structural similarity of the tiles.
  public var structuralSimilarity: Double
  /// Tiles compared.
  public var tileCount: Int

  /// Gathers the figures.
  public init(
    l1: Double, peakSignalToNoise: Double, structuralSimilarity: Double, tileCount: Int
  ) {
    self.l1 = l1
    self.peakSignalToNoise = peakSignalToNoise
    self.structuralSimilarity = structuralSimilarity
    self.tileCount = tileCount
  }

  /// What a training takes for nearer.
  ///
  /// Which one is better depends on the training. Over 24,000 steps on six phantoms SSIM went on rising long
  /// after L1 was at its least; over 6,000 steps on three (12 validation tiles) the mixture would have
  /// kept step 1500 (23.9 dB, SSIM 0.726) where L1 kept step 3000 (24.4 dB, 0.720).
  public enum Criterion: String, CaseIterable, Codable, Sendable {
    /// The mean absolute difference alone. It prefers smooth pictures.
    case l1
    /// `0.84 · (1 − SSIM) + 0.16 · L1 / 2`: structure above all, with the mean difference (of pictures in
    /// [0, 1]) against drifting colours.
    ///
    /// Reference: the weights of Zhao et al. 2017, "Loss functions for image restoration with neural
    /// networks", IEEE TCI 3(1), there with the multi-scale form of SSIM.
    case mixture
  }

  /// The distance from the real tiles by a criterion; less is better.
  public func distance(by criterion: Criterion) -> Double {
    switch criterion {
    case .mixture: 0.84 * (1 - structuralSimilarity) + 0.16 * l1 / 2
    case .l1: l1
    }
  }

  private enum CodingKeys: String, CodingKey {
    case l1
    case peakSignalToNoise = "psnr"
    case structuralSimilarity = "ssim"
    case tileCount = "tiles"
  }
}
