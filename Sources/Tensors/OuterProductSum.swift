/// Pixels summed in registers before they are added to the result: the first level of the sum.
///
/// So many rows of 48 elements and of two vectors fill the first-level cache.
private let pixelsPerBlock = 64
/// Elements of a window that are laid out together: a multiple of the kernels' 6 and of a cache line.
private let elementsPerStrip = 48
/// Elements of a window that one task treats at most, in strips.
private let mostElements = 4 * elementsPerStrip
/// Panels of the gradient that one task treats at most.
private let mostPanels = 4

/// `output[k][j] = Σᵢ row(i)[k] · gradient(i)[j]` over all pixels: the gradient of a weight matrix.
///
/// Every element of the result is summed by one task over the pixels in order, so the result does not
/// depend on threads. Windows often lie at distances of a power of two, which share few cache lines, so
/// they are laid out side by side first.
///
/// - Parameters:
///   - input: Memory of the windows.
///   - walk: Where each window starts.
///   - segments: How a window lies from its start.
///   - gradient: Memory of the gradient.
///   - gradientWalk: Where each pixel of the gradient starts; as many as windows.
///   - columnCount: Channels of the gradient.
///   - accumulates: Whether to add to what the output holds.
///   - output: `[segments.count · segments.length, columnCount]`.
///   - context: Threads and kernels.
func sumOuterProducts(
  input: UnsafePointer<Float>, walk: PixelWalk, segments: RowSegments,
  gradient: UnsafePointer<Float>, gradientWalk: PixelWalk, columnCount: Int, accumulates: Bool,
  output: UnsafeMutablePointer<Float>, context: ComputeContext
) {
  let kernels = context.kernels
  let panelWidth = 2 * kernels.vectorWidth
  let panelCount = (columnCount + panelWidth - 1) / panelWidth
  let elementCount = segments.count * segments.length
  // Large tasks lay less out for each product; the partition has no influence on any result.
  var (elementsPerTask, panelsPerTask) = (mostElements, min(mostPanels, panelCount))
  func pieceCount() -> Int { (elementCount + elementsPerTask - 1) / elementsPerTask }
  func groupCount() -> Int { (panelCount + panelsPerTask - 1) / panelsPerTask }
  while pieceCount() * groupCount() < 3 * context.parallelism.threadCount {
    if panelsPerTask > 1 {
      panelsPerTask = (panelsPerTask + 1) / 2
    } else if elementsPerTask > elementsPerStrip / 4 {
      elementsPerTask /= 2
    } else {
      break
    }
  }
  let (elements, panels, groups) = (elementsPerTask, panelsPerTask, groupCount())
  nonisolated(unsafe) let input = input
  nonisolated(unsafe) let gradient = gradient
  nonisolated(unsafe) let output = output
  context.parallelism.forEach(
    count: pieceCount() * groups,
    scratchCount: pixelsPerBlock * (mostElements + panelWidth)
  ) { task, scratch in
    let firstElement = task / groups * elements
    let lastElement = min(elementCount, firstElement + elements)
    let firstPanel = task % groups * panels
    let slopes = scratch + pixelsPerBlock * mostElements
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: pixelsPerBlock) {
      table in
      guard let rows = table.baseAddress else { return }
      for first in stride(from: 0, to: walk.pixelCount, by: pixelsPerBlock) {
        let range = first..<min(walk.pixelCount, first + pixelsPerBlock)
        for strip in stride(from: firstElement, to: lastElement, by: elementsPerStrip) {
          let part = strip..<min(lastElement, strip + elementsPerStrip)
          let target = scratch + (strip - firstElement) * pixelsPerBlock
          segments.forEachRun(of: part) { run, offset in
            walk.forEach(in: range) {
              copyElements(
                input + $1 + offset,
                to: target + $0 * elementsPerStrip + run.lowerBound - part.lowerBound,
                count: run.count)
            }
          }
        }
        for panel in firstPanel..<min(panelCount, firstPanel + panels) {
          let column = panel * panelWidth
          let columns = min(panelWidth, columnCount - column)
          let width = columns > kernels.vectorWidth ? panelWidth : kernels.vectorWidth
          if columns < width { slopes.initialize(repeating: 0, count: range.count * width) }
          gradientWalk.forEach(in: range) {
            copyElements(gradient + $1 + column, to: slopes + $0 * width, count: columns)
          }
          for strip in stride(from: firstElement, to: lastElement, by: elementsPerStrip) {
            let laidOut = scratch + (strip - firstElement) * pixelsPerBlock
            for index in 0..<range.count {
              (rows + index).initialize(to: UnsafePointer(laidOut + index * elementsPerStrip))
            }
            kernels.addOuterProducts(
              pixelCount: range.count, rows: rows, rowOffset: 0,
              rowElementCount: min(elementsPerStrip, lastElement - strip), panel: slopes,
              panelStride: width, columnCount: columns, accumulates: accumulates || first > 0,
              output: output + strip * columnCount + column, outputStride: columnCount)
          }
        }
      }
    }
  }
}

extension RowSegments {
  /// Calls `body` with the parts of some elements that are contiguous in memory, and where each starts.
  fileprivate func forEachRun(of elements: Range<Int>, _ body: (Range<Int>, Int) -> Void) {
    var first = elements.lowerBound
    while first < elements.upperBound {
      let (segment, element) = (first / length, first % length)
      let last = min(elements.upperBound, first + length - element)
      body(first..<last, segment * stride + element)
      first = last
    }
  }
}

/// Copies a few elements; for so few the call of a library costs more than the copy.
@inline(__always)
private func copyElements(
  _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int
) {
  var index = 0
  while index + 16 <= count {
    let values = UnsafeRawPointer(source + index).loadUnaligned(as: SIMD16<Float>.self)
    UnsafeMutableRawPointer(target + index).storeBytes(of: values, as: SIMD16<Float>.self)
    index += 16
  }
  while index + 4 <= count {
    let values = UnsafeRawPointer(source + index).loadUnaligned(as: SIMD4<Float>.self)
    UnsafeMutableRawPointer(target + index).storeBytes(of: values, as: SIMD4<Float>.self)
    index += 4
  }
  while index < count {
    target[index] = source[index]
    index += 1
  }
}

/// Calls `body` with memory for `count` floats, aligned to a cache line, uninitialised.
func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
  withUnsafeTemporaryAllocation(
    byteCount: count * MemoryLayout<Float>.stride, alignment: 64
  ) { bytes in
    guard let base = bytes.baseAddress else { return }
    body(base.bindMemory(to: Float.self, capacity: count))
  }
}
