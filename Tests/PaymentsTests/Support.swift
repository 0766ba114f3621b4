import Bytes
import Payments

/// Random numbers that are the same each time (SplitMix64).
struct Dice: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

/// An order that keeps all rules, for tests to break one of them.
struct TestOrder {
  var key: [UInt8] = [UInt8](repeating: 7, count: 16)
  var reference = Array("A-1001".utf8)
  var amount: UInt64 = 59_000
  var currency = Array("KRW".utf8)
  var instalments: UInt32 = 3
  var notAfter: UInt64 = 60_000

  func check(sinceLogin: Int64 = 1_000) throws -> CheckedOrder {
    try key.withUnsafeBytes { key in
      try reference.withUnsafeBytes { reference in
        try currency.withUnsafeBytes { currency in
          try CheckedOrder(
            UncheckedOrder(
              idempotencyKey: key, reference: reference, amount: amount, currency: currency,
              instalmentMonths: instalments, notAfterMilliseconds: notAfter), sinceLogin: sinceLogin)
        }
      }
    }
  }
}

/// Card data that keeps all rules, for tests to break one of them.
struct TestCardData {
  var number = Array("4111111111111111".utf8)
  var year: UInt32 = 2030
  var month: UInt32 = 12
  var password = Array("12".utf8)
  var code = Array("123".utf8)
  var payer = Array("900101".utf8)

  func check(now: YearMonth = YearMonth(year: 2026, month: 11)) throws -> CardSecrets {
    try number.withUnsafeBytes { number in
      try password.withUnsafeBytes { password in
        try code.withUnsafeBytes { code in
          try payer.withUnsafeBytes { payer in
            try CardSecrets(
              UncheckedCard(
                cardNumber: number, expiryYear: year, expiryMonth: month, passwordDigits: password,
                securityCode: code, payerIdentification: payer), now: now)
          }
        }
      }
    }
  }
}

func intent(reply: ReplyToken = ReplyToken(loop: 0, slot: 0, generation: 0)) throws -> Intent {
  guard let mac = MACAddress([2, 0, 0, 0, 0, 1]), let currency = Currency("KRW".utf8) else { throw Unreachable() }
  return Intent(
    key: Bytes16(high: 1, low: 2), session: Bytes16(high: 3, low: 4), sequence: 5, identityDigest: .zero,
    macAddress: mac, process: 6, company: 7, consultant: 8, amount: 59_000, currency: currency, instalments: 3,
    notAfter: 9, reference: Range32(start: 0, count: 0),
    card: StoredCard(
      fingerprint: Bytes16(high: 10, low: 11), expiry: 203_012, keyVersion: 1, box: .init(repeating: 0),
      firstSix: 411_111, lastFour: 1_111, length: 16),
    secrets: try TestCardData().check(), reply: reply)
}

/// The rule that `body` breaks, if any.
func brokenRule(_ body: () throws -> Void) throws -> FieldViolation? {
  do {
    try body()
    return nil
  } catch let violation as FieldViolation {
    return violation
  }
}

struct Unreachable: Error {}
