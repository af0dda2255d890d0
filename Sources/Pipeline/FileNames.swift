import Foundation

/// The names that a case's files go by.
public enum FileNames {
  /// A slide's name without its folder.
  public static func name(_ path: String) -> String {
    URL(fileURLWithPath: path).lastPathComponent
  }

  /// A slide's name without its folder and its last extension.
  public static func stem(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }

  /// Everything that a run of a section writes into its case's folder.
  public static func outputs(case caseName: String, section: String) -> [String] {
    [
      manifest(case: caseName), report(case: caseName), summary(case: caseName),
      transform(section: section), overlay(section: section), virtualStain(section: section),
      registered(section: section), registeredVirtualStain(section: section),
    ]
  }

  /// The manifest of a case.
  public static func manifest(case caseName: String) -> String { "\(caseName).run.json" }
  /// The page of a case.
  public static func report(case caseName: String) -> String { "\(caseName).report.html" }
  /// The table of a case.
  public static func summary(case caseName: String) -> String { "\(caseName).summary.csv" }
  /// The transform of a section.
  public static func transform(section: String) -> String { "\(section).transform.json" }
  /// The overlay of a section: before, rigid, B-spline.
  public static func overlay(section: String) -> String { "\(section).overlay.jpg" }
  /// The virtual H&E in the section's own frame.
  public static func virtualStain(section: String) -> String { "\(section).virtual-HE.tif" }
  /// The moving section in the fixed frame.
  public static func registered(section: String) -> String { "\(section).registered.tif" }
  /// The virtual H&E in the fixed frame.
  public static func registeredVirtualStain(section: String) -> String {
    "\(section).virtual-HE.registered.tif"
  }
}
