// The only file that differs between the kernel modules: everything else is one text, compiled three
// times (symbolic links in the other modules point to KernelsBaseline).

/// One register of floats in this CPU family.
typealias Vector = SIMD16<Float>

/// Floats in a AVX-512 register; panels are one or two of these wide.
@inline(never)
public func vectorWidth() -> Int { 16 }

/// `sum + a · b` for every lane.
///
/// Swift does not contract `a * b + c`, so the fused form is asked for by name.
@inline(__always)
func multiplyAdd(_ sum: Vector, _ a: Vector, _ b: Vector) -> Vector { sum.addingProduct(a, b) }
