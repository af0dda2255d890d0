import CommandLineKit
import Foundation

let process = ProcessInfo.processInfo
let environment = process.environment
MatrixLibraryStart.settle(arguments: process.arguments, environment: environment)
exit(Program.run(Array(process.arguments.dropFirst()), environment: environment).rawValue)
