import COpenBLAS
import Foundation

/// What the matrix library is and which kernels it uses, for `restain version`.
public struct BLASInformation: Sendable, Equatable {
  /// The kernels in use, such as `Zen` or `SkylakeX`.
  public let coreName: String
  /// The library's own description of its version and build.
  public let configuration: String
  /// The largest error of the test products, whose numbers are within ±0.5.
  public let selfTestError: Double
}

/// The matrix library OpenBLAS: choice of its kernels, self-test, and products.
public enum BLASLibrary {
  /// The variable of the environment that the library reads when it is loaded.
  public static let coreVariable = "OPENBLAS_CORETYPE"

  /// Prepares the library; call before the first product.
  ///
  /// Takes the first of ``BLASCores/candidates(current:requested:)`` whose test products are right, and
  /// sets the library's threads to one, since work is spread outside. The variable is set for child
  /// processes where the library had to be told.
  ///
  /// - Parameter requested: What the environment's ``coreVariable`` asked for at the start.
  /// - Returns: What was chosen.
  /// - Throws: ``TensorError/matrixLibraryWrong(coreName:error:)`` if no kernels multiply right.
  public static func prepare(requested: String? = nil) throws(TensorError) -> BLASInformation {
    openblas_set_num_threads(1)
    var worst = BLASSelfTest.Result(error: .infinity, isPassed: false)
    for core in thisCPU.candidates(current: currentCore, requested: requested)
    where choose(core) {
      worst = BLASSelfTest.run()
      if worst.isPassed {
        return BLASInformation(
          coreName: currentCore, configuration: String(cString: openblas_get_config()),
          selfTestError: worst.error)
      }
    }
    throw .matrixLibraryWrong(coreName: currentCore, error: worst.error)
  }

  /// Chooses kernels before anything else runs, without testing them.
  ///
  /// - Parameter requested: What the environment's ``coreVariable`` asks for.
  /// - Returns: Nil where the library now uses the best; else the core that the variable must name in a
  ///   program that is started anew, since this library cannot be told while it runs.
  public static func settle(requested: String?) -> String? {
    let candidates = thisCPU.candidates(current: currentCore, requested: requested)
    guard let best = candidates.first, !choose(best) else { return nil }
    // Asked for already: a new start would not change anything.
    return requested.map { $0.isEmpty } ?? true ? best : nil
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

  private static var thisCPU: BLASCores {
    BLASCores(family: .best, isAMD: restain_is_amd() != 0)
  }

  /// Makes the library use a core's kernels; false where it does not.
  private static func choose(_ core: String) -> Bool {
    func isChosen() -> Bool { currentCore.uppercased() == core.uppercased() }
    if isChosen() { return true }
    // The library reads the variable when it chooses.
    setenv(coreVariable, core, 1)
    return restain_choose_blas_kernels() != 0 && isChosen()
  }
}
