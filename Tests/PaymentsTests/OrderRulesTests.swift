import Payments
import Testing

@Suite struct OrderRulesTests {
  @Test func aGoodOrderIsTakenOverUnchanged() throws {
    let order = try TestOrder().check()
    #expect(order.key.bytes == TestOrder().key)
    #expect(order.amount == 59_000)
    #expect(order.currency.text == "KRW")
    #expect(order.instalments == 3)
    #expect(order.notAfterMilliseconds == 60_000)
  }

  @Test(arguments: [0, 15, 17]) func aKeyIsSixteenBytes(count: Int) {
    var order = TestOrder()
    order.key = [UInt8](repeating: 7, count: count)
    #expect(throws: FieldViolation.keyLength) { try order.check() }
  }

  @Test(
    arguments: [
      (0, .amountZero), (1, nil), (999_999_999_999, nil), (1_000_000_000_000, .amountTooHigh), (.max, .amountTooHigh),
    ] as [(UInt64, FieldViolation?)])
  func anAmountHasOneToTwelveDigits(amount: UInt64, violation: FieldViolation?) throws {
    var order = TestOrder()
    order.amount = amount
    try expect(order, violation)
  }

  @Test(
    arguments: [
      ("USD", nil), ("BHD", nil), ("krw", .currencySyntax), ("KR", .currencySyntax), ("KRWW", .currencySyntax),
      ("", .currencySyntax), ("K1W", .currencySyntax), ("XXX", .currencyUnknown), ("XAU", .currencyUnknown),
      ("DEM", .currencyUnknown), ("ZZZ", .currencyUnknown), ("AAA", .currencyUnknown),
    ] as [(String, FieldViolation?)])
  func aCurrencyIsACodeThatCardsAreChargedIn(code: String, violation: FieldViolation?) throws {
    var order = TestOrder()
    order.currency = Array(code.utf8)
    try expect(order, violation)
  }

  @Test(
    arguments: [(0, nil), (36, nil), (37, .instalmentsTooLong), (.max, .instalmentsTooLong)]
      as [(UInt32, FieldViolation?)])
  func aPlanHasAtMostThirtySixMonths(months: UInt32, violation: FieldViolation?) throws {
    var order = TestOrder()
    order.instalments = months
    try expect(order, violation)
  }

  @Test(
    arguments: [(0, nil), (121_000, nil), (121_001, .notAfterTooFar), (.max, .notAfterTooFar)]
      as [(UInt64, FieldViolation?)])
  func aPaymentIsHeldForTwoMinutesAtMost(notAfter: UInt64, violation: FieldViolation?) throws {
    var order = TestOrder()
    order.notAfter = notAfter
    try expect(order, violation)
  }

  @Test(
    arguments: [
      ("A", nil), (String(repeating: "x", count: 64), nil), ("주문 1001 – Süd", nil), ("🧾", nil), ("", .referenceEmpty),
      (String(repeating: "x", count: 65), .referenceTooLong), ("a\nb", .referenceControlCharacter),
      ("a\u{0}", .referenceControlCharacter), ("a\u{7F}", .referenceControlCharacter),
      ("a\u{85}", .referenceControlCharacter), ("a\u{61C}b", .referenceControlCharacter),
      ("a\u{200B}b", .referenceControlCharacter),
      ("a\u{202E}b", .referenceControlCharacter), ("a\u{2066}b", .referenceControlCharacter),
      ("\u{FEFF}a", .referenceControlCharacter), ("4111111111111111", .referenceHoldsCardNumber),
      ("order 4111 1111 1111 1111", .referenceHoldsCardNumber),
      ("4111\u{A0}1111\u{A0}1111\u{A0}1111", .referenceHoldsCardNumber),
      ("４１１１１１１１１１１１１１１１", .referenceHoldsCardNumber),
      ("٤١١١ ١١١١ ١١١١ ١١١١", .referenceHoldsCardNumber),
      ("주문 4111–1111–1111–1111", .referenceHoldsCardNumber), ("주문 ４１１１", nil),
    ] as [(String, FieldViolation?)])
  func aReferenceIsPlainTextWithoutACardNumber(text: String, violation: FieldViolation?) throws {
    var order = TestOrder()
    order.reference = Array(text.utf8)
    try expect(order, violation)
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0xAF], [0xC1, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80],
      [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0x41, 0xBF],
      [0xE2, 0x28, 0xA1],
    ] as [[UInt8]])
  func aReferenceIsUTF8(bytes: [UInt8]) throws {
    var order = TestOrder()
    order.reference = bytes
    try expect(order, .referenceNotUTF8)
  }

  /// The standard library decides what is UTF-8.
  @Test func whatIsUTF8IsWhatTheStandardLibrarySays() throws {
    var dice = Dice(seed: 1)
    var wrong: [[UInt8]] = []
    let interesting: [UInt8] = [0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF4, 0xA0, 0x9F, 0x90, 0x8F]
    for _ in 0..<50_000 {
      let bytes = (0..<Int.random(in: 1...5, using: &dice)).map { _ in interesting.randomElement(using: &dice) ?? 0 }
      var order = TestOrder()
      order.reference = bytes
      let isUTF8 = String(validating: bytes, as: UTF8.self) != nil
      let violation = try brokenRule { _ = try order.check() }
      // A control character before what is wrong is refused first.
      let isRight = isUTF8 ? violation != .referenceNotUTF8 : violation != nil
      if !isRight { wrong.append(bytes) }
    }
    #expect(wrong.prefix(3).isEmpty)
  }

  private func expect(_ order: TestOrder, _ violation: FieldViolation?) throws {
    #expect(try brokenRule { _ = try order.check() } == violation)
  }
}
