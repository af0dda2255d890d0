/// Reads one pickle of protocol 2 without executing anything.
///
/// Knows the operations that `torch.save` writes and the names of ``PickleGlobal``; all else is refused.
/// Work and memory are proportional to the bytes of the pickle, and both are bounded.
///
/// Reference: CPython, Lib/pickletools.py (meaning of the operations); PyTorch,
/// torch/_weights_only_unpickler.py (which of them a checkpoint needs).
struct Unpickler {
  /// The objects made.
  private(set) var nodes: [PickleNode] = []
  private var stack: [Int32] = []
  private var marks: [Int] = []
  private var memo: [UInt64: Int32] = [:]
  /// Items copied from one object into another: a file may repeat that with few bytes.
  private var copiedCount = 0
  private let source: CheckpointSource

  /// More than the largest checkpoint known needs (some ten thousand) by two orders of magnitude.
  private static let largestNodeCount = 1_000_000
  private static let largestMarkCount = 1000
  private static let largestText = 1 << 20
  /// PyTorch itself takes no more axes.
  private static let largestAxisCount = 64

  init(source: CheckpointSource) { self.source = source }

  /// Reads up to and with the next end of a pickle.
  ///
  /// - Returns: The index of the object.
  mutating func load(_ stream: inout CheckpointStream) throws(NetworkError) -> Int {
    stack = []
    marks = []
    memo = [:]
    while true {
      let code = try stream.byte()
      switch code {
      case UInt8(ascii: "."):
        guard stack.count == 1, marks.isEmpty else { throw damaged }
        return Int(stack[0])
      case 0x80:
        let version = try stream.byte()
        guard version <= 2 else {
          throw source.malformed("it is a pickle of protocol \(version), not 2")
        }
      case UInt8(ascii: "K"), UInt8(ascii: "M"), UInt8(ascii: "J"), 0x8A, UInt8(ascii: "G"):
        try push(number(code, &stream))
      case UInt8(ascii: "X"), UInt8(ascii: "T"), UInt8(ascii: "U"):
        try push(.text(text(code, &stream)))
      case UInt8(ascii: "N"): try push(.none)
      case 0x88: try push(.boolean(true))
      case 0x89: try push(.boolean(false))
      case UInt8(ascii: "q"): try remember(UInt64(stream.byte()))
      case UInt8(ascii: "r"): try remember(stream.unsigned(4))
      case UInt8(ascii: "h"): try recall(UInt64(stream.byte()))
      case UInt8(ascii: "j"): try recall(stream.unsigned(4))
      case UInt8(ascii: "c"):
        let (module, name) = (try stream.line(), try stream.line())
        guard let global = PickleGlobal(module: module, name: name) else {
          throw source.malformed("it asks for \(printable("\(module).\(name)")), which is refused")
        }
        try push(.global(global))
      case UInt8(ascii: "R"):
        let arguments = try popTuple()
        try push(reduced(try popGlobal(), arguments))
      case UInt8(ascii: "b"):
        // The state of an ordered dictionary is its attributes, such as `_metadata`: not needed.
        _ = try pop()
        guard let last = stack.last, case .dictionary = nodes[Int(last)] else {
          throw source.malformed("it restores an object that is no dictionary, which is refused")
        }
      case UInt8(ascii: "Q"): try push(.storage(storage(try popTuple())))
      default: try collect(code)
      }
    }
  }

  // MARK: - Operations

  /// Tuples, lists and dictionaries.
  private mutating func collect(_ code: UInt8) throws(NetworkError) {
    switch code {
    case UInt8(ascii: "("):
      guard marks.count < Self.largestMarkCount else {
        throw source.malformed("its pickle is nested too deeply")
      }
      marks.append(stack.count)
    case UInt8(ascii: ")"): try push(.tuple([]))
    case UInt8(ascii: "]"): try push(.list([]))
    case UInt8(ascii: "}"): try push(.dictionary([]))
    case 0x85, 0x86, 0x87: try push(.tuple(popped(Int(code) - 0x84)))
    case UInt8(ascii: "t"): try push(.tuple(poppedToMark()))
    case UInt8(ascii: "a"): try extend(popped(1), isList: true)
    case UInt8(ascii: "e"): try extend(poppedToMark(), isList: true)
    case UInt8(ascii: "s"): try extend(popped(2), isList: false)
    case UInt8(ascii: "u"): try extend(poppedToMark(), isList: false)
    default:
      let digits = String(code, radix: 16, uppercase: true)
      throw source.malformed("its pickle uses the operation 0x\(digits), which is refused")
    }
  }

  private func number(
    _ code: UInt8, _ stream: inout CheckpointStream
  ) throws(NetworkError) -> PickleNode {
    switch code {
    case UInt8(ascii: "K"): return .integer(Int64(try stream.byte()))
    case UInt8(ascii: "M"): return .integer(Int64(try stream.unsigned(2)))
    case UInt8(ascii: "J"):
      return .integer(Int64(Int32(truncatingIfNeeded: try stream.unsigned(4))))
    case UInt8(ascii: "G"):
      return .number(Double(bitPattern: try stream.unsigned(8).byteSwapped))
    default:
      let bytes = try stream.bytes(Int(try stream.byte()))
      guard bytes.count <= 8 else { return .longInteger(bytes) }
      var value: UInt64 = (bytes.last ?? 0) & 0x80 == 0 ? 0 : .max
      for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
      return .integer(Int64(bitPattern: value))
    }
  }

  private func text(
    _ code: UInt8, _ stream: inout CheckpointStream
  ) throws(NetworkError) -> String {
    let length = try stream.unsigned(code == UInt8(ascii: "U") ? 1 : 4)
    guard length <= Self.largestText else {
      throw source.malformed("it holds a text of \(length) bytes")
    }
    let bytes = try stream.bytes(Int(length))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw source.malformed("it holds a text that is not UTF-8")
    }
    return text
  }

  private mutating func reduced(
    _ global: PickleGlobal, _ arguments: [Int32]
  ) throws(NetworkError) -> PickleNode {
    switch global {
    case .orderedDictionary: return .dictionary(try pairs(arguments))
    case .rebuildTensor:
      guard (4...7).contains(arguments.count),
        case .storage(let storage) = node(arguments[0]),
        let offset = integer(arguments[1]), let shape = integers(arguments[2]),
        let strides = integers(arguments[3])
      else { throw damaged }
      return .tensor(
        PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides))
    case .rebuildParameter:
      guard let first = arguments.first, case .tensor(let tensor) = node(first) else {
        throw damaged
      }
      return .tensor(tensor)
    case .size:
      guard arguments.count == 1, case .tuple(let lengths) = node(arguments[0]) else {
        throw damaged
      }
      return .tuple(lengths)
    case .device:
      guard let first = arguments.first, case .text(let kind) = node(first) else { throw damaged }
      let index = arguments.count > 1 ? integer(arguments[1]) : nil
      return .text(index.map { "\(kind):\($0)" } ?? kind)
    case .storage:
      throw source.malformed("it makes a storage anew, which is refused")
    }
  }

  /// The pairs of `OrderedDict()` or `OrderedDict([[key, value], …])`.
  private mutating func pairs(_ arguments: [Int32]) throws(NetworkError) -> [Int32] {
    guard let first = arguments.first else { return [] }
    guard arguments.count == 1, case .list(let items) = node(first) else { throw damaged }
    copiedCount += items.count
    guard copiedCount <= Self.largestNodeCount else {
      throw source.malformed("it holds more than \(Self.largestNodeCount) objects")
    }
    var result: [Int32] = []
    for item in items {
      switch node(item) {
      case .list(let pair) where pair.count == 2: result += pair
      case .tuple(let pair) where pair.count == 2: result += pair
      default: throw damaged
      }
    }
    return result
  }

  /// `('storage', type, key, location, count[, view])`, where a view is nothing or `(key, offset, count)`.
  private func storage(_ items: [Int32]) throws(NetworkError) -> PickleStorage {
    guard items.count == 5 || items.count == 6, case .text("storage") = node(items[0]),
      case .global(.storage(let element)) = node(items[1]), let count = integer(items[4]),
      count >= 0
    else { throw damaged }
    let key: String
    switch node(items[2]) {
    case .text(let text): key = text
    case .integer(let number): key = String(number)
    default: throw damaged
    }
    var view: Range<Int>?
    if items.count == 6, case .tuple(let parts) = node(items[5]) {
      guard parts.count == 3, let offset = integer(parts[1]), let length = integer(parts[2]),
        offset >= 0, length >= 0, length <= count, offset <= count - length
      else { throw damaged }
      view = offset..<offset + length
    }
    return PickleStorage(key: key, element: element, count: count, view: view)
  }

  // MARK: - Stack

  private var damaged: NetworkError { source.malformed("its pickle is damaged") }

  private func node(_ index: Int32) -> PickleNode { nodes[Int(index)] }

  private func integer(_ index: Int32) -> Int? {
    if case .integer(let value) = node(index) { Int(value) } else { nil }
  }

  private func integers(_ index: Int32) -> [Int]? {
    guard case .tuple(let items) = node(index), items.count <= Self.largestAxisCount else {
      return nil
    }
    var result: [Int] = []
    for item in items {
      guard let value = integer(item) else { return nil }
      result.append(value)
    }
    return result
  }

  private mutating func push(_ node: PickleNode) throws(NetworkError) {
    guard nodes.count < Self.largestNodeCount else {
      throw source.malformed("it holds more than \(Self.largestNodeCount) objects")
    }
    stack.append(Int32(nodes.count))
    nodes.append(node)
  }

  private mutating func pop() throws(NetworkError) -> Int32 {
    guard stack.count > marks.last ?? 0, let top = stack.popLast() else { throw damaged }
    return top
  }

  private mutating func popped(_ count: Int) throws(NetworkError) -> [Int32] {
    guard stack.count - (marks.last ?? 0) >= count else { throw damaged }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func poppedToMark() throws(NetworkError) -> [Int32] {
    guard let mark = marks.popLast() else { throw damaged }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private mutating func popTuple() throws(NetworkError) -> [Int32] {
    guard case .tuple(let items) = node(try pop()) else { throw damaged }
    return items
  }

  private mutating func popGlobal() throws(NetworkError) -> PickleGlobal {
    guard case .global(let global) = node(try pop()) else {
      throw source.malformed("it calls something that is no class of a checkpoint")
    }
    return global
  }

  private mutating func remember(_ key: UInt64) throws(NetworkError) {
    guard let top = stack.last else { throw damaged }
    memo[key] = top
    guard memo.count <= Self.largestNodeCount else {
      throw source.malformed("it holds more than \(Self.largestNodeCount) objects")
    }
  }

  private mutating func recall(_ key: UInt64) throws(NetworkError) {
    guard let index = memo[key] else { throw damaged }
    // A place on the stack counts as an object: it costs memory like one.
    guard stack.count < Self.largestNodeCount else {
      throw source.malformed("it holds more than \(Self.largestNodeCount) objects")
    }
    stack.append(index)
  }

  private mutating func extend(_ items: [Int32], isList: Bool) throws(NetworkError) {
    guard stack.count > marks.last ?? 0, let top = stack.last else { throw damaged }
    // Taken out while it grows, so that it is not copied.
    let target = nodes[Int(top)]
    nodes[Int(top)] = .none
    switch (target, isList) {
    case (.list(var list), true):
      list += items
      nodes[Int(top)] = .list(list)
    case (.dictionary(var pairs), false) where items.count.isMultiple(of: 2):
      pairs += items
      nodes[Int(top)] = .dictionary(pairs)
    default: throw damaged
    }
  }
}

/// A text of a hostile file, fit for one line of a message.
func printable(_ text: String) -> String {
  let scalars = text.unicodeScalars.prefix(80).map {
    $0.value >= 0x20 && $0.value < 0x7F ? Character($0) : "?"
  }
  return String(scalars)
}
