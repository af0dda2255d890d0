/// What can go wrong below the networks.
public enum TensorError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The matrix library computed a known product wrongly on this CPU.
  case matrixLibraryWrong(coreName: String, error: Double)

  /// One line: subject, problem, next step.
  public var description: String {
    switch self {
    case .matrixLibraryWrong(let coreName, let error):
      "OpenBLAS (\(coreName) kernels): a test product is off by \(error); "
        + "set OPENBLAS_CORETYPE to another core or update the library"
    }
  }
}
