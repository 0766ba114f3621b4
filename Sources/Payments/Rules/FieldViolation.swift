/// A field of a payment request that breaks a rule.
///
/// Trivial, so that refusing costs nothing; ``field`` and ``description`` are made only where they are told. Neither
/// holds anything the caller sent.
public enum FieldViolation: UInt8, Error, Sendable, BitwiseCopyable, CaseIterable {
  case keyLength
  case amountZero
  case amountTooHigh
  case currencySyntax
  case currencyUnknown
  case instalmentsTooLong
  case referenceEmpty
  case referenceTooLong
  case referenceNotUTF8
  case referenceControlCharacter
  case referenceHoldsCardNumber
  case notAfterTooFar
  case cardNumberLength
  case cardNumberDigits
  case cardNumberCheckDigit
  case expiryYear
  case expiryMonth
  case expiryPast
  case passwordDigits
  case securityCode
  case payerIdentification

  /// Path of the field, named as in `checkout.proto`.
  public var field: String {
    switch self {
    case .keyLength: "order.idempotency_key"
    case .amountZero, .amountTooHigh: "order.amount"
    case .currencySyntax, .currencyUnknown: "order.currency"
    case .instalmentsTooLong: "order.instalment_months"
    case .referenceEmpty, .referenceTooLong, .referenceNotUTF8, .referenceControlCharacter, .referenceHoldsCardNumber:
      "order.order_reference"
    case .notAfterTooFar: "order.not_after_ms"
    case .cardNumberLength, .cardNumberDigits, .cardNumberCheckDigit: "card.card_number"
    case .expiryYear, .expiryPast: "card.expiry_year"
    case .expiryMonth: "card.expiry_month"
    case .passwordDigits: "card.password_digits"
    case .securityCode: "card.security_code"
    case .payerIdentification: "card.payer_identification"
    }
  }

  /// What is wrong and what would be right.
  public var description: String {
    switch self {
    case .keyLength: "must be 16 bytes, a version 7 UUID"
    case .amountZero: "must be at least 1 minor unit of the currency"
    case .amountTooHigh: "must be at most \(Limits.amount.upperBound) minor units of the currency"
    case .currencySyntax: "must be three upper-case letters"
    case .currencyUnknown: "is not a currency of ISO 4217 in which cards are charged"
    case .instalmentsTooLong: "must be at most \(Limits.instalmentMonths) months, 0 for a single payment"
    case .referenceEmpty: "must not be empty"
    case .referenceTooLong: "must be at most \(Limits.orderReference.upperBound) bytes of UTF-8"
    case .referenceNotUTF8: "must be valid UTF-8"
    case .referenceControlCharacter: "must not contain control characters"
    case .referenceHoldsCardNumber: "must not contain a card number"
    case .notAfterTooFar: "must be at most \(Limits.notAfterAheadMilliseconds) milliseconds ahead"
    case .cardNumberLength: "must have 12 to 19 digits"
    case .cardNumberDigits: "must have digits only"
    case .cardNumberCheckDigit: "has a wrong check digit"
    case .expiryYear: "must be a four-digit year, 2000 to 2099"
    case .expiryMonth: "must be 1 to 12"
    case .expiryPast: "has passed: the card has expired"
    case .passwordDigits: "must be the first two digits of the card's password, or empty"
    case .securityCode: "must be 3 or 4 digits, or empty"
    case .payerIdentification: "must be a birth date YYMMDD or a 10-digit business number, or empty"
    }
  }
}
