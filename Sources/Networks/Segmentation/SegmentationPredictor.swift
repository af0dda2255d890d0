public import Tensors

/// A segmentation network ready to predict: its weights are laid out once for many tiles.
///
/// Immutable, so it may be shared between threads. The running statistics normalise: a tile's result depends
/// neither on the other tiles of its batch nor on the number of threads.
public final class SegmentationPredictor: Sendable {
  /// The network.
  public let network: SegmentationUNet
  private let weights: SegmentationWeights

  fileprivate init(_ network: SegmentationUNet, _ context: ComputeContext) {
    self.network = network
    weights = .prepared(network, context: context)
  }

  /// The logits of tiles.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - context: Threads and kernels; the kernels are those the predictor was made with.
  /// - Returns: `[N, H, W, classCount]`.
  /// - Throws: ``NetworkError/unsuitableSize(height:width:multiple:)`` if H or W is no multiple of the
  ///   network's `sizeMultiple`.
  public func logits(_ input: Tensor, context: ComputeContext) throws(NetworkError) -> Tensor {
    let map = input.map
    let multiple = network.sizeMultiple
    guard map.height % multiple == 0 && map.width % multiple == 0 && map.pixelCount > 0 else {
      throw .unsuitableSize(height: map.height, width: map.width, multiple: multiple)
    }
    return network.pass(input, weights: weights, isTraining: false, context: context).logits
  }

  /// The most likely class of every pixel; the first of equally likely ones.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - context: Threads and kernels.
  /// - Returns: `N · H · W` classes.
  /// - Throws: As ``logits(_:context:)``; ``NetworkError/notFinite`` where the logits are no finite numbers,
  ///   of which none is the largest.
  public func classes(_ input: Tensor, context: ComputeContext) throws(NetworkError) -> [UInt8] {
    let logits = try logits(input, context: context)
    guard logits.values.allSatisfy({ $0.isFinite }) else { throw .notFinite }
    let classCount = network.classCount
    return logits.values.withUnsafeBufferPointer { values in
      (0..<values.count / classCount).map { pixel in
        var best = 0
        for index in 1..<classCount
        where values[pixel * classCount + index] > values[pixel * classCount + best] {
          best = index
        }
        return UInt8(best)
      }
    }
  }
}

extension SegmentationUNet {
  /// Lays the weights out for prediction.
  public func prepared(context: ComputeContext) -> SegmentationPredictor {
    SegmentationPredictor(self, context)
  }
}
