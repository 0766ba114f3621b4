import CountersignClient
import Glibc
import Messages
import Payments
import ProgramSupport

/// The service's own rules, applied before a login is spent on fields that would be refused.
enum PaymentCheck {
  /// Where the fields of a payment come from.
  static let fields: RequestFields = [
    "order.order_reference": "--order", "order.amount": "--amount", "order.currency": "--currency",
    "order.instalment_months": "--instalments", "card.card_number": .input("card.card_number"),
    "card.expiry_year": .input("card.expiry_year"), "card.expiry_month": .input("card.expiry_month"),
    "card.password_digits": .input("card.password_digits"), "card.security_code": .input("card.security_code"),
    "card.payer_identification": .input("card.payer_identification"),
  ]

  /// - Throws: `ProgramError` that names the option.
  static func check(_ order: Order) throws {
    let key = [UInt8](repeating: 0, count: 16)
    let (reference, currency) = (Array(order.reference.utf8), Array(order.currency.utf8))
    try key.withUnsafeBytes { key in
      try reference.withUnsafeBytes { reference in
        try currency.withUnsafeBytes { currency in
          let unchecked = UncheckedOrder(
            idempotencyKey: key, reference: reference, amount: order.amount, currency: currency,
            instalmentMonths: order.instalmentMonths, notAfterMilliseconds: 0)
          do throws(FieldViolation) {
            _ = try CheckedOrder(unchecked, sinceLogin: 0)
          } catch {
            throw fields.wrong(error.field, error.description)
          }
        }
      }
    }
  }

  /// - Throws: `ProgramError` that names the field.
  static func check(_ card: CardData) throws {
    var (number, digits) = (Array(card.cardNumber.utf8), Array(card.passwordDigits.utf8))
    var (code, payer) = (Array(card.securityCode.utf8), Array(card.payerIdentification.utf8))
    defer {
      Console.erase(&number)
      Console.erase(&digits)
      Console.erase(&code)
      Console.erase(&payer)
    }
    try number.withUnsafeBytes { number in
      try digits.withUnsafeBytes { digits in
        try code.withUnsafeBytes { code in
          try payer.withUnsafeBytes { payer in
            let unchecked = UncheckedCard(
              cardNumber: number, expiryYear: card.expiryYear, expiryMonth: card.expiryMonth, passwordDigits: digits,
              securityCode: code, payerIdentification: payer)
            do throws(FieldViolation) {
              var secrets = try CardSecrets(unchecked, now: YearMonth(time: Int64(time(nil)) * 1_000))
              secrets.erase()
            } catch {
              throw fields.wrong(error.field, error.description)
            }
          }
        }
      }
    }
  }

  /// The same while a person is still asked: what was not answered yet is taken as good.
  ///
  /// - Throws: `ProgramError` that names the field.
  static func checkBegun(_ card: CardData) throws {
    var card = card
    if card.expiryYear == 0 { (card.expiryYear, card.expiryMonth) = (Limits.expiryYears.upperBound, 12) }
    try check(card)
  }
}
