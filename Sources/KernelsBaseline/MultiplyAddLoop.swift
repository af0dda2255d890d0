/// `sumᵢ = addend + sumᵢ · factor` in twelve independent chains, `roundCount` times each: what the
/// CPU's multiply-add units can do at most, with everything in registers.
///
/// Twelve chains hide a latency of four to six cycles at two operations a cycle, and leave registers for
/// the operands where there are sixteen. The sums are written to `output`, `[12, vectorWidth]`, so that
/// they are computed at all. Counts as 24 · vectorWidth · roundCount operations.
@inline(never)
public func multiplyAddLoop(
  roundCount: Int, factor: Float, addend: Float, output: UnsafeMutablePointer<Float>
) {
  let factor = Vector(repeating: factor)
  let addend = Vector(repeating: addend)
  var sum0 = Vector(repeating: 1)
  var sum1 = Vector(repeating: 2)
  var sum2 = Vector(repeating: 3)
  var sum3 = Vector(repeating: 4)
  var sum4 = Vector(repeating: 5)
  var sum5 = Vector(repeating: 6)
  var sum6 = Vector(repeating: 7)
  var sum7 = Vector(repeating: 8)
  var sum8 = Vector(repeating: 9)
  var sum9 = Vector(repeating: 10)
  var sum10 = Vector(repeating: 11)
  var sum11 = Vector(repeating: 12)
  var round = 0
  while round < roundCount {
    sum0 = multiplyAdd(addend, sum0, factor)
    sum1 = multiplyAdd(addend, sum1, factor)
    sum2 = multiplyAdd(addend, sum2, factor)
    sum3 = multiplyAdd(addend, sum3, factor)
    sum4 = multiplyAdd(addend, sum4, factor)
    sum5 = multiplyAdd(addend, sum5, factor)
    sum6 = multiplyAdd(addend, sum6, factor)
    sum7 = multiplyAdd(addend, sum7, factor)
    sum8 = multiplyAdd(addend, sum8, factor)
    sum9 = multiplyAdd(addend, sum9, factor)
    sum10 = multiplyAdd(addend, sum10, factor)
    sum11 = multiplyAdd(addend, sum11, factor)
    round += 1
  }
  let bytes = UnsafeMutableRawPointer(output)
  let width = 4 * Vector.scalarCount
  bytes.storeBytes(of: sum0, as: Vector.self)
  bytes.storeBytes(of: sum1, toByteOffset: width, as: Vector.self)
  bytes.storeBytes(of: sum2, toByteOffset: 2 * width, as: Vector.self)
  bytes.storeBytes(of: sum3, toByteOffset: 3 * width, as: Vector.self)
  bytes.storeBytes(of: sum4, toByteOffset: 4 * width, as: Vector.self)
  bytes.storeBytes(of: sum5, toByteOffset: 5 * width, as: Vector.self)
  bytes.storeBytes(of: sum6, toByteOffset: 6 * width, as: Vector.self)
  bytes.storeBytes(of: sum7, toByteOffset: 7 * width, as: Vector.self)
  bytes.storeBytes(of: sum8, toByteOffset: 8 * width, as: Vector.self)
  bytes.storeBytes(of: sum9, toByteOffset: 9 * width, as: Vector.self)
  bytes.storeBytes(of: sum10, toByteOffset: 10 * width, as: Vector.self)
  bytes.storeBytes(of: sum11, toByteOffset: 11 * width, as: Vector.self)
}
