import Bytes
import Messages
import Payments

/// Keys of payments as people write them.
public enum PaymentKey {
  /// 32 hexadecimal digits, with or without the hyphens of a UUID.
  public static func parse(_ text: String) throws -> [UInt8] {
    guard let key = Hex.decode(text.filter { $0 != "-" }), key.count == 16 else {
      throw ProgramError(.usage, "\"\(text)\" must be a key of 32 hexadecimal digits, as a payment printed it")
    }
    return key
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

/// Amounts as people write them.
public enum Money {
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
    Payments.PaymentState(rawValue: UInt8(clamping: rawValue))?.name
      ?? OperatedState(rawValue: UInt8(clamping: rawValue))?.name ?? "UNKNOWN"
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
