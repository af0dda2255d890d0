/// Minimises a smooth function of many numbers by L-BFGS with backtracking (Armijo) steps.
///
/// Reference: Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 and 7.5.
struct LimitedMemoryMinimizer {
  /// Pairs of steps and gradient changes that are remembered.
  var memory = 8
  var maxIterations = 60
  /// Stops when the value falls by less than this share over five iterations.
  var relativeTolerance = 1e-4
  /// The largest entry of the first step.
  var firstStep = 0.5
  /// The largest entry of any step.
  var longestStep = 4.0

  /// - Parameters:
  ///   - start: Where to begin.
  ///   - evaluate: The function's value and gradient.
  /// - Returns: The best point found and the value there.
  func minimum(
    from start: [Double], _ evaluate: ([Double]) -> (value: Double, gradient: [Double])
  ) -> (point: [Double], value: Double) {
    var point = start
    var (value, gradient) = evaluate(point)
    var steps: [(step: [Double], change: [Double], inverse: Double)] = []
    var history = [value]
    for _ in 0..<maxIterations {
      var direction = Self.direction(gradient, steps)
      var slope = Self.dot(direction, gradient)
      if slope >= 0 {
        steps = []
        direction = gradient.map { -$0 }
        slope = -Self.dot(gradient, gradient)
      }
      let largest = direction.reduce(0) { max($0, abs($1)) }
      guard largest > 0, slope < 0 else { break }
      var length = steps.isEmpty ? firstStep / largest : min(1, longestStep / largest)
      var accepted: (point: [Double], value: Double, gradient: [Double])?
      for _ in 0..<12 {
        let next = point.indices.map { point[$0] + length * direction[$0] }
        let trial = evaluate(next)
        if trial.value <= value + 1e-4 * length * slope {
          accepted = (next, trial.value, trial.gradient)
          break
        }
        length *= steps.isEmpty ? 0.25 : 0.5
      }
      guard let accepted else {
        if steps.isEmpty { break }
        steps = []
        continue
      }
      let step = point.indices.map { accepted.point[$0] - point[$0] }
      let change = point.indices.map { accepted.gradient[$0] - gradient[$0] }
      let curvature = Self.dot(step, change)
      if curvature > 1e-10 * Self.dot(change, change) {
        steps.append((step, change, 1 / curvature))
        if steps.count > memory { steps.removeFirst() }
      }
      (point, value, gradient) = accepted
      history.append(value)
      if history.count > 5 {
        let before = history[history.count - 6]
        if before - value < relativeTolerance * abs(before) { break }
      }
    }
    return (point, value)
  }

  private static func direction(
    _ gradient: [Double], _ steps: [(step: [Double], change: [Double], inverse: Double)]
  ) -> [Double] {
    var result = gradient
    var weights = [Double](repeating: 0, count: steps.count)
    for index in steps.indices.reversed() {
      weights[index] = steps[index].inverse * dot(steps[index].step, result)
      add(-weights[index], steps[index].change, to: &result)
    }
    if let last = steps.last {
      let scale = 1 / (last.inverse * dot(last.change, last.change))
      for index in result.indices { result[index] *= scale }
    }
    for index in steps.indices {
      let weight = steps[index].inverse * dot(steps[index].change, result)
      add(weights[index] - weight, steps[index].step, to: &result)
    }
    for index in result.indices { result[index] = -result[index] }
    return result
  }

  private static func dot(_ first: [Double], _ second: [Double]) -> Double {
    var sum = 0.0
    for index in first.indices { sum += first[index] * second[index] }
    return sum
  }

  private static func add(_ factor: Double, _ values: [Double], to target: inout [Double]) {
    for index in target.indices { target[index] += factor * values[index] }
  }
}
