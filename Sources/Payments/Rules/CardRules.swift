/// Card data of a payment as it came, fields still unchecked. The pointers are valid only as long as the message.
public struct UncheckedCard {
  public var cardNumber: UnsafeRawBufferPointer
  public var expiryYear: UInt32
  public var expiryMonth: UInt32
  public var passwordDigits: UnsafeRawBufferPointer
  public var securityCode: UnsafeRawBufferPointer
  public var payerIdentification: UnsafeRawBufferPointer

  public init(
    cardNumber: UnsafeRawBufferPointer, expiryYear: UInt32, expiryMonth: UInt32,
    passwordDigits: UnsafeRawBufferPointer, securityCode: UnsafeRawBufferPointer,
    payerIdentification: UnsafeRawBufferPointer
  ) {
    self.cardNumber = cardNumber
    self.expiryYear = expiryYear
    self.expiryMonth = expiryMonth
    self.passwordDigits = passwordDigits
    self.securityCode = securityCode
    self.payerIdentification = payerIdentification
  }
}

/// A month of a calendar year.
public struct YearMonth: Sendable, BitwiseCopyable, Equatable {
  /// Four digits.
  public var year: UInt32
  /// 1 to 12.
  public var month: UInt32

  public init(year: UInt32, month: UInt32) {
    self.year = year
    self.month = month
  }

  /// The month of an instant, in UTC.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z, not before it.
  public init(time: Int64) {
    // Days to a civil date with years that begin in March, so that the leap day is a year's last.
    let day = max(0, time) / 86_400_000 + 719_468
    let dayOfEra = day % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let year = yearOfEra + day / 146_097 * 400 + (monthFromMarch >= 10 ? 1 : 0)
    self.init(
      year: UInt32(truncatingIfNeeded: year),
      month: UInt32(truncatingIfNeeded: monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9))
  }
}

/// A PAN: 12 to 19 digits with a valid check digit (ISO/IEC 7812-1).
public enum CardNumber {
  public static func check(_ digits: UnsafeRawBufferPointer) throws(FieldViolation) {
    guard Limits.cardNumberDigits.contains(digits.count) else { throw .cardNumberLength }
    guard digits.isAllDigits else { throw .cardNumberDigits }
    guard CardNumberScan.hasValidCheckDigit(digits) else { throw .cardNumberCheckDigit }
  }

  /// First six and last four digits with asterisks between (PCI DSS 3.4.1).
  ///
  /// - Parameter digits: checked.
  public static func masked(_ digits: UnsafeRawBufferPointer) -> String {
    let hidden = repeatElement(UInt8(ascii: "*"), count: max(0, digits.count - 10))
    return String(decoding: Array(digits.prefix(6)) + hidden + digits.suffix(4), as: UTF8.self)
  }
}

extension CardSecrets {
  /// Checks card data and takes it over. Allocates nothing on success.
  ///
  /// - Parameter now: the present month; a card is good to the end of its month of expiry.
  /// - Throws: the first rule that is broken.
  public init(_ card: UncheckedCard, now: YearMonth) throws(FieldViolation) {
    self = .empty
    try CardNumber.check(card.cardNumber)
    guard Limits.expiryYears.contains(card.expiryYear) else { throw .expiryYear }
    guard (1...12).contains(card.expiryMonth) else { throw .expiryMonth }
    guard card.expiryYear * 12 + card.expiryMonth >= now.year * 12 + now.month else { throw .expiryPast }
    guard card.passwordDigits.isEmpty || card.passwordDigits.count == 2, card.passwordDigits.isAllDigits
    else { throw .passwordDigits }
    guard card.securityCode.isEmpty || (3...4).contains(card.securityCode.count), card.securityCode.isAllDigits
    else { throw .securityCode }
    guard card.payerIdentification.isPayerIdentification else { throw .payerIdentification }
    panLength = UInt8(card.cardNumber.count)
    expiryYear = UInt16(card.expiryYear)
    expiryMonth = UInt8(card.expiryMonth)
    for index in card.cardNumber.indices { pan[index] = card.cardNumber[index] }
    for index in card.passwordDigits.indices { passwordDigits[index] = card.passwordDigits[index] }
    for index in card.securityCode.indices { securityCode[index] = card.securityCode[index] }
    for index in card.payerIdentification.indices { payerIdentification[index] = card.payerIdentification[index] }
  }
}

extension UnsafeRawBufferPointer {
  /// ASCII digits only; true where empty.
  var isAllDigits: Bool {
    for byte in self where !CardNumberScan.isDigit(byte) { return false }
    return true
  }

  /// Empty, a 10-digit business number, or a birth date YYMMDD with a month and a day that exist.
  fileprivate var isPayerIdentification: Bool {
    guard isAllDigits else { return false }
    switch count {
    case 0, 10: return true
    case 6: return (1...12).contains(twoDigits(at: 2)) && (1...31).contains(twoDigits(at: 4))
    default: return false
    }
  }

  private func twoDigits(at index: Int) -> Int {
    let zero = Int(UInt8(ascii: "0"))
    return (Int(self[index]) - zero) * 10 + Int(self[index + 1]) - zero
  }
}
