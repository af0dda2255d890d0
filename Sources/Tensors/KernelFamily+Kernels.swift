// The run-time choice between the three kernel modules, function by function; what each does is
// documented in KernelsBaseline.
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

extension KernelFamily {
  /// Floats in a vector; a packed panel is one or two of these wide.
  var vectorWidth: Int {
    switch self {
    case .avx512: KernelsAVX512.vectorWidth()
    case .avx2: KernelsAVX2.vectorWidth()
    case .baseline: KernelsBaseline.vectorWidth()
    }
  }

  func multiplyPanel(
    rowCount: Int, rows: UnsafePointer<UnsafePointer<Float>>, rowOffset: Int, segmentCount: Int,
    segmentLength: Int, segmentStride: Int, panel: UnsafePointer<Float>, columnCount: Int,
    initial: UnsafePointer<Float>?, accumulates: Bool,
    outputs: UnsafePointer<UnsafeMutablePointer<Float>>, outputOffset: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.multiplyPanel(
        rowCount: rowCount, rows: rows, rowOffset: rowOffset, segmentCount: segmentCount,
        segmentLength: segmentLength, segmentStride: segmentStride, panel: panel,
        columnCount: columnCount, initial: initial, accumulates: accumulates, outputs: outputs,
        outputOffset: outputOffset)
    case .avx2:
      KernelsAVX2.multiplyPanel(
        rowCount: rowCount, rows: rows, rowOffset: rowOffset, segmentCount: segmentCount,
        segmentLength: segmentLength, segmentStride: segmentStride, panel: panel,
        columnCount: columnCount, initial: initial, accumulates: accumulates, outputs: outputs,
        outputOffset: outputOffset)
    case .baseline:
      KernelsBaseline.multiplyPanel(
        rowCount: rowCount, rows: rows, rowOffset: rowOffset, segmentCount: segmentCount,
        segmentLength: segmentLength, segmentStride: segmentStride, panel: panel,
        columnCount: columnCount, initial: initial, accumulates: accumulates, outputs: outputs,
        outputOffset: outputOffset)
    }
  }

  func addOuterProducts(
    pixelCount: Int, rows: UnsafePointer<UnsafePointer<Float>>, rowOffset: Int,
    rowElementCount: Int, panel: UnsafePointer<Float>, panelStride: Int, columnCount: Int,
    accumulates: Bool, output: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.addOuterProducts(
        pixelCount: pixelCount, rows: rows, rowOffset: rowOffset, rowElementCount: rowElementCount,
        panel: panel, panelStride: panelStride, columnCount: columnCount,
        accumulates: accumulates, output: output, outputStride: outputStride)
    case .avx2:
      KernelsAVX2.addOuterProducts(
        pixelCount: pixelCount, rows: rows, rowOffset: rowOffset, rowElementCount: rowElementCount,
        panel: panel, panelStride: panelStride, columnCount: columnCount,
        accumulates: accumulates, output: output, outputStride: outputStride)
    case .baseline:
      KernelsBaseline.addOuterProducts(
        pixelCount: pixelCount, rows: rows, rowOffset: rowOffset, rowElementCount: rowElementCount,
        panel: panel, panelStride: panelStride, columnCount: columnCount,
        accumulates: accumulates, output: output, outputStride: outputStride)
    }
  }

  func rectifyPixels(
    pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, inputStride: Int, slope: Float,
    output: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.rectifyPixels(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        slope: slope, output: output, outputStride: outputStride)
    case .avx2:
      KernelsAVX2.rectifyPixels(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        slope: slope, output: output, outputStride: outputStride)
    case .baseline:
      KernelsBaseline.rectifyPixels(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        slope: slope, output: output, outputStride: outputStride)
    }
  }

  func scaleShiftRectify(
    pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, inputStride: Int,
    scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, slope: Float,
    output: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.scaleShiftRectify(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        scale: scale, shift: shift, slope: slope, output: output, outputStride: outputStride)
    case .avx2:
      KernelsAVX2.scaleShiftRectify(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        scale: scale, shift: shift, slope: slope, output: output, outputStride: outputStride)
    case .baseline:
      KernelsBaseline.scaleShiftRectify(
        pixelCount: pixelCount, channelCount: channelCount, input: input, inputStride: inputStride,
        scale: scale, shift: shift, slope: slope, output: output, outputStride: outputStride)
    }
  }

  func rectifyGradient(
    pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, gradientStride: Int,
    activated: UnsafePointer<Float>, activatedStride: Int, slope: Float, accumulates: Bool,
    output: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.rectifyGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, activated: activated, activatedStride: activatedStride,
        slope: slope, accumulates: accumulates, output: output)
    case .avx2:
      KernelsAVX2.rectifyGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, activated: activated, activatedStride: activatedStride,
        slope: slope, accumulates: accumulates, output: output)
    case .baseline:
      KernelsBaseline.rectifyGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient,
        gradientStride: gradientStride, activated: activated, activatedStride: activatedStride,
        slope: slope, accumulates: accumulates, output: output)
    }
  }

  func addScaled(
    count: Int, source: UnsafePointer<Float>, factor: Float, target: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.addScaled(count: count, source: source, factor: factor, target: target)
    case .avx2:
      KernelsAVX2.addScaled(count: count, source: source, factor: factor, target: target)
    case .baseline:
      KernelsBaseline.addScaled(count: count, source: source, factor: factor, target: target)
    }
  }

  func adamStep(
    count: Int, gradient: UnsafePointer<Float>, parameters: UnsafeMutablePointer<Float>,
    first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>, beta1: Float,
    rest1: Float, beta2: Float, rest2: Float, rate: Float, secondScale: Float, epsilon: Float
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.adamStep(
        count: count, gradient: gradient, parameters: parameters, first: first, second: second,
        beta1: beta1, rest1: rest1, beta2: beta2, rest2: rest2, rate: rate,
        secondScale: secondScale, epsilon: epsilon)
    case .avx2:
      KernelsAVX2.adamStep(
        count: count, gradient: gradient, parameters: parameters, first: first, second: second,
        beta1: beta1, rest1: rest1, beta2: beta2, rest2: rest2, rate: rate,
        secondScale: secondScale, epsilon: epsilon)
    case .baseline:
      KernelsBaseline.adamStep(
        count: count, gradient: gradient, parameters: parameters, first: first, second: second,
        beta1: beta1, rest1: rest1, beta2: beta2, rest2: rest2, rate: rate,
        secondScale: secondScale, epsilon: epsilon)
    }
  }

  func columnSums(
    pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, centre: UnsafePointer<Float>?,
    sums: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.columnSums(
        pixelCount: pixelCount, channelCount: channelCount, input: input, centre: centre, sums: sums
      )
    case .avx2:
      KernelsAVX2.columnSums(
        pixelCount: pixelCount, channelCount: channelCount, input: input, centre: centre, sums: sums
      )
    case .baseline:
      KernelsBaseline.columnSums(
        pixelCount: pixelCount, channelCount: channelCount, input: input, centre: centre, sums: sums
      )
    }
  }

  func normalizationSums(
    pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
    mean: UnsafePointer<Float>, inverseDeviation: UnsafePointer<Float>,
    gradientSums: UnsafeMutablePointer<Float>, productSums: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.normalizationSums(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient, input: input,
        mean: mean, inverseDeviation: inverseDeviation, gradientSums: gradientSums,
        productSums: productSums)
    case .avx2:
      KernelsAVX2.normalizationSums(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient, input: input,
        mean: mean, inverseDeviation: inverseDeviation, gradientSums: gradientSums,
        productSums: productSums)
    case .baseline:
      KernelsBaseline.normalizationSums(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient, input: input,
        mean: mean, inverseDeviation: inverseDeviation, gradientSums: gradientSums,
        productSums: productSums)
    }
  }

  func normalizationGradient(
    pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
    gradientScale: UnsafePointer<Float>, inputScale: UnsafePointer<Float>,
    shift: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.normalizationGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient, input: input,
        gradientScale: gradientScale, inputScale: inputScale, shift: shift, output: output)
    case .avx2:
      KernelsAVX2.normalizationGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient, input: input,
        gradientScale: gradientScale, inputScale: inputScale, shift: shift, output: output)
    case .baseline:
      KernelsBaseline.normalizationGradient(
        pixelCount: pixelCount, channelCount: channelCount, gradient: gradient, input: input,
        gradientScale: gradientScale, inputScale: inputScale, shift: shift, output: output)
    }
  }

  func hyperbolicTangent(
    count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .avx512:
      KernelsAVX512.hyperbolicTangent(count: count, input: input, output: output)
    case .avx2:
      KernelsAVX2.hyperbolicTangent(count: count, input: input, output: output)
    case .baseline:
      KernelsBaseline.hyperbolicTangent(count: count, input: input, output: output)
    }
  }
}
