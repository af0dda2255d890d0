import Foundation
import Reporting

/// What is known of a case: its inputs, its settings, and each step with what it wrote.
///
/// One file, `<case>.run.json`, written anew after every step. Times and memory are facts of one run; all
/// else is the same for the same inputs and settings.
public struct CaseManifest: Codable, Sendable, Equatable {
  /// The version of this file's form.
  public static let currentFormat = 1

  /// One input and how it is known again.
  public struct Input: Codable, Sendable, Equatable {
    /// `moving`, `fixed` or `model`.
    public var role: String
    /// The path as it was given.
    public var path: String
    /// Its size in bytes.
    public var byteCount: Int
    /// SHA-256 of the size and the first and last MiB of a slide; of the whole file for a model.
    public var hash: String
  }

  /// How a step ended.
  public enum StepStatus: String, Codable, Sendable {
    /// Its outputs are complete.
    case done
    /// It was left out, for the reason in `message`.
    case skipped
    /// It failed, for the reason in `message`.
    case failed
  }

  /// One output, relative to the manifest's folder.
  public struct Output: Codable, Sendable, Equatable {
    /// The file's name.
    public var name: String
    /// Its size in bytes when the step ended.
    public var byteCount: Int
  }

  /// One step of the case.
  public struct Step: Codable, Sendable, Equatable {
    /// What it does, and for which section: `register IHC`.
    public var name: String
    /// How it ended.
    public var status: StepStatus
    /// The hash of everything that the step's outputs depend on.
    public var fingerprint: String
    /// What it wrote.
    public var outputs: [Output]
    /// Why it was skipped or failed, or what a reader should know; one line.
    public var message: String?
    /// Its figures by name, such as `block_residual_um`.
    public var figures: [String: Double]
    /// Its facts by name, such as `status` of the registration.
    public var facts: [String: String]
    /// How long it took, in seconds.
    public var seconds: Double
    /// The most memory that the process had held when the step ended, in MiB.
    public var peakMiB: Double

    /// The section that it is for: all after the first space of its name, since sections may have spaces in theirs.
    var section: Substring { name.drop { $0 != " " }.dropFirst() }

    /// Whether someone has to look at its result.
    var needsReview: Bool { facts["status"] == CaseSection.needsReview }

    enum CodingKeys: String, CodingKey {
      case name, status, fingerprint, outputs, message, figures, facts, seconds
      case peakMiB = "peak_mib"
    }
  }

  /// The version of this file's form.
  public var format: Int
  /// The case's name.
  public var caseName: String
  /// restain's version.
  public var program: String
  /// The kernel family that the pixels were made with; a resumed run keeps it.
  public var kernels: String
  /// `running`, `ok`, `needs-review` or `failed`.
  public var status: String
  /// The slides and the model.
  public var inputs: [Input]
  /// Every setting that shapes an output, by name, as text.
  public var settings: [String: String]
  /// The steps in the order in which they ran.
  public var steps: [Step]

  enum CodingKeys: String, CodingKey {
    case format, program, kernels, status, inputs, settings, steps
    case caseName = "case"
  }

  /// The step of that name, if it was recorded.
  public func step(named name: String) -> Step? { steps.first { $0.name == name } }

  /// Puts a step in the place of an earlier record of the same name, or at the end.
  public mutating func record(_ step: Step) {
    if let index = steps.firstIndex(where: { $0.name == step.name }) {
      steps[index] = step
    } else {
      steps.append(step)
    }
  }

  /// Reads a manifest.
  ///
  /// - Parameter path: The file.
  /// - Returns: The manifest, or nothing where there is no such file.
  /// - Throws: ``PipelineError/badManifest(path:reason:)`` where the file is no manifest of this form.
  public static func read(from path: String) throws(PipelineError) -> CaseManifest? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    do {
      let manifest = try JSONDecoder().decode(
        CaseManifest.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
      guard manifest.format == currentFormat else {
        throw PipelineError.badManifest(path: path, reason: "its form is \(manifest.format)")
      }
      return manifest
    } catch let error as PipelineError {
      throw error
    } catch {
      throw .badManifest(path: path, reason: "it cannot be decoded")
    }
  }

  /// Writes the manifest, whole or not at all.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``PipelineError/cannotWrite(path:reason:)`` or ``PipelineError/diskFull(path:reason:)``.
  public func write(to path: String) throws(PipelineError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let data: Data
    do { data = try encoder.encode(self) } catch {
      throw .cannotWrite(path: path, reason: "the manifest cannot be encoded: \(error)")
    }
    do { try DurableFile.write(data, to: path) } catch {
      throw PipelineError(error)
    }
  }
}
