import Foundation
import Payments
import Testing

@Suite struct CardRulesTests {
  @Test func aGoodCardIsTakenOverUnchanged() throws {
    let card = try TestCardData().check()
    #expect((0..<Int(card.panLength)).map { card.pan[$0] } == TestCardData().number)
    #expect(card.expiryYear == 2030)
    #expect(card.expiryMonth == 12)
    #expect([card.passwordDigits[0], card.passwordDigits[1]] == TestCardData().password)
    #expect((0..<3).map { card.securityCode[$0] } == TestCardData().code)
    #expect((0..<6).map { card.payerIdentification[$0] } == TestCardData().payer)
  }

  @Test(
    arguments: [
      ("4111111111111111", nil), ("378282246310005", nil), ("6011111111111117", nil), ("5555555555554444", nil),
      ("000000000000", nil), ("0000000000000000000", nil), ("00000000000", .cardNumberLength),
      ("00000000000000000000", .cardNumberLength), ("", .cardNumberLength), ("4111-111111111111", .cardNumberDigits),
      ("411111111111111A", .cardNumberDigits), ("4111111111111112", .cardNumberCheckDigit),
    ] as [(String, FieldViolation?)])
  func aCardNumberHasTwelveToNineteenDigitsAndARightCheckDigit(number: String, violation: FieldViolation?) throws {
    var card = TestCardData()
    card.number = Array(number.utf8)
    try expect(card, violation)
  }

  @Test(
    arguments: [
      (2026, 11, nil), (2026, 12, nil), (2027, 1, nil), (2099, 12, nil), (2026, 10, .expiryPast),
      (2025, 12, .expiryPast),
      (2000, 1, .expiryPast), (1999, 12, .expiryYear), (2100, 1, .expiryYear), (26, 12, .expiryYear),
      (0, 0, .expiryYear),
      (2030, 0, .expiryMonth), (2030, 13, .expiryMonth), (.max, .max, .expiryYear), (2030, .max, .expiryMonth),
    ] as [(UInt32, UInt32, FieldViolation?)])
  func aCardIsGoodToTheEndOfItsMonth(year: UInt32, month: UInt32, violation: FieldViolation?) throws {
    var card = TestCardData()
    (card.year, card.month) = (year, month)
    try expect(card, violation)
  }

  @Test(
    arguments: [("", nil), ("12", nil), ("1", .passwordDigits), ("123", .passwordDigits), ("1a", .passwordDigits)]
      as [(String, FieldViolation?)])
  func aPasswordPartIsTwoDigitsOrNone(digits: String, violation: FieldViolation?) throws {
    var card = TestCardData()
    card.password = Array(digits.utf8)
    try expect(card, violation)
  }

  @Test(
    arguments: [
      ("", nil), ("123", nil), ("1234", nil), ("12", .securityCode), ("12345", .securityCode), ("12 ", .securityCode),
    ] as [(String, FieldViolation?)])
  func aSecurityCodeIsThreeOrFourDigitsOrNone(code: String, violation: FieldViolation?) throws {
    var card = TestCardData()
    card.code = Array(code.utf8)
    try expect(card, violation)
  }

  @Test(
    arguments: [
      ("", nil), ("900101", nil), ("991231", nil), ("1234567890", nil), ("901301", .payerIdentification),
      ("900001", .payerIdentification), ("900100", .payerIdentification), ("900132", .payerIdentification),
      ("90010", .payerIdentification), ("9001011", .payerIdentification), ("12345678901", .payerIdentification),
      ("90010a", .payerIdentification),
    ] as [(String, FieldViolation?)])
  func aPayerIsABirthDateOrABusinessNumberOrNone(payer: String, violation: FieldViolation?) throws {
    var card = TestCardData()
    card.payer = Array(payer.utf8)
    try expect(card, violation)
  }

  @Test func theMonthOfEachDayIsTheCalendars() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var wrong: [Int64] = []
    for day in 0..<Int64(55_000) {
      let parts = calendar.dateComponents([.year, .month], from: Date(timeIntervalSince1970: Double(day) * 86_400))
      let month = YearMonth(time: day * 86_400_000 + 86_399_999)
      if month != YearMonth(year: UInt32(parts.year ?? 0), month: UInt32(parts.month ?? 0)) { wrong.append(day) }
    }
    #expect(wrong.prefix(3).isEmpty)
  }

  @Test func nothingOfTheCardIsPrinted() throws {
    let card = try TestCardData().check()
    var dumped = ""
    dump(card, to: &dumped)
    for text in ["\(card)", String(reflecting: card), dumped] {
      #expect(text.contains("hidden") && !text.contains("4"))
    }
  }

  @Test func anErasedCardIsAllZero() throws {
    var card = try TestCardData().check()
    card.erase()
    withUnsafeBytes(of: card) { bytes in #expect(bytes.allSatisfy { $0 == 0 }) }
  }

  private func expect(_ card: TestCardData, _ violation: FieldViolation?) throws {
    #expect(try brokenRule { _ = try card.check() } == violation)
  }
}
