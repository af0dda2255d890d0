/// Softmax attention of every pixel to every pixel of its sample, head by head.
///
/// `a = softmax(q · k / √d) · v` over the `d` channels of a head. The channels of the input are grouped by
/// head: `d` of queries, `d` of keys, `d` of values, then the next head. References: Vaswani et al. 2017,
/// arXiv:1706.03762, equation 1; openai/guided-diffusion, unet.py, `QKVAttentionLegacy` for the order.
public struct Attention: Sendable, Equatable, Hashable {
  /// Heads.
  public let headCount: Int
  /// Channels of a head.
  public let headChannels: Int

  /// Names an attention.
  public init(headCount: Int, headChannels: Int) {
    self.headCount = headCount
    self.headChannels = headChannels
  }

  /// Queries that are treated at once: their scores against 4,096 keys fill half of a second-level cache.
  private static let queriesPerBlock = 24
  /// Keys whose values are added up before the next ones are fetched.
  private static let keysPerPiece = 256

  private var channels: Int { headCount * headChannels }
  private var scale: Float { Float(1 / Double(headChannels).squareRoot()) }

  /// Attends.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, 3 · headCount · headChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, headCount · headChannels]`.
  public func forward(_ input: Tensor, context: ComputeContext) -> Tensor {
    let map = input.map
    precondition(
      map.channels == 3 * channels, "\(map.channels) channels for three times \(channels)")
    let tokenCount = map.height * map.width
    let blockCount = (tokenCount + Self.queriesPerBlock - 1) / Self.queriesPerBlock
    return Tensor(shape: [map.batch, map.height, map.width, channels]) { output in
      nonisolated(unsafe) let output = output
      for sample in 0..<map.batch {
        let heads = (0..<headCount).map { head in
          (
            keys: transposed(input, sample, head, part: 1, scale: scale, context),
            values: matrix(input, sample, head, part: 2, scale: 1, context)
          )
        }
        context.parallelism.forEach(count: headCount * blockCount) { task in
          let (head, block) = (task / blockCount, task % blockCount)
          let first = block * Self.queriesPerBlock
          let count = min(Self.queriesPerBlock, tokenCount - first)
          withScratch(count * tokenCount) { scores in
            input.withPointer { values in
              let start = values + (sample * tokenCount + first) * map.channels
              probabilities(
                queries: start + head * 3 * headChannels, stride: map.channels, count: count,
                keys: heads[head].keys, scores: scores, context.kernels)
            }
            multiply(
              scores, stride: tokenCount, count: count, by: heads[head].values,
              output: output + (sample * tokenCount + first) * channels + head * headChannels,
              outputStride: channels, context.kernels)
          }
        }
      }
    }
  }

  /// The backward pass; the probabilities are computed again.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H, W, headCount · headChannels]`.
  ///   - input: What the forward pass got.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, 3 · headCount · headChannels]`.
  public func backward(_ gradient: Tensor, input: Tensor, context: ComputeContext) -> Tensor {
    let map = input.map
    let tokenCount = map.height * map.width
    let serial = ComputeContext(parallelism: .serial, kernels: context.kernels)
    var result = Tensor(zeros: input.shape)
    result.values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let output = base
      // One task sums a head's keys and values over all queries in order.
      context.parallelism.forEach(count: map.batch * headCount) { task in
        let (sample, head) = (task / headCount, task % headCount)
        let offset = sample * tokenCount * map.channels + head * 3 * headChannels
        let slopeOffset = sample * tokenCount * channels + head * headChannels
        input.withPointer { values in
          gradient.withPointer { slopes in
            addGradient(
              queries: values + offset, slopes: slopes + slopeOffset, output: output + offset,
              tokenCount: tokenCount,
              keys: transposed(input, sample, head, part: 1, scale: scale, serial),
              values: transposed(input, sample, head, part: 2, scale: 1, serial),
              keyRows: matrix(input, sample, head, part: 1, scale: scale, serial), context.kernels)
          }
        }
      }
    }
    return result
  }

  /// The gradient of one head of one sample.
  private func addGradient(
    queries: UnsafePointer<Float>, slopes: UnsafePointer<Float>,
    output: UnsafeMutablePointer<Float>, tokenCount: Int, keys: PackedMatrix, values: PackedMatrix,
    keyRows: PackedMatrix, _ kernels: KernelFamily
  ) {
    let stride = 3 * channels
    withScratch(2 * Self.queriesPerBlock * tokenCount) { scratch in
      for first in Swift.stride(from: 0, to: tokenCount, by: Self.queriesPerBlock) {
        let count = min(Self.queriesPerBlock, tokenCount - first)
        let scores = scratch
        let scoreSlopes = scratch + count * tokenCount
        let blockSlopes = slopes + first * channels
        let blockQueries = queries + first * stride
        probabilities(
          queries: blockQueries, stride: stride, count: count, keys: keys, scores: scores, kernels)
        multiply(
          blockSlopes, stride: channels, count: count, by: values, output: scoreSlopes,
          outputStride: tokenCount, kernels)
        addOuterProducts(
          scores, tokenCount, count: count, right: blockSlopes, rightStride: channels, scale: 1,
          output: output + 2 * headChannels, kernels)
        for row in 0..<count {
          kernels.softmaxGradient(
            count: tokenCount, probabilities: scores + row * tokenCount,
            gradient: scoreSlopes + row * tokenCount)
        }
        multiply(
          scoreSlopes, stride: tokenCount, count: count, by: keyRows,
          output: output + first * stride, outputStride: stride, kernels)
        addOuterProducts(
          scoreSlopes, tokenCount, count: count, right: blockQueries, rightStride: stride,
          scale: scale, output: output + headChannels, kernels)
      }
    }
  }

  /// `softmax(q · k)` of a block of queries, `[count, tokenCount]`.
  private func probabilities(
    queries: UnsafePointer<Float>, stride: Int, count: Int, keys: PackedMatrix,
    scores: UnsafeMutablePointer<Float>, _ kernels: KernelFamily
  ) {
    multiply(
      queries, stride: stride, count: count, by: keys, output: scores,
      outputStride: keys.columnCount, kernels)
    for row in 0..<count {
      kernels.softmax(count: keys.columnCount, values: scores + row * keys.columnCount)
    }
  }

  /// A block of rows times a matrix.
  private func multiply(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, by matrix: PackedMatrix,
    output: UnsafeMutablePointer<Float>, outputStride: Int, _ kernels: KernelFamily
  ) {
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: count) { starts in
      withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: count) { ends in
        guard let rowStarts = starts.baseAddress, let outputs = ends.baseAddress else { return }
        for row in 0..<count {
          (rowStarts + row).initialize(to: rows + row * stride)
          (outputs + row).initialize(to: output + row * outputStride)
        }
        for index in 0..<matrix.panelCount {
          let (panel, columns, width) = matrix.panel(index)
          for piece in Swift.stride(from: 0, to: matrix.rowCount, by: Self.keysPerPiece) {
            kernels.multiplyPanel(
              rowCount: count, rows: rowStarts, rowOffset: piece, segmentCount: 1,
              segmentLength: min(Self.keysPerPiece, matrix.rowCount - piece), segmentStride: 0,
              panel: panel + piece * width, columnCount: columns.count, initial: nil,
              accumulates: piece > 0, outputs: outputs, outputOffset: columns.lowerBound)
          }
        }
      }
    }
  }

  /// Adds `left[i][k] · right[i][j] · scale`, summed over a block of queries `i`, to every token `k`.
  private func addOuterProducts(
    _ left: UnsafePointer<Float>, _ tokenCount: Int, count: Int, right: UnsafePointer<Float>,
    rightStride: Int, scale: Float, output: UnsafeMutablePointer<Float>, _ kernels: KernelFamily
  ) {
    let vectorWidth = kernels.vectorWidth
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: count) { starts in
      guard let rows = starts.baseAddress else { return }
      for row in 0..<count { (rows + row).initialize(to: left + row * tokenCount) }
      withScratch(count * 2 * vectorWidth) { panel in
        for first in Swift.stride(from: 0, to: headChannels, by: 2 * vectorWidth) {
          let columns = min(2 * vectorWidth, headChannels - first)
          let width = columns > vectorWidth ? 2 * vectorWidth : vectorWidth
          for row in 0..<count {
            for column in 0..<width {
              panel[row * width + column] =
                column < columns ? right[row * rightStride + first + column] * scale : 0
            }
          }
          kernels.addOuterProducts(
            pixelCount: count, rows: rows, rowOffset: 0, rowElementCount: tokenCount, panel: panel,
            panelStride: width, columnCount: columns, accumulates: true, output: output + first,
            outputStride: 3 * channels)
        }
      }
    }
  }

  /// Queries, keys or values (part 0, 1 or 2) of a head as a right factor `[tokens, headChannels]`.
  private func matrix(
    _ input: Tensor, _ sample: Int, _ head: Int, part: Int, scale: Float, _ context: ComputeContext
  ) -> PackedMatrix {
    let tokenCount = input.map.height * input.map.width
    let stride = 3 * channels
    return PackedMatrix(
      rowCount: tokenCount, columnCount: headChannels, context: context
    ) { columns, panel, width, _ in
      input.withPointer { values in
        var source = values + sample * tokenCount * stride + (3 * head + part) * headChannels
        source += columns.lowerBound
        for token in 0..<tokenCount {
          for column in 0..<columns.count {
            panel[token * width + column] = source[token * stride + column] * scale
          }
        }
      }
    }
  }

  /// The same as a right factor `[headChannels, tokens]`.
  private func transposed(
    _ input: Tensor, _ sample: Int, _ head: Int, part: Int, scale: Float, _ context: ComputeContext
  ) -> PackedMatrix {
    let tokenCount = input.map.height * input.map.width
    let stride = 3 * channels
    return PackedMatrix(
      rowCount: headChannels, columnCount: tokenCount, context: context
    ) { columns, panel, width, _ in
      input.withPointer { values in
        let source = values + sample * tokenCount * stride + (3 * head + part) * headChannels
        for (index, token) in columns.enumerated() {
          for channel in 0..<headChannels {
            panel[channel * width + index] = source[token * stride + channel] * scale
          }
        }
      }
    }
  }
}
