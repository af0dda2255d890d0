import Tensors

extension ParameterStore {
  /// Parameters and running statistics under PyTorch's names and in its layouts.
  var state: StateDictionary {
    var tensors = parameterTensors(values)
    var index = 0
    for place in places {
      switch place {
      case .convolution(let place):
        index += place.bias == nil ? 1 : 2
      case .normalization(let place):
        let statistics = running[place.index]
        let shape = [place.weight.count]
        index += 2
        tensors.insert(
          contentsOf: [
            NamedTensor(place.key + ".running_mean", shape, statistics.mean),
            NamedTensor(place.key + ".running_var", shape, statistics.variance),
            NamedTensor(
              name: place.key + ".num_batches_tracked", shape: [],
              contents: .int64([statistics.batchCount])),
          ], at: index)
        index += 3
      }
    }
    return StateDictionary(tensors)
  }

  /// Any flat list laid out like the parameters (moments, gradients) as named tensors.
  func parameterTensors(_ list: [Float]) -> [NamedTensor] {
    precondition(list.count == values.count, "\(list.count) values for \(values.count) parameters")
    var tensors: [NamedTensor] = []
    for place in places {
      switch place {
      case .convolution(let place):
        tensors.append(
          NamedTensor(place.key + ".weight", place.weightShape, place.exported(list)))
        if let bias = place.bias {
          tensors.append(NamedTensor(place.key + ".bias", [bias.count], Array(list[bias])))
        }
      case .normalization(let place):
        tensors.append(
          NamedTensor(place.key + ".weight", [place.weight.count], Array(list[place.weight])))
        tensors.append(
          NamedTensor(place.key + ".bias", [place.bias.count], Array(list[place.bias])))
      }
    }
    return tensors
  }

  /// Takes parameters and running statistics from a state.
  ///
  /// `num_batches_tracked` may be absent, as in files of PyTorch before 0.4.1.
  mutating func load(_ state: StateDictionary) throws(NetworkError) {
    let tensors = state.byName
    values = try parameterList(from: tensors)
    for place in places {
      guard case .normalization(let place) = place else { continue }
      let shape = [place.weight.count]
      running[place.index].mean = try tensors.floats(place.key + ".running_mean", shape)
      running[place.index].variance = try tensors.floats(place.key + ".running_var", shape)
      guard !running[place.index].variance.contains(where: { $0 < 0 }) else {
        throw .unknownArchitecture(problem: "\(place.key).running_var holds no variances")
      }
      if case .int64(let counts) = tensors[place.key + ".num_batches_tracked"]?.contents {
        running[place.index].batchCount = counts.first ?? 0
      }
    }
  }

  /// A flat list laid out like the parameters from named tensors.
  func parameterList(from tensors: [String: NamedTensor]) throws(NetworkError) -> [Float] {
    var list = [Float](repeating: 0, count: values.count)
    for place in places {
      switch place {
      case .convolution(let place):
        let weights = try tensors.floats(place.key + ".weight", place.weightShape)
        place.importWeights(weights, into: &list)
        if let bias = place.bias {
          list.replaceSubrange(bias, with: try tensors.floats(place.key + ".bias", [bias.count]))
        }
      case .normalization(let place):
        let shape = [place.weight.count]
        list.replaceSubrange(
          place.weight, with: try tensors.floats(place.key + ".weight", shape))
        list.replaceSubrange(place.bias, with: try tensors.floats(place.key + ".bias", shape))
      }
    }
    return list
  }
}

extension [String: NamedTensor] {
  /// The elements of a tensor of single-precision numbers and given shape.
  func floats(_ name: String, _ shape: [Int]) throws(NetworkError) -> [Float] {
    guard let tensor = self[name] else { throw .missingTensor(name: name) }
    guard case .float32(let values) = tensor.contents else {
      throw .unknownArchitecture(problem: "\(name) holds whole numbers")
    }
    guard tensor.shape == shape else {
      throw .wrongShape(name: name, expected: shape, found: tensor.shape)
    }
    return values
  }
}

extension ConvolutionPlace {
  /// `[k, k, in, out]` → `[out, in, k, k]`.
  func exported(_ list: [Float]) -> [Float] {
    let (outputs, inputs) = (convolution.outputChannels, convolution.inputChannels)
    let taps = convolution.shape.kernelSize * convolution.shape.kernelSize
    return list.withUnsafeBufferPointer { source in
      [Float](unsafeUninitializedCapacity: outputs * inputs * taps) { target, count in
        for tap in 0..<taps {
          for input in 0..<inputs {
            let row = weightOffset + (tap * inputs + input) * outputs
            for output in 0..<outputs {
              target[(output * inputs + input) * taps + tap] = source[row + output]
            }
          }
        }
        count = outputs * inputs * taps
      }
    }
  }

  /// `[out, in, k, k]` → `[k, k, in, out]`.
  func importWeights(_ weights: [Float], into list: inout [Float]) {
    let (outputs, inputs) = (convolution.outputChannels, convolution.inputChannels)
    let taps = convolution.shape.kernelSize * convolution.shape.kernelSize
    list.withUnsafeMutableBufferPointer { target in
      weights.withUnsafeBufferPointer { source in
        for tap in 0..<taps {
          for input in 0..<inputs {
            let row = weightOffset + (tap * inputs + input) * outputs
            for output in 0..<outputs {
              target[row + output] = source[(output * inputs + input) * taps + tap]
            }
          }
        }
      }
    }
  }
}
