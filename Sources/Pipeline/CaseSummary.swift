import Foundation

/// The table of a case: one row a section, for spreadsheets and scripts.
public enum CaseSummary {
  /// The columns; new ones come at the end, none is renamed.
  public static let columns = [
    "case", "section", "fixed", "status", "reasons", "rotation_deg", "scale", "mirrored",
    "confidence", "mask_dice", "similarity_before", "similarity_rigid", "similarity_bspline",
    "block_residual_um", "min_jacobian", "max_displacement_um", "chosen", "tiles", "seam_score",
    "seconds", "message",
  ]

  /// The table as CSV with a header, from a manifest.
  ///
  /// A figure that the case has not is an empty field.
  public static func csv(_ manifest: CaseManifest) -> String {
    var lines = [columns.joined(separator: ",")]
    for section in CaseSection.all(of: manifest) {
      lines.append(columns.map { quoted(section.value(of: $0)) }.joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A field after RFC 4180: quoted where it holds a comma, a quote or a line end.
  static func quoted(_ field: String) -> String {
    guard field.contains(where: { ",\"\n\r".contains($0) }) else { return field }
    return "\"" + field.replacing("\"", with: "\"\"") + "\""
  }
}

/// The steps of one moving section, gathered from a manifest.
struct CaseSection {
  let caseName: String
  let name: String
  let fixed: String
  let steps: [CaseManifest.Step]

  /// The sections in the order of the manifest's inputs.
  static func all(of manifest: CaseManifest) -> [CaseSection] {
    let fixed = manifest.inputs.first { $0.role == "fixed" }.map { FileNames.stem($0.path) } ?? ""
    return manifest.inputs.filter { $0.role == "moving" }.map { input in
      let name = FileNames.stem(input.path)
      return CaseSection(
        caseName: manifest.caseName, name: name, fixed: fixed,
        steps: manifest.steps.filter { $0.section == name })
    }
  }

  /// The step of that kind, such as `register`.
  func step(_ kind: String) -> CaseManifest.Step? { steps.first { $0.name == "\(kind) \(name)" } }

  /// The first figure of that name, as text.
  func figure(_ name: String) -> String? {
    steps.lazy.compactMap { $0.figures[name] }.first.map { FigureText.plain($0) }
  }

  func fact(_ name: String) -> String? { steps.lazy.compactMap { $0.facts[name] }.first }

  /// The status of a step that someone has to look at.
  static let needsReview = "needs-review"

  /// Whether someone has to look at a step's result.
  var needsReview: Bool { steps.contains(where: \.needsReview) }

  /// The reasons of all steps, each once.
  private var reasons: String {
    var found: [Substring] = []
    for step in steps {
      for reason in (step.facts["reasons"] ?? "").split(separator: " ")
      where !found.contains(reason) {
        found.append(reason)
      }
    }
    return found.joined(separator: " ")
  }

  func value(of column: String) -> String {
    switch column {
    case "status" where needsReview: Self.needsReview
    case "reasons": reasons
    case "case": caseName
    case "section": name
    case "fixed": fixed
    case "seconds": FigureText.plain(steps.reduce(0) { $0 + $1.seconds })
    case "message": steps.compactMap(\.message).joined(separator: "; ")
    default: figure(column) ?? fact(column) ?? ""
    }
  }
}

/// Numbers as people read them.
enum FigureText {
  /// Whole numbers as they are, others with up to six significant digits; empty where there is no number.
  static func plain(_ value: Double) -> String {
    guard value.isFinite else { return "" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return String(format: "%.6g", value)
  }
}
