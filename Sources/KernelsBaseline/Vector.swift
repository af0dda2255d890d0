// The only file that differs between the kernel modules: everything else is one text, compiled three
// times (symbolic links in the other modules point to KernelsBaseline).

/// One register of floats in this CPU family.
typealias Vector = SIMD4<Float>

/// Floats in a SSE2 register; panels are one or two of these wide.
@inline(never)
public func vectorWidth() -> Int { 4 }

/// `sum + a · b` for every lane.
///
/// Without FMA hardware a fused multiply-add would become a call into the C library for every lane.
@inline(__always)
func multiplyAdd(_ sum: Vector, _ a: Vector, _ b: Vector) -> Vector { sum + a * b }
