/// Which of OpenBLAS's kernels suit a CPU.
///
/// Debian 12's OpenBLAS (0.3.21) does not know CPUs newer than itself and then takes Prescott's, which
/// use SSE3: a fifth of what an AVX-512 CPU can do. COOPERLAKE and SAPPHIRERAPIDS are taken for SKYLAKEX
/// by builds without their kernels, so the name to ask for is SKYLAKEX.
public struct BLASCores: Sendable, Equatable {
  /// The widest kernels that the CPU runs.
  public let family: KernelFamily
  /// Whether the CPU is AMD's.
  public let isAMD: Bool

  /// Cores whose kernels need AVX-512.
  private static let wide = ["SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"]
  /// Cores whose kernels need AVX2 with FMA.
  private static let middle = ["HASWELL", "ZEN"]

  /// Describes a CPU.
  public init(family: KernelFamily, isAMD: Bool) {
    self.family = family
    self.isAMD = isAMD
  }

  /// The cores to try, best first, each once.
  ///
  /// - Parameters:
  ///   - current: The one that the library uses now.
  ///   - requested: What `OPENBLAS_CORETYPE` asks for; it comes first where the CPU runs it.
  /// - Returns: At least one name.
  public func candidates(current: String, requested: String?) -> [String] {
    var names: [String] = []
    if let requested, !requested.isEmpty { names.append(requested) }
    if suits(current) { names.append(current) }
    let avx2 = isAMD ? "ZEN" : "HASWELL"
    switch family {
    case .avx512: names += ["SKYLAKEX", avx2]
    case .avx2: names.append(avx2)
    case .baseline: break
    }
    // What any 64-bit CPU runs, should everything else multiply wrongly.
    names += [current, "PRESCOTT"]
    var known: Set<String> = []
    return names.filter { runs($0) && known.insert($0.uppercased()).inserted }
  }

  /// Whether a core's kernels use the CPU's vectors.
  private func suits(_ name: String) -> Bool {
    switch family {
    case .avx512: Self.wide.contains(name.uppercased())
    case .avx2: Self.middle.contains(name.uppercased())
    case .baseline: runs(name)
    }
  }

  /// Whether the CPU has the instructions of a core's kernels, as far as the name tells.
  private func runs(_ name: String) -> Bool {
    let name = name.uppercased()
    if Self.wide.contains(name) { return family == .avx512 }
    if Self.middle.contains(name) { return family != .baseline }
    return true
  }
}
