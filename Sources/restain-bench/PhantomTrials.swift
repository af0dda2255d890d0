import CommandLineKit
import Foundation
import Phantoms
import Pictures
import Pipeline
import Registration
import Reporting

/// Phantoms with known truth, as they are and spoilt, and what registration says about them.
struct PhantomTrials {
  private struct Measurement: Encodable {
    let seed: UInt64
    let failure: Hardship?
    let stain: PhantomStain
    let isMirrored: Bool
    let missing: Double
    let warp: Double
    let errorMicrons: Double?
    let report: RegistrationReport
    let seconds: Double

    var isAccepted: Bool { report.status == .ok }
    var isWronglyAccepted: Bool { isAccepted && RegistrationTrial.isWrong(errorMicrons) }

    enum CodingKeys: String, CodingKey {
      case seed, failure, stain, missing, status, reasons, seconds, report
      case isMirrored = "mirrored"
      case warp = "warp_um"
      case errorMicrons = "tre_median_um"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(seed, forKey: .seed)
      try container.encodeIfPresent(failure, forKey: .failure)
      try container.encode(stain, forKey: .stain)
      try container.encode(isMirrored, forKey: .isMirrored)
      try container.encode(missing, forKey: .missing)
      try container.encode(warp, forKey: .warp)
      try container.encode(errorMicrons, forKey: .errorMicrons)
      try container.encode(report.status, forKey: .status)
      try container.encode(report.reasons, forKey: .reasons)
      try container.encode(seconds, forKey: .seconds)
      try container.encode(report, forKey: .report)
    }
  }

  private struct Summary: Encodable {
    let phantoms: Int
    let accepted: Int
    let wrongAndAccepted: Int
    let undamaged: Int
    let undamagedAccepted: Int
    let medianMicrons: Double?
    let peakMib: Double?

    enum CodingKeys: String, CodingKey {
      case phantoms, accepted, undamaged
      case wrongAndAccepted = "wrong_accepted"
      case undamagedAccepted = "undamaged_accepted"
      case medianMicrons = "tre_median_accepted_um"
      case peakMib = "peak_mib"
    }
  }

  private struct FailureSummary: Encodable {
    /// One kind; nothing for all of them.
    let failure: Hardship?
    let planted: Int
    let accepted: Int
    let falselyAccepted: Int
    var falseAcceptRate: Double { Double(falselyAccepted) / Double(max(1, planted)) }

    init(_ failure: Hardship?, _ measurements: [Measurement]) {
      self.failure = failure
      planted = measurements.count
      accepted = measurements.count { $0.isAccepted }
      falselyAccepted = measurements.count { $0.isWronglyAccepted }
    }

    enum CodingKeys: String, CodingKey {
      case failure, planted, accepted
      case falselyAccepted = "wrong_accepted"
      case falseAcceptRate = "false_accept_rate"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(failure, forKey: .failure)
      try container.encode(planted, forKey: .planted)
      try container.encode(accepted, forKey: .accepted)
      try container.encode(falselyAccepted, forKey: .falselyAccepted)
      try container.encode(falseAcceptRate, forKey: .falseAcceptRate)
    }
  }

  private let context: BenchmarkContext
  private let hardships: [Hardship]

  /// - Throws: `UsageError` for a kind of failure that does not exist.
  init(_ context: BenchmarkContext) throws {
    self.context = context
    guard context[RegistrationSuite.failures] else {
      hardships = []
      return
    }
    guard let names = context[RegistrationSuite.only] else {
      hardships = Hardship.allCases
      return
    }
    hardships = try names.split(separator: ",").map { name in
      guard let hardship = Hardship(rawValue: String(name)) else {
        throw UsageError.conflict(
          subject: "--only", problem: "no failure is called \(name)",
          advice: "choose from \(Hardship.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return hardship
    }
  }

  /// Registers so many phantoms, prints a line each and the table.
  func measure(_ count: Int) throws {
    var plain: [Measurement] = []
    var planted: [Measurement] = []
    for index in 0..<UInt64(count) {
      let trial = try RegistrationTrial(
        seed: context[RegistrationSuite.seed] + index,
        pixelSize: context[RegistrationSuite.phantomPixelSize], threadCount: context.threadCount)
      plain.append(try measure(trial))
      for hardship in hardships {
        planted.append(
          try measure(try trial.suffering(hardship, threadCount: context.threadCount)))
      }
    }
    try report(plain)
    for hardship in hardships {
      try report(FailureSummary(hardship, planted.filter { $0.failure == hardship }))
    }
    if !hardships.isEmpty { try report(FailureSummary(nil, planted)) }
  }

  private func measure(_ trial: RegistrationTrial) throws -> Measurement {
    var found: RegistrationResult?
    let isFine = context[RegistrationSuite.fine] && trial.hardship == nil
    let seconds = try context.seconds {
      found = try SectionRegistration.register(
        fixed: trial.fixed, moving: trial.moving,
        options: RegistrationOptions(threadCount: context.threadCount),
        fine: isFine ? trial.fineSections : FineSections(levels: []))
    }
    guard let result = found else { preconditionFailure("the work was not done") }
    let measurement = Measurement(
      seed: trial.options.seed, failure: trial.hardship, stain: trial.options.stain,
      isMirrored: trial.options.isMirrored, missing: trial.options.missingShare,
      warp: trial.warpMicrons, errorMicrons: trial.medianError(of: result.transform),
      report: result.report, seconds: seconds)
    if let folder = context[RegistrationSuite.overlays] {
      let name = "\(measurement.seed)-\(trial.hardship?.rawValue ?? "plain").jpg"
      try PictureFile.writeJPEG(
        RegistrationOverlay.picture(fixed: trial.fixed, moving: trial.moving, result: result),
        path: "\(folder)/\(name)", quality: 85)
    }
    let error = measurement.errorMicrons.map { HumanText.fixed($0, decimals: 1) + " µm" } ?? "-"
    let reasons = result.report.reasons.map(\.rawValue).joined(separator: " ")
    try context.report(
      measurement,
      line: "\(measurement.seed)  \(measurement.stain.rawValue)  "
        + (trial.hardship.map { "\($0.rawValue)  " } ?? "")
        + "\(error)  \(measurement.isWronglyAccepted ? "WRONGLY " : "")"
        + "\(result.report.status.rawValue) \(reasons)")
    return measurement
  }

  private func report(_ measurements: [Measurement]) throws {
    let accepted = measurements.filter(\.isAccepted)
    let errors = accepted.compactMap(\.errorMicrons).sorted()
    let undamaged = measurements.filter { $0.missing == 0 }
    let summary = Summary(
      phantoms: measurements.count, accepted: accepted.count,
      wrongAndAccepted: measurements.count { $0.isWronglyAccepted },
      undamaged: undamaged.count, undamagedAccepted: undamaged.count { $0.isAccepted },
      medianMicrons: errors.isEmpty ? nil : errors[errors.count / 2], peakMib: context.peakMib)
    try context.report(
      summary,
      line: "\(summary.accepted) of \(summary.phantoms) accepted, \(summary.wrongAndAccepted) "
        + "wrongly; \(summary.undamagedAccepted) of \(summary.undamaged) undamaged ones; median "
        + HumanText.fixed(summary.medianMicrons ?? 0, decimals: 2) + " µm")
  }

  private func report(_ summary: FailureSummary) throws {
    try context.report(
      summary,
      line: "\(summary.failure?.rawValue ?? "all failures"): \(summary.planted) planted, "
        + "\(summary.accepted) accepted, \(summary.falselyAccepted) wrongly (false-accept rate "
        + "\(HumanText.fixed(100 * summary.falseAcceptRate, decimals: 1)) %)")
  }
}
