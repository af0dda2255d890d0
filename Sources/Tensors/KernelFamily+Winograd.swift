// The run-time choice between the three kernel modules for Winograd transforms.
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

extension KernelFamily {
  /// The same in every family.
  static func interpolationPoint(size: Int, index: Int) -> Float {
    KernelsBaseline.interpolationPoint(size: size, index: index)
  }

  func transformInput(
    size: Int, sources: UnsafePointer<UnsafePointer<Float>>, channelCount: Int,
    scratch: UnsafeMutablePointer<Float>, target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.transformInput(
        size: size, sources: sources, channelCount: channelCount, scratch: scratch, target: target,
        stride: stride)
    case .avx2:
      KernelsAVX2.transformInput(
        size: size, sources: sources, channelCount: channelCount, scratch: scratch, target: target,
        stride: stride)
    case .baseline:
      KernelsBaseline.transformInput(
        size: size, sources: sources, channelCount: channelCount, scratch: scratch, target: target,
        stride: stride)
    }
  }

  func transformOutput(
    size: Int, outputSize: Int, source: UnsafePointer<Float>, stride: Int, channelCount: Int,
    bias: UnsafePointer<Float>?, slope: Float, scratch: UnsafeMutablePointer<Float>,
    targets: UnsafePointer<UnsafeMutablePointer<Float>?>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.transformOutput(
        size: size, outputSize: outputSize, source: source, stride: stride,
        channelCount: channelCount, bias: bias, slope: slope, scratch: scratch,
        targets: targets)
    case .avx2:
      KernelsAVX2.transformOutput(
        size: size, outputSize: outputSize, source: source, stride: stride,
        channelCount: channelCount, bias: bias, slope: slope, scratch: scratch,
        targets: targets)
    case .baseline:
      KernelsBaseline.transformOutput(
        size: size, outputSize: outputSize, source: source, stride: stride,
        channelCount: channelCount, bias: bias, slope: slope, scratch: scratch,
        targets: targets)
    }
  }

  func transformSlopes(
    size: Int, outputSize: Int, sources: UnsafePointer<UnsafePointer<Float>>, channelCount: Int,
    scratch: UnsafeMutablePointer<Float>, target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.transformSlopes(
        size: size, outputSize: outputSize, sources: sources, channelCount: channelCount,
        scratch: scratch, target: target, stride: stride)
    case .avx2:
      KernelsAVX2.transformSlopes(
        size: size, outputSize: outputSize, sources: sources, channelCount: channelCount,
        scratch: scratch, target: target, stride: stride)
    case .baseline:
      KernelsBaseline.transformSlopes(
        size: size, outputSize: outputSize, sources: sources, channelCount: channelCount,
        scratch: scratch, target: target, stride: stride)
    }
  }

  func transformBothAxes(
    matrix: UnsafePointer<Float>, inputSize: Int, outputSize: Int,
    source: UnsafePointer<Float>, sourceStride: Int, count: Int,
    scratch: UnsafeMutablePointer<Float>, target: UnsafeMutablePointer<Float>, targetStride: Int,
    accumulates: Bool
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.transformBothAxes(
        matrix: matrix, inputSize: inputSize, outputSize: outputSize, source: source,
        sourceStride: sourceStride, count: count, scratch: scratch, target: target,
        targetStride: targetStride, accumulates: accumulates)
    case .avx2:
      KernelsAVX2.transformBothAxes(
        matrix: matrix, inputSize: inputSize, outputSize: outputSize, source: source,
        sourceStride: sourceStride, count: count, scratch: scratch, target: target,
        targetStride: targetStride, accumulates: accumulates)
    case .baseline:
      KernelsBaseline.transformBothAxes(
        matrix: matrix, inputSize: inputSize, outputSize: outputSize, source: source,
        sourceStride: sourceStride, count: count, scratch: scratch, target: target,
        targetStride: targetStride, accumulates: accumulates)
    }
  }
}
