import COpenBLAS
import Foundation

/// What the matrix library is and which kernels it uses, for `restain version`.
public struct BLASInformation: Sendable, Equatable {
  /// The kernels in use, such as `Zen` or `SkylakeX`.
  public let coreName: String
  /// The library's own description of its version and build.
  public let configuration: String
}

/// The matrix library OpenBLAS: choice of its kernels, self-test, and products.
///
/// Debian 12's OpenBLAS does not know CPUs newer than itself and then falls back to SSE3 kernels.
public enum BLASLibrary {
  /// Prepares the library; call once at the start of the program, before any product.
  ///
  /// Chooses kernels by what the CPU can run when the library chose poorly, sets its threads to one (work
  /// is spread outside), and checks a product against a sum in double precision.
  ///
  /// - Throws: ``TensorError/matrixLibraryWrong(coreName:error:)`` if the product is wrong.
  public static func prepare() throws(TensorError) -> BLASInformation {
    if let better = betterCore(than: currentCore) {
      // The library reads the variable when it chooses; nothing else has started yet.
      setenv("OPENBLAS_CORETYPE", better, 1)
      gotoblas_dynamic_quit()
      gotoblas_dynamic_init()
    }
    openblas_set_num_threads(1)
    let error = selfTestError()
    // 64 products of numbers up to 1: a sum in single precision is good to about 64 · 6e-8.
    guard error < 64 * 6e-8 else {
      throw .matrixLibraryWrong(coreName: currentCore, error: error)
    }
    return BLASInformation(
      coreName: currentCore, configuration: String(cString: openblas_get_config()))
  }

  /// `C = A · B` for row-major matrices, on the calling thread.
  ///
  /// - Parameters:
  ///   - left: `[rows, inner]`.
  ///   - right: `[inner, columns]`.
  /// - Returns: `[rows, columns]`.
  /// - Precondition: Both are matrices and the inner sizes agree.
  public static func product(_ left: Tensor, _ right: Tensor) -> Tensor {
    precondition(
      left.shape.count == 2 && right.shape.count == 2 && left.shape[1] == right.shape[0],
      "\(left.shape) times \(right.shape) is no matrix product")
    let (rows, inner, columns) = (left.shape[0], left.shape[1], right.shape[1])
    return Tensor(shape: [rows, columns]) { result in
      left.withPointer { a in
        right.withPointer { b in
          cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans,
            Int32(rows), Int32(columns), Int32(inner),
            1, a, Int32(inner), b, Int32(columns),
            0, result, Int32(columns)
          )
        }
      }
    }
  }

  private static var currentCore: String { String(cString: openblas_get_corename()) }

  /// The core to choose instead of `name`; nil when that one already uses the CPU's vectors.
  private static func betterCore(than name: String) -> String? {
    let wide = ["SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"]
    let middle = ["HASWELL", "ZEN"] + wide
    if KernelFamily.avx512.isSupported {
      return wide.contains(name.uppercased()) ? nil : "SKYLAKEX"
    }
    if KernelFamily.avx2.isSupported {
      return middle.contains(name.uppercased()) ? nil : "HASWELL"
    }
    return nil
  }

  /// The largest error of a product with odd sizes, so that kernels' edges are part of the test.
  private static func selfTestError() -> Double {
    let (rows, inner, columns) = (37, 61, 45)
    let random = CounterRandom(seed: 1, stream: 0)
    let left = Tensor(
      shape: [rows, inner],
      values: (0..<rows * inner).map { random.uniform(at: UInt64($0)) - 0.5 })
    let right = Tensor(
      shape: [inner, columns],
      values: (0..<inner * columns).map { random.uniform(at: UInt64($0 + rows * inner)) - 0.5 })
    let result = product(left, right)
    var worst = 0.0
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = 0.0
        for k in 0..<inner {
          sum += Double(left.values[row * inner + k]) * Double(right.values[k * columns + column])
        }
        let difference = abs(Double(result.values[row * columns + column]) - sum)
        // A result that is not a number must fail too.
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
    }
    return worst
  }
}
