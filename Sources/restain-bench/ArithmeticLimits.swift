import Tensors

/// Floating-point operations a second on one thread, in units of 10⁹.
enum ArithmeticLimits {
  /// A loop that only multiplies and adds, in registers: the peak.
  static func multiplyAdds(_ kernels: KernelFamily, _ context: BenchmarkContext) -> Double {
    // A few milliseconds.
    let roundCount = 1_000_000
    var operationCount = 0
    let seconds = context.leastSeconds {
      operationCount = kernels.runMultiplyAdds(roundCount: roundCount).operationCount
    }
    return Double(operationCount) / seconds / 1e9
  }

  /// 256 pixels of 256 channels times a matrix of 256 × 256: the networks' own product.
  static func product(_ kernels: KernelFamily, _ context: BenchmarkContext) -> Double {
    let compute = ComputeContext(parallelism: .serial, kernels: kernels)
    let layer = Convolution(shape: .pointwise, inputChannels: 256, outputChannels: 256)
    let weights = layer.packed(noise([256, 256], seed: 3).values, context: compute)
    let input = noise([1, 16, 16, 256], seed: 4)
    let seconds = context.leastSeconds {
      _ = layer.forward(input, weights: weights, context: compute)
    }
    return 2 * Double(16 * 16 * 256 * 256) / seconds / 1e9
  }

  /// 4 × 4 windows at every other pixel, 128 → 256 channels at 32 × 32 pixels.
  static func convolution(_ kernels: KernelFamily, _ context: BenchmarkContext) -> Double {
    let compute = ComputeContext(parallelism: .serial, kernels: kernels)
    let layer = Convolution(shape: .halving, inputChannels: 128, outputChannels: 256)
    let weights = layer.packed(noise([4, 4, 128, 256], seed: 3).values, context: compute)
    let input = noise([1, 34, 34, 128], seed: 4)
    let seconds = context.leastSeconds {
      _ = layer.forward(input, weights: weights, context: compute)
    }
    return 2 * Double(16 * 16 * 16 * 128 * 256) / seconds / 1e9
  }

  /// OpenBLAS on matrices of 512 × 512.
  static func matrixLibrary(_ context: BenchmarkContext) -> Double {
    let side = 512
    let left = noise([side, side], seed: 1)
    let right = noise([side, side], seed: 2)
    let seconds = context.leastSeconds { _ = BLASLibrary.product(left, right) }
    return 2 * Double(side * side * side) / seconds / 1e9
  }

  private static func noise(_ shape: [Int], seed: UInt64) -> Tensor {
    let random = CounterRandom(seed: seed, stream: 0)
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, values: (0..<count).map { random.uniform(at: UInt64($0)) - 0.5 })
  }
}

/// Bytes a second, in units of 10⁹, of blocks that are larger than the caches.
enum MemoryLimits {
  private static let byteCount = 128 << 20

  /// Bytes read and written by a copy.
  static func copying(_ context: BenchmarkContext) -> Double {
    withBlock { source in
      withBlock { target in
        let seconds = context.leastSeconds {
          target.copyMemory(from: UnsafeRawBufferPointer(source))
        }
        return 2 * Double(byteCount) / seconds / 1e9
      }
    }
  }

  /// Bytes that are only read.
  static func reading(_ context: BenchmarkContext) -> Double {
    withBlock { source in
      let words = source.bindMemory(to: SIMD16<UInt32>.self)
      var total = SIMD16<UInt32>()
      let seconds = context.leastSeconds {
        var (first, second) = (SIMD16<UInt32>(), SIMD16<UInt32>())
        var index = 0
        while index < words.count {
          first |= words[index]
          second |= words[index + 1]
          index += 2
        }
        total |= first | second
      }
      precondition(total[0] == 1, "what was written was not read")
      return Double(byteCount) / seconds / 1e9
    }
  }

  private static func withBlock<Result>(
    _ body: (UnsafeMutableRawBufferPointer) -> Result
  ) -> Result {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    defer { block.deallocate() }
    block.initializeMemory(as: UInt32.self, repeating: 1)
    return body(block)
  }
}
