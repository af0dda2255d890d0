import CommandLineKit
import Foundation
import Registration
import Reporting

/// `restain evaluate registration`: how far landmarks lie from each other, as ANHIR and BIRL define it.
enum EvaluateRegistrationCommand: Command {
  static let transform = Option<String>.required(
    "transform", .path("T"), "transform that register wrote")
  static let fixedLandmarks = Option<String>.required(
    "fixed-landmarks", .path("F"), "CSV of the fixed slide's landmarks")
  static let movingLandmarks = Option<String>.required(
    "moving-landmarks", .path("M"), "CSV of the moving slide's landmarks")

  static let description = CommandDescription(
    "evaluate registration", "measure a transform with landmarks",
    discussion: """
      Moving landmarks are mapped into the fixed frame. rTRE is the distance over the fixed slide's \
      diagonal; robustness is the share of landmarks strictly nearer than before. Tables have the \
      header id,x,y (or ,X,Y), in level-0 pixels; landmarks are matched by id, or by their place where \
      neither table has ids and both are as long.
      """,
    options: [
      transform.entry, fixedLandmarks.entry, movingLandmarks.entry, SharedOptions.json.entry,
    ],
    examples: [
      "evaluate registration --transform A_Ki67.transform.json --fixed-landmarks HE.csv --moving-landmarks Ki67.csv"
    ])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let map = try TransformInputs.transform(context[transform])
    let landmarks = try PointTable.landmarks(
      fixed: table(context[fixedLandmarks]), moving: table(context[movingLandmarks]))
    guard
      let accuracy = RegistrationAccuracy(
        of: map, fixed: landmarks.fixed, moving: landmarks.moving)
    else {
      throw RegistrationError.noCommonLandmarks(
        fixed: context[fixedLandmarks], moving: context[movingLandmarks])
    }
    if context.isJSON {
      try context.emit(json: accuracy)
      return .success
    }
    func text(_ value: Double) -> String { HumanText.fixed(value, decimals: 5) }
    context.print("landmarks            \(accuracy.landmarkCount)")
    context.print("rTRE median          \(text(accuracy.medianRelative))")
    context.print("rTRE mean            \(text(accuracy.meanRelative))")
    context.print("rTRE max             \(text(accuracy.maxRelative))")
    context.print("rTRE median before   \(text(accuracy.initialMedianRelative))")
    context.print("robustness           \(HumanText.fixed(accuracy.robustness, decimals: 3))")
    context.print(
      "TRE median           \(HumanText.fixed(accuracy.medianMicrons, decimals: 1)) µm")
    return .success
  }

  private static func table(_ path: String) throws -> PointTable {
    try PointTable(data: Files.data(path), name: path)
  }
}
