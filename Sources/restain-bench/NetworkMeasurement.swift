import Reporting
import Tensors

/// What the network suites report, under the names of the command line's contract.
struct NetworkMeasurement: Encodable {
  /// Nothing for training.
  var tilesPerSecond: Double?
  let secondsPerStep: Double
  /// Multiply-adds of the forward pass on one tile, in units of 10⁹.
  let gmac: Double
  let parameters: Int
  let peakMib: Double?
  let threads: Int
  let batch: Int
  let kernels: String

  private enum CodingKeys: String, CodingKey {
    case gmac, parameters, threads, batch, kernels
    case tilesPerSecond = "tiles_per_second"
    case secondsPerStep = "seconds_per_step"
    case peakMib = "peak_mib"
  }

  /// The line for people.
  var line: String {
    let rate =
      tilesPerSecond.map { "\(HumanText.fixed($0, decimals: 1)) tiles/s" }
      ?? "\(HumanText.fixed(secondsPerStep, decimals: 3)) s a step"
    return "\(rate), \(HumanText.fixed(gmac, decimals: 3)) GMAC forward a tile, "
      + "\(parameters) parameters, peak \(HumanText.fixed(peakMib ?? 0, decimals: 0)) MiB"
  }
}
