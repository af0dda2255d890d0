import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

extension KernelFamily {
  /// Runs a loop of nothing but multiply-adds in registers, for measuring what one core can do at most.
  ///
  /// - Parameter roundCount: Rounds of twelve vector operations.
  /// - Returns: Floating-point operations done, two for each multiply-add of each lane; and the lanes'
  ///   sums, every one of which is `addend / (1 − factor)`, here 1, after some thousand rounds.
  /// - Precondition: This CPU runs the family.
  public func runMultiplyAdds(roundCount: Int) -> (operationCount: Int, sums: [Float]) {
    precondition(isSupported, "this CPU does not run \(rawValue) kernels")
    let (factor, addend): (Float, Float) = (0.984_375, 0.015_625)
    var sums = [Float](repeating: 0, count: 12 * vectorWidth)
    sums.withUnsafeMutableBufferPointer { buffer in
      guard let output = buffer.baseAddress else { return }
      switch self {
      case .avx512:
        KernelsAVX512.multiplyAddLoop(
          roundCount: roundCount, factor: factor, addend: addend, output: output)
      case .avx2:
        KernelsAVX2.multiplyAddLoop(
          roundCount: roundCount, factor: factor, addend: addend, output: output)
      case .baseline:
        KernelsBaseline.multiplyAddLoop(
          roundCount: roundCount, factor: factor, addend: addend, output: output)
      }
    }
    return (24 * vectorWidth * roundCount, sums)
  }
}
