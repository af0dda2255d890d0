import COpenBLAS

/// The CPU families that the innermost loops are compiled for.
///
/// Results are bit-identical within a family; between families sums are rounded differently.
public enum KernelFamily: String, Sendable, CaseIterable, Codable {
  /// 512-bit vectors with fused multiply-add.
  case avx512
  /// 256-bit vectors with fused multiply-add.
  case avx2
  /// 128-bit vectors, multiply and add apart: any 64-bit x86.
  case baseline

  /// Whether this CPU and its system run the family's code.
  public var isSupported: Bool {
    switch self {
    case .avx512: restain_has_avx512() != 0
    case .avx2: restain_has_avx2() != 0
    case .baseline: true
    }
  }

  /// The fastest family that this CPU runs.
  public static var best: KernelFamily {
    allCases.first { $0.isSupported } ?? .baseline
  }
}

/// What every operation needs to know about the machine: threads and kernels.
public struct ComputeContext: Sendable, Equatable {
  /// How work is spread over threads.
  public var parallelism: Parallelism
  /// Which kernels compute.
  public var kernels: KernelFamily

  /// Names the threads and the kernels to use.
  ///
  /// - Precondition: This CPU supports `kernels`.
  public init(parallelism: Parallelism = .serial, kernels: KernelFamily = .best) {
    precondition(kernels.isSupported, "this CPU does not run \(kernels.rawValue) kernels")
    self.parallelism = parallelism
    self.kernels = kernels
  }
}
