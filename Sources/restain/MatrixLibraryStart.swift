import Foundation
import Tensors

/// The matrix library's kernels, settled before anything else.
enum MatrixLibraryStart {
  /// Makes the library choose its kernels by this CPU; where the running one cannot be told, starts the
  /// program anew in this process with the library's variable set.
  ///
  /// - Parameters:
  ///   - arguments: The command line, the program's name first.
  ///   - environment: The variables of the process.
  static func settle(arguments: [String], environment: [String: String]) {
    let variable = BLASLibrary.coreVariable
    guard let core = BLASLibrary.settle(requested: environment[variable]) else { return }
    setenv(variable, core, 1)
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    execv("/proc/self/exe", words)
    // Not started anew: the library is slow, its self-test still holds.
    for word in words { free(word) }
  }
}
