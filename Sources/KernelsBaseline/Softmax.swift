/// The sum of the lanes, in order.
@inline(__always)
private func total(_ value: Vector) -> Float {
  var sum: Float = 0
  var lane = 0
  while lane < Vector.scalarCount {
    sum += value[lane]
    lane += 1
  }
  return sum
}

/// `eˣ / Σ eˣ` in place, with the largest value subtracted before.
///
/// - Parameters:
///   - count: At least 1.
///   - values: Overwritten.
@inline(never)
public func softmax(count: Int, values: UnsafeMutablePointer<Float>) {
  let width = Vector.scalarCount
  let whole = count - count % width
  var highest = Vector(repeating: values[0])
  var index = 0
  while index < whole {
    let x = load(values + index)
    highest = highest.replacing(with: x, where: x .> highest)
    index += width
  }
  var largest = highest[0]
  var lane = 1
  while lane < width {
    if highest[lane] > largest { largest = highest[lane] }
    lane += 1
  }
  while index < count {
    if values[index] > largest { largest = values[index] }
    index += 1
  }
  var sums = Vector()
  index = 0
  while index < whole {
    let e = exponential(bounded: clamped(load(values + index) - largest, -87, 88))
    store(e, values + index, first: width)
    sums += e
    index += width
  }
  var sum = total(sums)
  if whole < count {
    let rest = count - whole
    let e = exponential(bounded: clamped(load(values + whole, first: rest) - largest, -87, 88))
    store(e, values + whole, first: rest)
    lane = 0
    while lane < rest {
      sum += e[lane]
      lane += 1
    }
  }
  let factor = 1 / sum
  index = 0
  while index < whole {
    store(load(values + index) * factor, values + index, first: width)
    index += width
  }
  while index < count {
    values[index] *= factor
    index += 1
  }
}

/// The backward pass of ``softmax`` in place: `g ← p · (g − Σ g · p)`.
///
/// - Parameters:
///   - count: At least 1.
///   - probabilities: What the forward pass gave.
///   - gradient: Overwritten.
@inline(never)
public func softmaxGradient(
  count: Int, probabilities: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>
) {
  let width = Vector.scalarCount
  let whole = count - count % width
  var sums = Vector()
  var index = 0
  while index < whole {
    sums = multiplyAdd(sums, load(probabilities + index), load(gradient + index))
    index += width
  }
  var sum = total(sums)
  while index < count {
    sum += probabilities[index] * gradient[index]
    index += 1
  }
  index = 0
  while index < whole {
    store(
      load(probabilities + index) * (load(gradient + index) - sum), gradient + index, first: width)
    index += width
  }
  while index < count {
    gradient[index] = probabilities[index] * (gradient[index] - sum)
    index += 1
  }
}
