import CommandLineKit
import Foundation
import Pipeline
import Registration
import Reporting
import Settings
import Slides

/// `restain register-series DIR --reference NAME -o OUT`: any number of sections to one of them.
enum RegisterSeriesCommand: Command {
  static let reference = Option<String>.required(
    "reference", .text("NAME"), "the section that stays: a file of DIR, with or without its ending")
  static let order = Option<String?>.optional(
    "order", .text("NAME,..."), "the sections as the block was cut; found where not given")
  static let output = Option<String>.required(
    "output", short: "o", .directory("OUT"), "folder for transforms, overlays and summary.csv")

  static let description = CommandDescription(
    "register-series", "register a folder of serial sections to one of them",
    discussion: """
      Each section is registered to a neighbour nearer to the reference, composed and refined against \
      the reference; directly, too, and the better map is kept. A section that fails or needs review is \
      in summary.csv with its reason, the others go on, and the status is 3; so is a file with a slide's \
      ending that cannot be opened. A slide with damaged tiles gives a warning and status 3 as well. \
      Without --order every pair is compared first, which takes about a second a pair.
      """,
    operands: [Operand("DIR", "folder with the slides; other files are left alone")],
    options: [
      reference.entry, order.entry, output.entry, RegisterCommand.fine.entry,
      SharedOptions.slidePixelSize.entry, SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: [
      "register-series B12 --reference B12_HE.svs -o B12-registered",
      "register-series B12 --reference HE --order CD31,HE,Ki67 -o B12-registered",
    ])

  private struct Result: Encodable {
    let reference: String
    let summary: String
    let sections: [SeriesRegistration.Row]
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let entries = try entries(context)
    let place = try index(of: context[reference], in: entries, option: "--reference")
    let slide = try entries[place].slide.get()
    _ = try PairRegistration.frame(of: slide, option: "--slide-pixel-size")
    // A section that cannot be opened or has no pixel size is not held.
    let frames = entries.compactMap { entry in
      try? PairRegistration.frame(of: entry.slide.get(), option: "--slide-pixel-size")
    }
    try context.requireMemory(
      PairRegistration.predictedMemory(of: frames), for: context.operands[0])
    let order = try context[order].map { try Self.order($0, entries: entries) }
    let series = SeriesRegistration(
      entries: entries, reference: place,
      options: RegistrationOptions(threadCount: try context.threadCount),
      finestPixelSize: context.isGiven(RegisterCommand.fine)
        ? RegistrationOptions.finePixelSize : RegistrationOptions.workingPixelSize,
      time: context.time)
    let folder = context[output]
    for path in series.paths(in: folder) { try Files.requireFree(path, force: context.isForced) }
    try Files.makeFolder(folder)
    context.progress.begin("register", total: Double(entries.count), unit: "sections")
    let rows = try series.run(
      to: folder, order: order, beforeEachStep: { try context.checkCancellation() },
      finished: { row in
        context.progress.advance(by: 1)
        if let message = row.message { context.warn(message) }
        guard !context.isJSON else { return }
        context.print(line(row))
      })
    context.progress.finish()
    for row in rows { row.transform.map(context.addOutput) }
    let summary = SeriesRegistration.summaryPath(in: folder)
    context.addOutput(summary)
    if context.isJSON {
      try context.emit(
        json: Result(reference: entries[place].name, summary: summary, sections: rows))
    } else {
      context.print("wrote     \(summary)")
    }
    let read = context.status(reading: entries.compactMap { try? $0.slide.get() })
    return rows.allSatisfy { ["reference", "ok"].contains($0.status) } ? read : .partial
  }

  private static func line(_ row: SeriesRegistration.Row) -> String {
    guard let report = row.report else { return "\(row.section)  \(row.status)" }
    let reasons = row.reasons.isEmpty ? "" : " (\(row.reasons.joined(separator: ", ")))"
    let residual =
      report.blockResidualMicrons.map { "\(HumanText.fixed($0, decimals: 1)) µm" } ?? "unknown"
    return "\(row.section)  \(row.status)\(reasons), \(report.chosen.rawValue), "
      + "rotation \(HumanText.fixed(report.rotationDegrees, decimals: 1))°, residual \(residual), "
      + (row.isChained == true ? "by way of \(row.neighbour ?? "")" : "directly")
  }

  /// Whether a file's ending is that of a slide: a stray file has another.
  private static func hasSlideEnding(_ name: String) -> Bool {
    Configuration()[SettingTable.extensions]
      .contains(URL(fileURLWithPath: name).pathExtension.lowercased())
  }

  /// The folder's slides by name; a broken slide is kept, a file that is none by content and ending left alone.
  private static func entries(_ context: CommandContext) throws -> [SeriesRegistration.Entry] {
    let folder = context.operands[0]
    try Files.requireInput(folder)
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder).sorted() else {
      throw UsageError.conflict(
        subject: folder, problem: "is no folder that can be read", advice: "name a folder of slides"
      )
    }
    var entries: [SeriesRegistration.Entry] = []
    for name in names where !name.hasPrefix(".") {
      let path = URL(fileURLWithPath: folder).appendingPathComponent(name).path
      var isFolder: ObjCBool = false
      let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      // A link to a slide that is gone is a slide that cannot be opened.
      guard isThere ? !isFolder.boolValue : hasSlideEnding(name) else { continue }
      do {
        let slide = try context.openSlide(path, pixelSize: SharedOptions.slidePixelSize)
        entries.append(SeriesRegistration.Entry(name: name, slide: .success(slide)))
      } catch SlideError.unsupported(_, let reason) where !hasSlideEnding(name) {
        context.detail("\(name): no slide (\(reason)), left alone")
      } catch let error as SlideError {
        entries.append(SeriesRegistration.Entry(name: name, slide: .failure(error)))
      }
    }
    guard entries.count > 1 else {
      throw UsageError.conflict(
        subject: folder, problem: "\(entries.count) slides are no series",
        advice: "put the sections into the folder")
    }
    // Nothing is written for a slide that did not open.
    let opened = entries.filter(isOpen).map(\.name)
    let stems = opened.map { FileNames.stem($0) }
    for (index, stem) in stems.enumerated() {
      guard let twin = stems[..<index].firstIndex(of: stem) else { continue }
      throw UsageError.conflict(
        subject: folder,
        problem: "\(opened[twin]) and \(opened[index]) would write the same files",
        advice: "keep one of them in the folder")
    }
    return entries
  }

  private static func isOpen(_ entry: SeriesRegistration.Entry) -> Bool {
    (try? entry.slide.get()) != nil  // Why it is closed is in the row of the entry.
  }

  /// The slide of that name; with the ending left out, one that opened before one that did not.
  private static func index(
    of name: String, in entries: [SeriesRegistration.Entry], option: String
  ) throws(UsageError) -> Int {
    if let index = entries.firstIndex(where: { $0.name == name }) { return index }
    let twins = entries.indices.filter { FileNames.stem(entries[$0].name) == name }
    if let index = twins.first(where: { isOpen(entries[$0]) }) ?? twins.first { return index }
    throw .conflict(
      subject: option, problem: "no slide \(name) in the folder",
      advice: "name one of \(entries.map(\.name).joined(separator: ", "))")
  }

  private static func order(
    _ text: String, entries: [SeriesRegistration.Entry]
  ) throws(UsageError) -> [Int] {
    var order: [Int] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      let index = try index(
        of: name.trimmingCharacters(in: .whitespaces), in: entries, option: "--order")
      guard !order.contains(index) else {
        throw .conflict(
          subject: "--order", problem: "\(name) stands there twice",
          advice: "name each section once")
      }
      order.append(index)
    }
    guard order.count == entries.count else {
      let missing = entries.indices.filter { !order.contains($0) }.map { entries[$0].name }
      throw .conflict(
        subject: "--order", problem: "\(missing.joined(separator: ", ")) is missing",
        advice: "name every slide of the folder")
    }
    return order
  }
}
