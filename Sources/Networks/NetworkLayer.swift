public import Tensors

/// One convolution of a network and the size of its maps, to measure it by itself.
public struct NetworkLayer: Sendable, Equatable {
  /// Such as `model.model.0`, the name of its parameters.
  public let name: String
  /// The convolution.
  public let convolution: Convolution
  /// Whether it is transposed: from the smaller map to the larger.
  public let isTransposed: Bool
  /// Rows of the larger map.
  public let height: Int
  /// Columns of the larger map.
  public let width: Int

  /// Pixels of the smaller map: windows of the convolution.
  public var windowCount: Int {
    convolution.shape.outputLength(height) * convolution.shape.outputLength(width)
  }

  /// Multiply-adds for one picture, by the definition.
  public var multiplyAddCount: Int { convolution.weightCount * windowCount }
}

extension UNetGenerator {
  /// The convolutions in the order of a pass over one picture.
  ///
  /// - Parameters:
  ///   - height: Rows of the picture, a multiple of ``sizeMultiple``.
  ///   - width: Columns.
  /// - Returns: All levels down, then all up.
  public func layers(height: Int, width: Int) -> [NetworkLayer] {
    func layer(_ index: Int, _ place: ConvolutionPlace, isTransposed: Bool) -> NetworkLayer {
      NetworkLayer(
        name: place.key, convolution: place.convolution, isTransposed: isTransposed,
        height: height >> index, width: width >> index)
    }
    return levels.enumerated().map { layer($0, $1.down, isTransposed: false) }
      + levels.enumerated().reversed().map { layer($0, $1.up, isTransposed: true) }
  }
}

extension DiffusionLayout {
  /// The convolutions that see pixels, in the order of a pass over one picture, and what attention multiplies.
  func layers(height: Int, width: Int) -> (layers: [NetworkLayer], attention: Int) {
    var (rows, columns, attention) = (height, width, 0)
    var layers: [NetworkLayer] = []
    func add(_ index: Int) {
      layers.append(
        NetworkLayer(
          name: convolutions[index].key, convolution: convolutions[index].convolution,
          isTransposed: false, height: rows, width: columns))
    }
    for module in (input + [middle] + output).joined() {
      switch module {
      case .convolution(let index): add(index)
      case .halving(let index):
        // What is computed and then left out is not counted.
        (rows, columns) = (rows / 2, columns / 2)
        add(index)
      case .doubling(let index):
        (rows, columns) = (rows * 2, columns * 2)
        add(index)
      case .residual(let block):
        switch block.resampling {
        case .none: break
        case .halving: (rows, columns) = (rows / 2, columns / 2)
        case .doubling: (rows, columns) = (rows * 2, columns * 2)
        }
        add(block.firstConvolution)
        add(block.secondConvolution)
        if let skip = block.skip { add(skip) }
      case .attention(let block):
        add(block.input)
        add(block.output)
        let channels = block.attention.headCount * block.attention.headChannels
        attention += 2 * channels * rows * columns * rows * columns
      }
    }
    add(lastConvolution)
    return (layers, attention)
  }

  /// Multiply-adds of convolutions, linear layers and attention in a forward pass over one picture.
  func multiplyAddCount(height: Int, width: Int) -> Int {
    let (layers, attention) = layers(height: height, width: width)
    let blocks = (input + [middle] + output).joined()
    let linear = blocks.reduce(0) { sum, module in
      guard case .residual(let block) = module else { return sum }
      return sum + convolutions[block.embedding].convolution.weightCount
    }
    return layers.reduce(attention + linear) { $0 + $1.multiplyAddCount }
      + convolutions[timeLayers.first].convolution.weightCount
      + convolutions[timeLayers.second].convolution.weightCount
  }
}

extension DiffusionConfiguration {
  /// The convolutions that see pixels, in the order of a pass over one picture; nothing for a form that has a
  /// `problem`.
  public func layers(height: Int, width: Int) -> [NetworkLayer] {
    problem == nil ? DiffusionLayout(self).layers(height: height, width: width).layers : []
  }
}
