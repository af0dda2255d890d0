/// Turns what an unpickler made into values.
struct CheckpointTree {
  /// The bytes of a storage in the file.
  typealias Place = (_ storage: PickleStorage) throws(NetworkError) -> Range<Int>

  private let nodes: [PickleNode]
  private let source: CheckpointSource
  private let place: Place
  private var done: [Int32: (value: CheckpointValue, size: Int)] = [:]
  private var open: Set<Int32> = []

  private static let largestDepth = 64
  /// Objects that appear in several places count for each: a few bytes can stand for a tree without end.
  private static let largestSize = 4_000_000

  init(_ unpickler: Unpickler, source: CheckpointSource, place: @escaping Place) {
    nodes = unpickler.nodes
    self.source = source
    self.place = place
  }

  /// The value of an object.
  mutating func value(_ index: Int) throws(NetworkError) -> CheckpointValue {
    try visit(Int32(index), depth: 0).value
  }

  private mutating func visit(
    _ index: Int32, depth: Int
  ) throws(NetworkError) -> (value: CheckpointValue, size: Int) {
    if let known = done[index] { return known }
    guard depth < Self.largestDepth else { throw source.malformed("it is nested too deeply") }
    guard open.insert(index).inserted else { throw source.malformed("it contains itself") }
    defer { open.remove(index) }
    var size = 1
    let value: CheckpointValue
    switch nodes[Int(index)] {
    case .none: value = .none
    case .boolean(let flag): value = .boolean(flag)
    case .integer(let number): value = .integer(number)
    case .longInteger: throw source.malformed("it holds a number of more than 64 bits")
    case .number(let number): value = .number(number)
    case .text(let text): value = .text(text)
    case .tuple(let items), .list(let items):
      value = .list(try visitAll(items, depth, &size))
    case .dictionary(let pairs):
      value = .dictionary(try entries(visitAll(pairs, depth, &size)))
    case .tensor(let tensor): value = .tensor(try self.tensor(tensor))
    case .storage(let storage):
      value = .tensor(
        try tensor(
          PickleTensor(
            storage: storage, offset: 0, shape: [storage.view?.count ?? storage.count],
            strides: [1])))
    case .global: throw source.malformed("it holds a class where a value is expected")
    }
    done[index] = (value, size)
    return (value, size)
  }

  private mutating func visitAll(
    _ items: [Int32], _ depth: Int, _ size: inout Int
  ) throws(NetworkError) -> [CheckpointValue] {
    var values: [CheckpointValue] = []
    values.reserveCapacity(items.count)
    for item in items {
      let (value, itemSize) = try visit(item, depth: depth + 1)
      size += itemSize
      guard size <= Self.largestSize else {
        throw source.malformed("it repeats its objects more than \(Self.largestSize) times")
      }
      values.append(value)
    }
    return values
  }

  private func entries(
    _ values: [CheckpointValue]
  ) throws(NetworkError) -> [CheckpointEntry] {
    var names: Set<String> = []
    var result: [CheckpointEntry] = []
    for index in stride(from: 0, to: values.count, by: 2) {
      let entry = CheckpointEntry(key: values[index], value: values[index + 1])
      if let name = entry.name, !names.insert(name).inserted {
        throw source.malformed("it holds \(printable(name)) twice")
      }
      result.append(entry)
    }
    return result
  }

  private func tensor(_ tensor: PickleTensor) throws(NetworkError) -> CheckpointTensor {
    let storage = tensor.storage
    var bytes = try place(storage)
    let size = storage.element.size
    if let view = storage.view {
      // `place` has made sure that the bytes are those of `count` elements, which contain the view.
      let start = bytes.lowerBound
      bytes = start + view.lowerBound * size..<start + view.upperBound * size
    }
    return try CheckpointTensor(
      source: source, storage: bytes, storageCount: storage.view?.count ?? storage.count,
      element: storage.element, offset: tensor.offset, shape: tensor.shape,
      strides: tensor.strides)
  }
}

extension PickleStorage {
  /// Whether a run of bytes is that of the elements.
  func fits(_ bytes: Int) -> Bool {
    let (needed, isHuge) = count.multipliedReportingOverflow(by: element.size)
    return !isHuge && needed == bytes
  }
}
