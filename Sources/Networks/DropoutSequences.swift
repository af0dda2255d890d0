public import Tensors

/// Which random numbers decide the dropout of a forward pass.
public enum DropoutSequences: Sendable, Equatable {
  /// Training: a seed for all steps and the number of this one.
  case step(seed: UInt64, number: Int)
  /// Prediction: one seed a sample, so that a tile's result does not depend on its batch.
  case tiles([UInt64])

  /// The sequence of one sample at one level of the network.
  public func sequence(sample: Int, level: Int) -> CounterRandom {
    switch self {
    case .step(let seed, let number):
      CounterRandom(
        seed: seed, stream: UInt64(number) << 20 | UInt64(sample) << 4 | UInt64(level))
    case .tiles(let seeds):
      CounterRandom(seed: seeds[sample], stream: UInt64(level))
    }
  }
}
