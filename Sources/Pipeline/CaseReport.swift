import Foundation
import Pictures
import Reporting
import Slides

/// Writes the page and the table of a case from its manifest.
public enum CaseReport {
  /// The long side of a thumbnail on the page, in pixels.
  private static let thumbnailPixels = 640

  /// Writes `<case>.report.html` and `<case>.summary.csv`, each whole or not at all.
  ///
  /// - Parameters:
  ///   - manifest: The case.
  ///   - folder: The case's folder; outputs that are no longer there are left off the page.
  /// - Throws: ``PipelineError/cannotWrite(path:reason:)`` or ``PipelineError/diskFull(path:reason:)``.
  public static func write(_ manifest: CaseManifest, folder: String) throws {
    var figures: [String: [ReportPage.Figure]] = [:]
    for section in CaseSection.all(of: manifest) {
      figures[section.name] = pictures(of: section, manifest: manifest, folder: folder)
    }
    let page = ReportPage.html(manifest, figures: figures)
    let name = manifest.caseName
    for (file, text) in [
      (FileNames.report(case: name), page),
      (FileNames.summary(case: name), CaseSummary.csv(manifest)),
    ] {
      do { try DurableFile.write(Data(text.utf8), to: "\(folder)/\(file)") } catch {
        throw PipelineError(error)
      }
    }
  }

  /// Writes the page and the table of the one case in a folder.
  ///
  /// - Parameter folder: A case's folder.
  /// - Returns: The page.
  /// - Throws: ``PipelineError/noManifest(path:)`` and what reading and writing throw.
  public static func rebuild(folder: String) throws -> String {
    // A folder that cannot be listed holds no manifest that could be read.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    guard let file = names.sorted().first(where: { $0.hasSuffix(".run.json") }),
      let manifest = try CaseManifest.read(from: "\(folder)/\(file)")
    else { throw PipelineError.noManifest(path: folder) }
    guard file == FileNames.manifest(case: manifest.caseName) else {
      throw PipelineError.badManifest(
        path: "\(folder)/\(file)", reason: "it is of a case of another name")
    }
    try write(manifest, folder: folder)
    return "\(folder)/\(FileNames.report(case: manifest.caseName))"
  }

  private static func pictures(
    of section: CaseSection, manifest: CaseManifest, folder: String
  ) -> [ReportPage.Figure] {
    var figures: [ReportPage.Figure] = []
    let overlay = "\(folder)/\(FileNames.overlay(section: section.name))"
    if let jpeg = FileManager.default.contents(atPath: overlay) {
      figures.append(
        ReportPage.Figure(
          caption: "Before | rigid | chosen: fixed section magenta, moving section green, "
            + "dark where they agree; below as a checkerboard", jpeg: jpeg, isWide: true))
    }
    let moving = manifest.inputs.first {
      $0.role == "moving" && FileNames.stem($0.path) == section.name
    }
    // What lies there of an earlier run, though this one could not make it, is not shown.
    let virtualStain = FileNames.virtualStain(section: section.name)
    let isMade = section.steps.contains { $0.outputs.contains { $0.name == virtualStain } }
    let slides = [
      moving.map { ("The section as scanned", $0.path) },
      isMade ? ("Virtual H&E", "\(folder)/\(virtualStain)") : nil,
    ].compactMap { $0 }
    for (caption, path) in slides where FileManager.default.fileExists(atPath: path) {
      // A slide that cannot be shown any more is left off: the page then says what it can.
      guard
        let picture = try? SlideOverview.picture(of: Slide(path: path), longSide: thumbnailPixels),
        let jpeg = try? PictureFile.jpegBytes(of: picture, quality: 85, name: caption)
      else { continue }
      figures.append(ReportPage.Figure(caption: caption, jpeg: Data(jpeg)))
    }
    return figures
  }
}
