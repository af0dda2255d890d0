public import Tensors

/// What the network of FID is made of, as a table: windows by name, and how they are wired.
///
/// The weights of 2015 as PyTorch holds them. Three things are not as in torchvision's Inception: the means
/// around pixels do not count zeros beyond the border, the last block pools by the largest, and there are
/// 1008 classes. Reference: github.com/mseitzer/pytorch-fid, src/pytorch_fid/inception.py; Szegedy et al. 2016,
/// arXiv:1512.00567.
public enum InceptionLayout {
  /// A convolution with its normalisation and rectification.
  public struct Window: Sendable, Hashable {
    /// The name within its stage.
    public let name: String
    /// Channels that the published network gives; a file's tensors may give fewer.
    public let width: Int
    /// Taps down.
    public let rows: Int
    /// Taps across.
    public let columns: Int
    /// Pixels from one window to the next.
    public let stride: Int
    /// Whether zeros around the map keep its size.
    public let isPadded: Bool
  }

  /// One step of a branch.
  public enum Step: Sendable, Hashable {
    /// A convolution.
    case window(Window)
    /// Convolutions of one map, their channels side by side.
    case fork([Window])
    /// A pooling.
    case pool(Pooling)

    /// Its convolutions.
    var windows: [Window] {
      switch self {
      case .window(let window): [window]
      case .fork(let windows): windows
      case .pool: []
      }
    }
  }

  /// Branches that all take one map; their channels lie side by side in the given order.
  public struct Stage: Sendable, Hashable {
    /// What stands before the names of its windows; empty for the stem.
    public let name: String
    /// Step after step, branch by branch.
    public let branches: [[Step]]
    /// Whether its maps have so few pixels that reading weights takes the time.
    public let isSmall: Bool

    /// The full name of a window's tensors, without their last part.
    func fullName(_ window: Window) -> String {
      name.isEmpty ? window.name : "\(name).\(window.name)"
    }
  }

  /// The side of the pictures, in pixels.
  public static let side = 299
  /// What is added to variances.
  static let epsilon: Float = 0.001
  /// Classes of the published network.
  static let classCount = 1008
  /// Features of the published network.
  static let featureCount = 2048

  /// All stages in order.
  public static let stages: [Stage] =
    [stem] + [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)].map(blockA) + [blockB]
    + [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)].map(blockC)
    + [blockD, blockE("Mixed_7b", .centredMean), blockE("Mixed_7c", .centredMaximum)]

  private static func window(
    _ name: String, _ width: Int, _ rows: Int, _ columns: Int, stride: Int = 1,
    isPadded: Bool = true
  ) -> Step {
    .window(
      Window(
        name: name, width: width, rows: rows, columns: columns, stride: stride, isPadded: isPadded)
    )
  }

  /// 3 × 3 taps, every second pixel.
  private static func halving(_ name: String, _ width: Int) -> Step {
    window(name, width, 3, 3, stride: 2, isPadded: false)
  }

  private static let stem = Stage(
    name: "",
    branches: [
      [
        halving("Conv2d_1a_3x3", 32), window("Conv2d_2a_3x3", 32, 3, 3, isPadded: false),
        window("Conv2d_2b_3x3", 64, 3, 3), .pool(.halvingMaximum),
        window("Conv2d_3b_1x1", 80, 1, 1), window("Conv2d_4a_3x3", 192, 3, 3, isPadded: false),
        .pool(.halvingMaximum),
      ]
    ], isSmall: false)

  private static func blockA(_ name: String, pooled: Int) -> Stage {
    Stage(
      name: name,
      branches: [
        [window("branch1x1", 64, 1, 1)],
        [window("branch5x5_1", 48, 1, 1), window("branch5x5_2", 64, 5, 5)],
        [
          window("branch3x3dbl_1", 64, 1, 1), window("branch3x3dbl_2", 96, 3, 3),
          window("branch3x3dbl_3", 96, 3, 3),
        ],
        [.pool(.centredMean), window("branch_pool", pooled, 1, 1)],
      ], isSmall: false)
  }

  private static let blockB = Stage(
    name: "Mixed_6a",
    branches: [
      [halving("branch3x3", 384)],
      [
        window("branch3x3dbl_1", 64, 1, 1), window("branch3x3dbl_2", 96, 3, 3),
        halving("branch3x3dbl_3", 96),
      ],
      [.pool(.halvingMaximum)],
    ], isSmall: false)

  private static func blockC(_ name: String, inner: Int) -> Stage {
    Stage(
      name: name,
      branches: [
        [window("branch1x1", 192, 1, 1)],
        [
          window("branch7x7_1", inner, 1, 1), window("branch7x7_2", inner, 1, 7),
          window("branch7x7_3", 192, 7, 1),
        ],
        [
          window("branch7x7dbl_1", inner, 1, 1), window("branch7x7dbl_2", inner, 7, 1),
          window("branch7x7dbl_3", inner, 1, 7), window("branch7x7dbl_4", inner, 7, 1),
          window("branch7x7dbl_5", 192, 1, 7),
        ],
        [.pool(.centredMean), window("branch_pool", 192, 1, 1)],
      ], isSmall: false)
  }

  private static let blockD = Stage(
    name: "Mixed_7a",
    branches: [
      [window("branch3x3_1", 192, 1, 1), halving("branch3x3_2", 320)],
      [
        window("branch7x7x3_1", 192, 1, 1), window("branch7x7x3_2", 192, 1, 7),
        window("branch7x7x3_3", 192, 7, 1), halving("branch7x7x3_4", 192),
      ],
      [.pool(.halvingMaximum)],
    ], isSmall: false)

  private static func blockE(_ name: String, _ pooling: Pooling) -> Stage {
    func fork(_ name: String) -> Step {
      .fork(
        (window(name + "a", 384, 1, 3).windows + window(name + "b", 384, 3, 1).windows))
    }
    return Stage(
      name: name,
      branches: [
        [window("branch1x1", 320, 1, 1)],
        [window("branch3x3_1", 384, 1, 1), fork("branch3x3_2")],
        [
          window("branch3x3dbl_1", 448, 1, 1), window("branch3x3dbl_2", 384, 3, 3),
          fork("branch3x3dbl_3"),
        ],
        [.pool(pooling), window("branch_pool", 192, 1, 1)],
      ], isSmall: true)
  }
}
