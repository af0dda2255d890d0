import CommandLineKit
import Foundation
import Reporting
import Watching

/// `restain jobs`: the journal of the service, whether it runs or not.
enum JobsCommand: Command {
  private enum Action: String, CaseIterable {
    case list, show, retry, cancel
  }

  static let description = CommandDescription(
    "jobs", "list, show, retry or cancel the jobs of the service",
    discussion: """
      Works on the files of the state folder, with the service stopped or running; a running \
      service takes requests up within a moment. ID is a job's name, its first letters, or its case.
      """,
    operands: [
      Operand(
        "list|show|retry|cancel", "what to do; list if nothing is given", count: .optional,
        completion: .words(Action.allCases.map(\.rawValue))),
      Operand("ID", "the jobs, for all but list", count: .any, completion: .none),
    ],
    options: [SharedOptions.json.entry],
    examples: ["jobs", "jobs show 8f3a", "jobs retry A12 --config watch-config/restain.json5"])

  private struct List: Encodable {
    let jobs: [JobRecord]
  }

  private struct Answers: Encodable {
    let request: String
    let jobs: [Answer]
  }

  private struct Answer: Encodable {
    let id: String
    let outcome: String
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let word = context.operands.first ?? Action.list.rawValue
    let words = Action.allCases.map(\.rawValue)
    guard let action = Action(rawValue: word) else {
      throw UsageError.unknownCommand(
        name: "jobs \(word)",
        suggestion: NearestName.suggestion(for: word, among: words).map { "jobs \($0)" }
          ?? words.map { "jobs \($0)" }.joined(separator: " or "))
    }
    let names = Array(context.operands.dropFirst())
    guard (action == .list) == names.isEmpty else {
      throw action == .list
        ? UsageError.unexpectedOperand(value: names.first ?? "", command: "jobs list")
        : UsageError.missingOperand(placeholder: "ID", command: "jobs \(word)")
    }
    let configuration = try Configurations.configuration(context)
    let store = JobStore(
      folder: ServicePlan.stateFolder(
        configuration, workingFolder: FileManager.default.currentDirectoryPath))
    let contents = try store.load()
    for path in contents.damaged {
      context.warn("\(path): is no job file; look at it and remove it")
    }
    for file in contents.unreadable { context.warn(file.problem.description) }
    if action == .list { return try list(contents.records, context) }
    var chosen: [JobRecord] = []
    for name in names {
      let record = try JobStore.record(named: name, in: contents.records)
      if !chosen.contains(record) { chosen.append(record) }
    }
    switch action {
    case .list: return .success
    case .show: return try show(chosen, context)
    case .retry: return try ask(.retry, chosen, store, context)
    case .cancel: return try ask(.cancel, chosen, store, context)
    }
  }

  private static func list(
    _ records: [JobRecord], _ context: CommandContext
  ) throws -> ExitStatus {
    if context.isJSON {
      try context.emit(json: List(jobs: records))
      return .success
    }
    let rows = records.map { record in
      [
        record.id, record.state.rawValue, record.caseName ?? record.block, record.stain,
        record.updated.formatted(.iso8601), record.reason ?? "",
      ]
    }
    for line in TextTable(["id", "state", "case", "stain", "updated", "reason"], rows).lines {
      context.print(line)
    }
    return .success
  }

  private static func show(
    _ records: [JobRecord], _ context: CommandContext
  ) throws -> ExitStatus {
    if context.isJSON {
      if records.count == 1 {
        try context.emit(json: records[0])
      } else {
        try context.emit(json: List(jobs: records))
      }
      return .success
    }
    for record in records {
      // The record itself is the most that can be said.
      context.write(String(decoding: try JSONText.document(record), as: UTF8.self))
    }
    return .success
  }

  private static func ask(
    _ request: JobRequest, _ records: [JobRecord], _ store: JobStore, _ context: CommandContext
  ) throws -> ExitStatus {
    // All of it or none, as far as the journal tells now.
    for record in records { try store.require(request, of: record) }
    var answers: [Answer] = []
    for record in records {
      let outcome = try store.submit(
        request, for: record, now: context.time.date,
        executor: LocalExecutor(program: CommandLine.arguments[0]))
      answers.append(Answer(id: record.id, outcome: outcome == .applied ? "applied" : "submitted"))
    }
    if context.isJSON {
      try context.emit(json: Answers(request: request.rawValue, jobs: answers))
    } else {
      for answer in answers { context.print("\(answer.id)  \(request.rawValue) \(answer.outcome)") }
    }
    return .success
  }
}
