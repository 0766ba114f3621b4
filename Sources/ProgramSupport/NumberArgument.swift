import ArgumentParser
import Bytes

/// Numbers of options and arguments: of digits alone, not `+5` as Swift reads them.
public enum NumberArgument {
  /// - Throws: `ValidationError` that says what is allowed.
  @Sendable public static func parse<Number: FixedWidthInteger>(_ text: String) throws -> Number {
    // Of a number below 0 the command says what it allows.
    if let number = Number(digits: text) ?? Number(text).flatMap({ $0 < 0 ? $0 : nil }) { return number }
    let isTooLarge = text.isDigits && !text.isEmpty
    throw ValidationError(isTooLarge ? "must be at most \(Number.max)" : "must be a number, of digits alone")
  }
}

/// What the compiler takes for an option of whole numbers before the parser's own, so that every one of them is read by
/// ``NumberArgument``.
extension Option {
  public init(wrappedValue: Value, name: NameSpecification = .long, help: ArgumentHelp = "")
  where Value: FixedWidthInteger & ExpressibleByArgument {
    // The parser shows no default of what it does not read by itself.
    var help = help
    help.abstract += " (default: \(wrappedValue))"
    self.init(wrappedValue: wrappedValue, name: name, help: help, transform: NumberArgument.parse)
  }

  public init(name: NameSpecification = .long, help: ArgumentHelp? = nil)
  where Value: FixedWidthInteger & ExpressibleByArgument {
    self.init(name: name, help: help, transform: NumberArgument.parse)
  }

  public init<Number: FixedWidthInteger & ExpressibleByArgument>(
    name: NameSpecification = .long, help: ArgumentHelp? = nil
  ) where Value == Number? {
    self.init(name: name, help: help, transform: NumberArgument.parse)
  }
}
