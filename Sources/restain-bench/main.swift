import CommandLineKit
import Foundation

exit(BenchmarkProgram.run(Array(ProcessInfo.processInfo.arguments.dropFirst())).rawValue)
