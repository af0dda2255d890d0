public import Foundation

/// The page of a case: one self-contained HTML file without script, pictures inside.
public enum ReportPage {
  /// A picture for the page.
  public struct Figure: Sendable {
    /// What the picture shows.
    public var caption: String
    /// A JPEG stream.
    public var jpeg: Data
    /// Whether it takes the whole width of the page; others stand side by side where there is room.
    public var isWide: Bool

    /// Makes a figure from its caption and a JPEG stream.
    public init(caption: String, jpeg: Data, isWide: Bool = false) {
      self.caption = caption
      self.jpeg = jpeg
      self.isWide = isWide
    }
  }

  /// The page as text.
  ///
  /// - Parameters:
  ///   - manifest: The case.
  ///   - figures: The pictures of each section, by the section's name.
  /// - Returns: HTML in UTF-8; everything that came from outside is escaped.
  public static func html(_ manifest: CaseManifest, figures: [String: [Figure]]) -> String {
    var body = "<h1>\(escaped(manifest.caseName))</h1>\n"
    body += "<p class=\"notice\">Virtual stain, not for diagnosis.</p>\n"
    body +=
      "<p>Status: <b class=\"\(escaped(manifest.status))\">\(escaped(manifest.status))</b></p>\n"
    for section in sectionsWorstFirst(manifest) {
      body += sectionHTML(section, figures: figures[section.name] ?? [])
    }
    body += table(
      heading: "Inputs", header: ["role", "file", "bytes", "SHA-256"],
      rows: manifest.inputs.map {
        [$0.role, $0.path, String($0.byteCount), String($0.hash.prefix(16)) + "…"]
      })
    body += table(
      heading: "Steps", header: ["step", "status", "seconds", "peak MiB", "message"],
      rows: manifest.steps.map {
        [
          $0.name, $0.status.rawValue, FigureText.plain($0.seconds),
          FigureText.plain($0.peakMiB.rounded()), $0.message ?? "",
        ]
      })
    body += table(
      heading: "Settings", header: ["setting", "value"],
      rows: manifest.settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
    body +=
      "<p class=\"foot\">restain \(escaped(manifest.program)), kernels \(escaped(manifest.kernels))</p>\n"
    return """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8">
      <meta name="viewport" content="width=device-width"><title>\(escaped(manifest.caseName))</title>
      <style>\(style)</style></head><body>
      \(body)</body></html>

      """
  }

  private static func sectionsWorstFirst(_ manifest: CaseManifest) -> [CaseSection] {
    func badness(_ section: CaseSection) -> Int {
      if section.steps.contains(where: { $0.status == .failed }) { return 2 }
      return section.needsReview ? 1 : 0
    }
    return CaseSection.all(of: manifest).enumerated()
      .sorted { (-badness($0.element), $0.offset) < (-badness($1.element), $1.offset) }
      .map(\.element)
  }

  private static func sectionHTML(_ section: CaseSection, figures: [Figure]) -> String {
    var html = "<h2>\(escaped(section.name))</h2>\n"
    let messages = section.steps.compactMap(\.message)
    if !messages.isEmpty {
      html += "<p class=\"needs-review\">\(messages.map(escaped).joined(separator: "<br>"))</p>\n"
    }
    html += figures.isEmpty ? "" : "<div class=\"figures\">\n"
    for figure in figures {
      html += figure.isWide ? "<figure class=\"wide\">" : "<figure>"
      html += "<img alt=\"\(escaped(figure.caption))\" src=\"data:image/jpeg;base64,"
      html += figure.jpeg.base64EncodedString()
      html += "\"><figcaption>\(escaped(figure.caption))</figcaption></figure>\n"
    }
    html += figures.isEmpty ? "" : "</div>\n"
    let shown = CaseSummary.columns.filter { !["case", "section", "message"].contains($0) }
    let rows = shown.map { [$0, section.value(of: $0)] }.filter { !$0[1].isEmpty }
    return html + table(heading: nil, header: ["figure", "value"], rows: rows)
  }

  private static func table(heading: String?, header: [String], rows: [[String]]) -> String {
    guard !rows.isEmpty else { return "" }
    var html = heading.map { "<h3>\(escaped($0))</h3>\n" } ?? ""
    html += "<table><tr>" + header.map { "<th>\(escaped($0))</th>" }.joined() + "</tr>\n"
    for row in rows {
      html += "<tr>" + row.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>\n"
    }
    return html + "</table>\n"
  }

  /// Text in place of markup: the five characters that HTML reads otherwise.
  static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
  }

  private static let style = """
    body{font:15px/1.45 sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
    table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{border:1px solid #ccc;padding:.25em .6em;
    text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#f4f4f4}th,td:first-child{overflow-wrap:normal}
    .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,28em),1fr));gap:1em}
    .wide{grid-column:1/-1}figure{margin:0}img{max-width:100%;border:1px solid #ccc}figcaption{color:#555}
    .notice{background:#fff3cd;border:1px solid #e0c36a;padding:.5em .8em}
    .ok{color:#1a7f37}.needs-review{color:#9a6700}.failed{color:#cf222e}.foot{color:#777}
    """
}
