// The kernels of diffusion networks, chosen as in KernelFamily+Kernels.swift.
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

extension KernelFamily {
  func scaleShiftActivate(
    pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, inputStride: Int,
    scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, activates: Bool,
    output: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.scaleShiftActivate(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        scale: scale, shift: shift, activates: activates, output: output, outputStride: outputStride
      )
    case .avx2:
      KernelsAVX2.scaleShiftActivate(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        scale: scale, shift: shift, activates: activates, output: output, outputStride: outputStride
      )
    case .baseline:
      KernelsBaseline.scaleShiftActivate(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        scale: scale, shift: shift, activates: activates, output: output, outputStride: outputStride
      )
    }
  }

  func activationGradient(
    pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, gradientStride: Int,
    input: UnsafePointer<Float>, inputStride: Int, scale: UnsafePointer<Float>,
    shift: UnsafePointer<Float>, mean: UnsafePointer<Float>, inverseDeviation: UnsafePointer<Float>,
    activates: Bool, output: UnsafeMutablePointer<Float>, gradientSums: UnsafeMutablePointer<Float>,
    productSums: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.activationGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, input: input, inputStride: inputStride, scale: scale,
        shift: shift, mean: mean, inverseDeviation: inverseDeviation, activates: activates,
        output: output, gradientSums: gradientSums, productSums: productSums)
    case .avx2:
      KernelsAVX2.activationGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, input: input, inputStride: inputStride, scale: scale,
        shift: shift, mean: mean, inverseDeviation: inverseDeviation, activates: activates,
        output: output, gradientSums: gradientSums, productSums: productSums)
    case .baseline:
      KernelsBaseline.activationGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, input: input, inputStride: inputStride, scale: scale,
        shift: shift, mean: mean, inverseDeviation: inverseDeviation, activates: activates,
        output: output, gradientSums: gradientSums, productSums: productSums)
    }
  }

  func combineGradients(
    pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, gradientStride: Int,
    input: UnsafePointer<Float>, inputStride: Int, gradientScale: UnsafePointer<Float>,
    inputScale: UnsafePointer<Float>, shift: UnsafePointer<Float>, addend: UnsafePointer<Float>?,
    addendStride: Int, output: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.combineGradients(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, input: input, inputStride: inputStride,
        gradientScale: gradientScale, inputScale: inputScale, shift: shift, addend: addend,
        addendStride: addendStride, output: output, outputStride: outputStride)
    case .avx2:
      KernelsAVX2.combineGradients(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, input: input, inputStride: inputStride,
        gradientScale: gradientScale, inputScale: inputScale, shift: shift, addend: addend,
        addendStride: addendStride, output: output, outputStride: outputStride)
    case .baseline:
      KernelsBaseline.combineGradients(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, input: input, inputStride: inputStride,
        gradientScale: gradientScale, inputScale: inputScale, shift: shift, addend: addend,
        addendStride: addendStride, output: output, outputStride: outputStride)
    }
  }

  func sumQuads(
    pixelCount: Int, channelCount: Int, upper: UnsafePointer<Float>, lower: UnsafePointer<Float>,
    factor: Float, output: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.sumQuads(
        pixelCount: pixelCount, channelCount: channelCount, upper: upper, lower: lower,
        factor: factor, output: output)
    case .avx2:
      KernelsAVX2.sumQuads(
        pixelCount: pixelCount, channelCount: channelCount, upper: upper, lower: lower,
        factor: factor, output: output)
    case .baseline:
      KernelsBaseline.sumQuads(
        pixelCount: pixelCount, channelCount: channelCount, upper: upper, lower: lower,
        factor: factor, output: output)
    }
  }

  func repeatPixels(
    pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, factor: Float,
    output: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.repeatPixels(
        pixelCount: pixelCount, channelCount: channelCount, input: input, factor: factor,
        output: output)
    case .avx2:
      KernelsAVX2.repeatPixels(
        pixelCount: pixelCount, channelCount: channelCount, input: input, factor: factor,
        output: output)
    case .baseline:
      KernelsBaseline.repeatPixels(
        pixelCount: pixelCount, channelCount: channelCount, input: input, factor: factor,
        output: output)
    }
  }

  func softmax(count: Int, values: UnsafeMutablePointer<Float>) {
    switch self {
    case .avx512: KernelsAVX512.softmax(count: count, values: values)
    case .avx2: KernelsAVX2.softmax(count: count, values: values)
    case .baseline: KernelsBaseline.softmax(count: count, values: values)
    }
  }

  func softmaxGradient(
    count: Int, probabilities: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.softmaxGradient(count: count, probabilities: probabilities, gradient: gradient)
    case .avx2:
      KernelsAVX2.softmaxGradient(count: count, probabilities: probabilities, gradient: gradient)
    case .baseline:
      KernelsBaseline.softmaxGradient(
        count: count, probabilities: probabilities, gradient: gradient)
    }
  }
}
