/// An object that a pickle makes; others are named by their index in the unpickler's list.
///
/// Indices instead of references: a deeply nested or circular file then needs no deep recursion.
enum PickleNode {
  case none
  case boolean(Bool)
  case integer(Int64)
  /// A whole number that does not fit 64 bits: little-endian bytes.
  case longInteger([UInt8])
  case number(Double)
  case text(String)
  case tuple([Int32])
  case list([Int32])
  /// Keys and values in turn.
  case dictionary([Int32])
  case global(PickleGlobal)
  case storage(PickleStorage)
  case tensor(PickleTensor)
}

/// The classes and functions that a checkpoint may name.
///
/// Nothing else is taken, and none is executed: each stands for a rule of ``Unpickler``.
enum PickleGlobal {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case size
  case device
  case storage(CheckpointElement)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"):
      self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"),
      ("torch._utils", "_rebuild_parameter_with_state"):
      self = .rebuildParameter
    case ("torch", "Size"): self = .size
    case ("torch", "device"): self = .device
    // Raw bytes.
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"):
      self = .storage(.uint8)
    case ("torch", _), ("torch.storage", _):
      guard let element = CheckpointElement(rawValue: name) else { return nil }
      self = .storage(element)
    default: return nil
    }
  }
}

/// A run of elements that tensors view.
struct PickleStorage {
  /// Names the bytes: an entry of the archive, or a block of the legacy form.
  let key: String
  let element: CheckpointElement
  /// Elements of the whole storage.
  let count: Int
  /// The part that this storage views, in elements; nil for all of it, as always in an archive.
  let view: Range<Int>?
}

/// A view of a storage.
final class PickleTensor {
  let storage: PickleStorage
  let offset: Int
  let shape: [Int]
  let strides: [Int]

  init(storage: PickleStorage, offset: Int, shape: [Int], strides: [Int]) {
    self.storage = storage
    self.offset = offset
    self.shape = shape
    self.strides = strides
  }
}
