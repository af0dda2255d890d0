/// An option of a command, typed by what its value becomes.
///
/// Declared once as a static constant of the command, listed by its ``entry`` in the command's table,
/// and used as the key to the value: `arguments[quality]` is an `Int`.
public struct Option<Value: Sendable>: Sendable {
  /// The row of the option table.
  public let entry: OptionEntry

  private init(entry: OptionEntry) { self.entry = entry }

  /// Describes an option by hand; the constructors below serve nearly every case.
  ///
  /// - Parameters:
  ///   - name: The long name without dashes.
  ///   - short: The one-letter name.
  ///   - placeholder: What stands for the value in the help; nil for a flag.
  ///   - summary: One sentence without a full stop.
  ///   - defaultText: The default as it would be typed.
  ///   - isRequired: Whether the command cannot do without it.
  ///   - isRepeatable: Whether it may come more than once.
  ///   - completion: What a shell offers.
  ///   - parse: Turns the texts given, none or more, into the value.
  init(
    _ name: String, short: Character?, placeholder: String?, summary: String,
    defaultText: String? = nil, isRequired: Bool = false, isRepeatable: Bool = false,
    completion: Completion = .none,
    parse: @escaping @Sendable ([String]) throws(UsageError) -> Value
  ) {
    entry = OptionEntry(
      name: name, short: short, placeholder: placeholder, summary: summary,
      defaultText: defaultText, isRequired: isRequired, isRepeatable: isRepeatable,
      completion: completion,
      parse: { (texts: [String]) throws(UsageError) -> any Sendable in try parse(texts) })
  }
}

/// How one text becomes a value, and how the value is described to the user.
public struct ValueKind<Value: Sendable>: Sendable {
  /// What stands for the value in the help.
  public let placeholder: String
  /// What to pass, as the end of "pass …".
  public let expected: String
  /// What a shell offers.
  public let completion: Completion
  /// The value of a text; nil if the text is not usable.
  public let read: @Sendable (String) -> Value?

  /// Describes a kind of value.
  ///
  /// - Parameters:
  ///   - placeholder: What stands for the value in the help.
  ///   - expected: What to pass, as the end of "pass …".
  ///   - completion: What a shell offers.
  ///   - read: The value of a text; nil if the text is not usable.
  public init(
    _ placeholder: String, expected: String, completion: Completion = .none,
    read: @escaping @Sendable (String) -> Value?
  ) {
    self.placeholder = placeholder
    self.expected = expected
    self.completion = completion
    self.read = read
  }

  fileprivate func value(_ text: String, of name: String) throws(UsageError) -> Value {
    guard let value = read(text) else {
      throw .badValue(option: "--" + name, value: text, expected: expected)
    }
    return value
  }
}

extension Option where Value == Bool {
  /// A flag: present or not; never takes a value.
  public static func flag(_ name: String, short: Character? = nil, _ summary: String) -> Self {
    Self(name, short: short, placeholder: nil, summary: summary) {
      (texts: [String]) throws(UsageError) -> Bool in !texts.isEmpty
    }
  }
}

extension Option {
  /// An option with a default.
  ///
  /// - Parameters:
  ///   - name: The long name without dashes.
  ///   - short: The one-letter name.
  ///   - kind: How the text becomes a value.
  ///   - text: The default as it would be typed.
  ///   - summary: One sentence without a full stop.
  /// - Returns: The option; its value is never nil.
  /// - Precondition: The default is usable text of that kind.
  public static func value(
    _ name: String, short: Character? = nil, _ kind: ValueKind<Value>, default text: String,
    _ summary: String
  ) -> Self {
    precondition(kind.read(text) != nil, "--\(name): its default \"\(text)\" is not usable")
    return Self(
      name, short: short, placeholder: kind.placeholder, summary: summary, defaultText: text,
      completion: kind.completion
    ) { (texts: [String]) throws(UsageError) -> Value in
      try kind.value(texts.first ?? text, of: name)
    }
  }

  /// An option that the command cannot do without.
  public static func required(
    _ name: String, short: Character? = nil, _ kind: ValueKind<Value>, _ summary: String
  ) -> Self {
    Self(
      name, short: short, placeholder: kind.placeholder, summary: summary, isRequired: true,
      completion: kind.completion
    ) { (texts: [String]) throws(UsageError) -> Value in
      // The parser has checked that a required option is there.
      try kind.value(texts.first ?? "", of: name)
    }
  }

  /// An option that may be left out; its value is nil then.
  public static func optional<Wrapped>(
    _ name: String, short: Character? = nil, _ kind: ValueKind<Wrapped>, _ summary: String
  ) -> Self where Value == Wrapped? {
    Self(
      name, short: short, placeholder: kind.placeholder, summary: summary,
      completion: kind.completion
    ) { (texts: [String]) throws(UsageError) -> Wrapped? in
      guard let text = texts.first else { return nil }
      return try kind.value(text, of: name)
    }
  }

  /// An option that may come any number of times, none included, in the order given.
  ///
  /// - Parameters:
  ///   - name: The long name without dashes.
  ///   - short: The one-letter name.
  ///   - kind: How each text becomes a value.
  ///   - isRequired: Whether it must come at least once.
  ///   - summary: One sentence without a full stop.
  /// - Returns: The option; its value is the list of values given.
  public static func repeated<Element>(
    _ name: String, short: Character? = nil, _ kind: ValueKind<Element>, isRequired: Bool = false,
    _ summary: String
  ) -> Self where Value == [Element] {
    Self(
      name, short: short, placeholder: kind.placeholder, summary: summary, isRequired: isRequired,
      isRepeatable: true, completion: kind.completion
    ) { (texts: [String]) throws(UsageError) -> [Element] in
      var values: [Element] = []
      for text in texts { values.append(try kind.value(text, of: name)) }
      return values
    }
  }
}
