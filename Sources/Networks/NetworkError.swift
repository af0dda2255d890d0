/// What can go wrong with networks and their files.
public enum NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A file could not be read or written.
  case fileAccess(path: String, reason: String)
  /// A file is not a valid safetensors file.
  case malformedFile(name: String, problem: String)
  /// A file is not what PyTorch writes, or holds what is not taken from it.
  case malformedCheckpoint(name: String, problem: String)
  /// A tensor that the network needs is not in the state.
  case missingTensor(name: String)
  /// A tensor of the state does not have the shape that the network gives it.
  case wrongShape(name: String, expected: [Int], found: [Int])
  /// The names or shapes of a state belong to no network of this kind.
  case unknownArchitecture(problem: String)
  /// A picture's size does not suit the network.
  case unsuitableSize(height: Int, width: Int, multiple: Int)
  /// A network made numbers that are not finite of a picture.
  case notFinite
  /// A step of training gave numbers that are not finite; the trainer is as it was before the step.
  case diverged(step: Int)

  /// One line: subject, problem, next step.
  public var description: String {
    switch self {
    case .fileAccess(let path, let reason):
      "\(path): \(reason); check the path and its permissions"
    case .malformedFile(let name, let problem):
      "\(name): no valid safetensors file, \(problem); make or copy the file again"
    case .malformedCheckpoint(let name, let problem):
      "\(name): no usable PyTorch file, \(problem); save the network's state_dict() again"
    case .missingTensor(let name):
      "\(name): the model does not hold this tensor; check its architecture"
    case .wrongShape(let name, let expected, let found):
      "\(name): the shape is \(found) where the network has \(expected); check the model's architecture"
    case .unknownArchitecture(let problem):
      "the model: \(problem); check its architecture"
    case .unsuitableSize(let height, let width, let multiple):
      "a tile of \(width) × \(height) pixels: the network needs multiples of \(multiple); "
        + "choose another tile size"
    case .notFinite:
      "the network: gives numbers that are not finite; use another model"
    case .diverged(let step):
      "step \(step): the loss or its gradient is not finite; "
        + "go on from an earlier checkpoint with a lower learning rate"
    }
  }
}
