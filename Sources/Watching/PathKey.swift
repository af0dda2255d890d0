/// A path as the file system tells it from others: by its bytes.
///
/// Texts are equal if they look the same, so that `é` as one or as two characters is one text; files
/// with these names are two.
struct PathKey: Hashable {
  private let bytes: [UInt8]

  init(_ path: String) { bytes = Array(path.utf8) }
}
