import CommandLineKit
import Foundation

let process = ProcessInfo.processInfo
exit(
  BenchmarkProgram.run(Array(process.arguments.dropFirst()), environment: process.environment)
    .rawValue)
