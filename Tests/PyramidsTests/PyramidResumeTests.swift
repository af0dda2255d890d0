import Foundation
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("Pyramids that are interrupted")
struct PyramidResumeTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() }
  }

  @Test(
    "a writer that stops anywhere after a checkpoint ends in the same bytes",
    arguments: [PyramidCompression.jpeg, .lzw])
  func resumed(compression: PyramidCompression) throws {
    let image = picture(width: 1200, height: 1111, seed: 3)
    let options = options(.universal, compression)
    let reference = try write(image, to: folder.path("whole.tif"), options)
    for (checkpoint, lost, rowsAtOnce) in [
      (1, 1, 1), (256, 700, 256), (300, 301, 100), (512, 512, 256), (1000, 1111, 250),
      (1111, 1111, 256),
    ] {
      let path = folder.path("\(checkpoint).tif")
      do {
        let writer = try PyramidWriter(path: path, width: 1200, height: 1111, options: options)
        try append(image, to: writer, rowsAtOnce: rowsAtOnce, until: checkpoint)
        try writer.checkpoint(userState: [1, 2, 3])
        try append(image, to: writer, rowsAtOnce: rowsAtOnce, until: lost)
      }
      #expect(PyramidWriter.hasCheckpoint(path: path))
      let writer = try PyramidWriter(
        resuming: path, width: 1200, height: 1111, options: options, threadCount: 2)
      #expect(writer.userState == [1, 2, 3])
      #expect(writer.rowsAppended >= checkpoint && writer.rowsAppended < checkpoint + rowsAtOnce)
      try append(image, to: writer, rowsAtOnce: rowsAtOnce)
      _ = try writer.finish()
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      #expect(bytes == reference, "checkpoint at \(checkpoint), lost at \(lost)")
      #expect(!PyramidWriter.hasCheckpoint(path: path))
    }
    #expect(try names.allSatisfy { $0.hasSuffix(".tif") })
  }

  @Test("without a checkpoint, an abandoned writer leaves nothing")
  func abandoned() throws {
    do {
      let writer = try PyramidWriter(
        path: folder.path("a.tif"), width: 300, height: 600, options: options())
      try writer.append(rows: RGBImage(width: 300, height: 300))
      #expect(try names == ["a.tif.partial"])
    }
    #expect(try names == [])
  }

  @Test("another size, other options, a damaged checkpoint or file are refused")
  func refused() throws {
    let path = folder.path("a.tif")
    func resume(width: Int = 300, _ options: PyramidOptions) throws {
      _ = try PyramidWriter(resuming: path, width: width, height: 600, options: options)
    }
    func reason(_ body: () throws -> Void) -> String? {
      let error = #expect(throws: PyramidError.self, performing: body)
      guard case .notResumable(_, let reason) = error else { return nil }
      return reason
    }
    #expect(reason { try resume(options()) } == "there is no checkpoint")
    do {
      let writer = try PyramidWriter(path: path, width: 300, height: 600, options: options())
      try writer.append(rows: picture(width: 300, height: 300, seed: 1))
      try writer.checkpoint()
    }
    #expect(reason { try resume(width: 301, options()) } == "it was begun with 300 × 600 pixels")
    #expect(reason { try resume(options(.ome)) } == "it was begun with other options")
    let progress = URL(fileURLWithPath: path + ".progress")
    let intact = try Data(contentsOf: progress)
    for place in [0, 9, intact.count / 2, intact.count - 1] {
      var damaged = intact
      damaged[place] ^= 4
      try damaged.write(to: progress)
      #expect(reason { try resume(options()) } == "the checkpoint is damaged")
    }
    try intact.prefix(100).write(to: progress)
    #expect(reason { try resume(options()) } == "the checkpoint is damaged")
    try intact.write(to: progress)
    let partial = URL(fileURLWithPath: path + ".partial")
    try Data(contentsOf: partial).dropLast(1).write(to: partial)
    #expect(
      reason { try resume(options()) } == "the partial file is shorter than its checkpoint")
    // Starting anew does away with all of it, but only when told to.
    let begun = "another command's unfinished work lies there"
    #expect(
      reason { _ = try PyramidWriter(path: path, width: 300, height: 600, options: options()) }
        == begun)
    #expect(try names.count == 2)
    _ = try PyramidWriter(path: path, width: 300, height: 600, options: options(), force: true)
    #expect(try names == [])
  }
}
