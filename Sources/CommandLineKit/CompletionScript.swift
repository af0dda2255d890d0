/// The shells that completions are made for.
public enum Shell: String, CaseIterable, Sendable {
  /// GNU Bash 4.2 or newer.
  case bash
  /// The Z shell.
  case zsh
  /// The friendly interactive shell.
  case fish
}

/// Completion scripts, made from the tables.
public struct CompletionScript: Sendable {
  private let program: String
  private let parser: ArgumentParser

  /// Makes the scripts of a program.
  public init(program: String, parser: ArgumentParser) {
    self.program = program
    self.parser = parser
  }

  /// The script of one shell.
  public func text(_ shell: Shell) -> String {
    switch shell {
    case .bash: bash()
    case .zsh: zsh()
    case .fish: fish()
    }
  }

  private var firstWords: [String] {
    var words: [String] = []
    for command in parser.commands where !words.contains(command.words[0]) {
      words.append(command.words[0])
    }
    return words
  }

  private func secondWords(_ first: String) -> [String] {
    parser.commands.filter { $0.words[0] == first && $0.words.count > 1 }.map { $0.words[1] }
  }

  private func table(_ command: CommandDescription) -> [OptionEntry] {
    command.options + parser.globalOptions
  }

  private func names(_ entry: OptionEntry) -> [String] {
    (entry.short.map { ["-\($0)"] } ?? []) + [entry.flag]
  }
}

extension CompletionScript {
  private func bash() -> String {
    var cases = ""
    for command in parser.commands {
      cases += "    \"\(command.name)\")\n"
      cases += "      case \"$previous\" in\n"
      for entry in table(command) where entry.placeholder != nil {
        cases += "        \(names(entry).joined(separator: "|"))) "
        cases += "\(bashReply(entry.completion)); return ;;\n"
      }
      cases += "      esac\n"
      let flags = table(command).map(\.flag) + ["--help"]
      cases += "      if [[ $current == -* ]]; then\n"
      cases += "        \(bashReply(.words(flags))); return\n      fi\n"
      cases += "      \(bashReply(command.operands.last?.completion ?? .none)) ;;\n"
    }
    for first in firstWords where !secondWords(first).isEmpty {
      cases += "    \"\(first)\") \(bashReply(.words(secondWords(first)))) ;;\n"
    }
    // A pattern must not be empty, so a program without second words gets a name that no verb has.
    let groups = firstWords.filter { !secondWords($0).isEmpty } + ["-"]
    return """
      # bash completion of \(program); made by `\(program) completions bash`
      _\(program)() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
        local verb=${COMP_WORDS[1]}
        COMPREPLY=()
        if (( COMP_CWORD == 1 )); then
          \(bashReply(.words(firstWords)))
          return
        fi
        case "$verb" in
          \(groups.joined(separator: "|")))
            (( COMP_CWORD > 2 )) && verb="$verb ${COMP_WORDS[2]}" ;;
        esac
        case "$verb" in
      \(cases)  esac
      }
      complete -o filenames -F _\(program) \(program)

      """
  }

  private func bashReply(_ completion: Completion) -> String {
    switch completion {
    case .none: "COMPREPLY=()"
    case .file: "COMPREPLY=( $(compgen -f -- \"$current\") )"
    case .directory: "COMPREPLY=( $(compgen -d -- \"$current\") )"
    case .words(let words):
      "COMPREPLY=( $(compgen -W \"\(words.joined(separator: " "))\" -- \"$current\") )"
    }
  }
}

extension CompletionScript {
  private func zsh() -> String {
    var cases = ""
    for command in parser.commands {
      cases += "    '\(command.name)')\n      _arguments -s \\\n"
      for entry in table(command) {
        for name in names(entry) { cases += "        \(zshSpecification(name, entry)) \\\n" }
      }
      let operand = command.operands.last?.completion ?? .none
      cases += "        '*:operand:\(zshAction(operand))' ;;\n"
    }
    let groups = firstWords.filter { !secondWords($0).isEmpty }
    let pattern = (groups + ["-"]).joined(separator: "|")
    let pairs = groups.map { first in
      "    '\(first)') compadd -- \(secondWords(first).joined(separator: " ")) ;;\n"
    }
    return """
      #compdef \(program)
      # zsh completion of \(program); made by `\(program) completions zsh`
      _\(program)() {
        local verb=${words[2]}
        if (( CURRENT == 2 )); then
          compadd -- \(firstWords.joined(separator: " "))
          return
        fi
        if (( CURRENT == 3 )); then
          case $verb in
      \(pairs.joined())    esac
        fi
        case $verb in
          \(pattern))
            (( CURRENT == 3 )) && return
            verb="$verb ${words[3]}"
            words=("${(@)words[1]}" "${(@)words[4,-1]}"); (( CURRENT -= 2 )) ;;
          *) words=("${(@)words[1]}" "${(@)words[3,-1]}"); (( CURRENT -= 1 )) ;;
        esac
        case $verb in
      \(cases)  esac
      }
      if [ "$funcstack[1]" = "_\(program)" ]; then _\(program) "$@"; else compdef _\(program) \(program); fi

      """
  }

  private func zshSpecification(_ name: String, _ entry: OptionEntry) -> String {
    let text = entry.summary.filter { !"'[]:\\".contains($0) }
    let repeated = entry.isRepeatable ? "*" : ""
    guard entry.placeholder != nil else { return "'\(repeated)\(name)[\(text)]'" }
    return "'\(repeated)\(name)[\(text)]:value:\(zshAction(entry.completion))'"
  }

  private func zshAction(_ completion: Completion) -> String {
    switch completion {
    case .none: " "
    case .file: "_files"
    case .directory: "_files -/"
    case .words(let words): "(\(words.joined(separator: " ")))"
    }
  }
}

extension CompletionScript {
  private func fish() -> String {
    var lines = [
      "# fish completion of \(program); made by `\(program) completions fish`",
      "complete -c \(program) -f",
    ]
    for first in firstWords {
      let summary = parser.commands.first { $0.words == [first] }?.summary ?? ""
      lines.append(
        "complete -c \(program) -n __fish_use_subcommand -a \(first) -d '\(fishText(summary))'")
    }
    for command in parser.commands {
      var condition = "__fish_seen_subcommand_from \(command.words[0])"
      if command.words.count > 1 {
        let others = secondWords(command.words[0]).joined(separator: " ")
        lines.append(
          "complete -c \(program) -n '\(condition); and not __fish_seen_subcommand_from \(others)'"
            + " -a \(command.words[1]) -d '\(fishText(command.summary))'")
        condition += "; and __fish_seen_subcommand_from \(command.words[1])"
      }
      for entry in table(command) {
        var line = "complete -c \(program) -n '\(condition)' -l \(entry.name)"
        if let short = entry.short { line += " -s \(short)" }
        if entry.placeholder != nil { line += " -r" + fishAction(entry.completion) }
        lines.append(line + " -d '\(fishText(entry.summary))'")
      }
      if let operand = command.operands.last {
        lines.append("complete -c \(program) -n '\(condition)'" + fishAction(operand.completion))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func fishAction(_ completion: Completion) -> String {
    switch completion {
    case .none: ""
    case .file: " -F"
    case .directory: " -a '(__fish_complete_directories)'"
    case .words(let words): " -a '\(words.joined(separator: " "))'"
    }
  }

  private func fishText(_ text: String) -> String {
    text.replacing("'", with: "\\'")
  }
}
