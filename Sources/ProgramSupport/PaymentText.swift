import ArgumentParser
import Bytes
import Messages
import Payments

/// Keys of payments as people write them.
public enum PaymentKey {
  /// 32 hexadecimal digits, with or without the hyphens of a UUID.
  ///
  /// - Parameter argument: the option or argument that it comes from.
  public static func parse(_ text: String, _ argument: String) throws -> [UInt8] {
    guard let key = read(text) else {
      throw ProgramError(
        .usage,
        "\(argument) \(text): must be a key of 32 hexadecimal digits, with or without hyphens, as it was printed")
    }
    return key
  }

  static func read(_ text: String) -> [UInt8]? {
    Hex.decode(text.filter { $0 != "-" }).flatMap { $0.count == 16 ? $0 : nil }
  }

  /// 32 hexadecimal digits with the hyphens of a UUID (RFC 9562 section 4).
  public static func text(_ key: [UInt8]) -> String {
    var rest = Hex.encode(key)[...]
    var parts: [Substring] = []
    for count in [8, 4, 4, 4, 12] {
      parts.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    return parts.joined(separator: "-")
  }
}

/// A payment as people name it.
public enum NamedPayment {
  /// Its number in the ledger.
  case number(UInt64)
  /// 16 bytes.
  case key([UInt8])

  /// - Throws: ``ProgramError`` that names both forms.
  public init(_ text: String) throws {
    if let number = UInt64(digits: text) {
      self = .number(number)
    } else if let key = PaymentKey.read(text) {
      self = .key(key)
    } else {
      throw ProgramError(
        .usage,
        "\"\(text)\" must be the number of a payment, or its key of 32 hexadecimal digits, with or without hyphens")
    }
  }
}

/// Amounts as people write them.
public enum Money {
  /// Reads an option's amount in minor units; it must be taken with `parsing: .unconditional`, so that a negative one is
  /// read as an amount and not as an option.
  ///
  /// - Throws: `ValidationError` that says what is allowed.
  @Sendable public static func parse(_ text: String) throws -> UInt64 {
    guard let amount = UInt64(digits: text), Limits.amount.contains(amount) else {
      throw ValidationError("must be \(Limits.amount.lowerBound) to \(Limits.amount.upperBound) minor units")
    }
    return amount
  }

  /// Minor units with the decimal point of the currency, for example "19.99 EUR" or "12900 KRW".
  ///
  /// - Parameter currency: ISO 4217 code; an unknown one is shown in minor units.
  public static func text(_ amount: UInt64, _ currency: String) -> String {
    let digits = Currency(currency.utf8).flatMap(Currencies.minorUnits) ?? 0
    guard digits > 0 else { return "\(amount) \(currency)" }
    let text = String(amount)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    return "\(padded.dropLast(digits)).\(padded.suffix(digits)) \(currency)"
  }
}

extension Messages.Outcome {
  /// The name as `checkout.proto` has it, without prefix.
  public var text: String {
    switch self {
    case .approved: "APPROVED"
    case .declined: "DECLINED"
    case .notCharged: "NOT_CHARGED"
    default: "PENDING"
    }
  }
}

extension Messages.PaymentState {
  /// The name as `checkout.proto` has it, without prefix.
  public var text: String {
    ToldState(rawValue: UInt8(clamping: rawValue))?.name ?? "UNKNOWN"
  }
}

extension Messages.PaymentState {
  /// Every state that a payment can be told in.
  public static var all: [Messages.PaymentState] {
    (1...UInt8.max).filter { ToldState(rawValue: $0) != nil }.map { Messages.PaymentState(rawValue: Int32($0)) }
  }
}

extension Messages.OperationKind {
  /// The name as `admin.proto` has it, without prefix.
  public var text: String { Payments.OperationKind(rawValue: UInt8(clamping: rawValue))?.name ?? "UNKNOWN" }
}

extension Messages.OperationState {
  /// The name as `admin.proto` has it, without prefix.
  public var text: String { Payments.OperationState(rawValue: UInt8(clamping: rawValue))?.name ?? "UNKNOWN" }
}
