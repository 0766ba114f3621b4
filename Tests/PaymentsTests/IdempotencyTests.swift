import Bytes
import Payments
import Testing

@Suite struct IdempotencyTests {
  static let changes: [(String, @Sendable (inout Intent) -> Void)] = [
    ("company", { $0.company += 1 }), ("consultant", { $0.consultant += 1 }), ("amount", { $0.amount += 1 }),
    ("currency", { $0.currency = Currency(stored: $0.currency.value + 1) }), ("instalments", { $0.instalments += 1 }),
    ("expiry", { $0.card.expiry += 1 }), ("fingerprint", { $0.card.fingerprint.low += 1 }),
  ]
  static let ignored: [(String, @Sendable (inout Intent) -> Void)] = [
    ("session", { $0.session.low += 1 }), ("sequence", { $0.sequence += 1 }),
    ("identity", { $0.identityDigest.first.low += 1 }), ("process", { $0.process += 1 }),
    ("time", { $0.notAfter += 1 }),
    ("password digits", { $0.secrets.passwordDigits[0] += 1 }), ("security code", { $0.secrets.securityCode[0] += 1 }),
    ("payer", { $0.secrets.payerIdentification[0] += 1 }), ("key version", { $0.card.keyVersion += 1 }),
    ("sealed card", { $0.card.box[0] += 1 }),
  ]

  @Test(arguments: changes.indices) func anotherContentIsAnotherPayment(index: Int) throws {
    #expect(try isSame(Self.changes[index].1) == false, "\(Self.changes[index].0)")
  }

  @Test func anotherReferenceIsAnotherPayment() throws {
    for reference in ["A-2", "A-10", "A-", ""] { #expect(try !isSame({ _ in }, reference: reference)) }
  }

  @Test(arguments: ignored.indices) func correctedAuthenticationDataIsTheSamePayment(index: Int) throws {
    #expect(try isSame(Self.ignored[index].1), "\(Self.ignored[index].0)")
  }

  private func isSame(_ change: (inout Intent) -> Void, reference: String = "A-1") throws -> Bool {
    let first = try intent()
    let stored = StoredPayment(
      record: PaymentRecord(
        payment: 1, key: first.key, state: .approved, amount: first.amount, currency: first.currency,
        firstSix: first.card.firstSix, lastFour: first.card.lastFour, cardLength: 16, time: 0),
      company: first.company, consultant: first.consultant, session: first.session, instalments: first.instalments,
      expiry: first.card.expiry, fingerprint: first.card.fingerprint, reference: Array("A-1".utf8))
    var repeated = first
    change(&repeated)
    return Array(reference.utf8).withUnsafeBytes { Idempotency.isSame(stored, repeated, reference: $0) }
  }
}

@Suite struct KeyTimeTests {
  /// RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F is of 2022-02-22T19:22:22Z.
  static let example = Bytes16(high: 0x017F_22E2_79B0_7CC3, low: 0x98C4_DC0C_0C07_398F)
  static let time: Int64 = 1_645_557_742_000

  @Test func theTimeIsReadAsInTheStandardsExample() { #expect(KeyTime.milliseconds(of: Self.example) == Self.time) }

  @Test(arguments: 0..<16) func onlyVersionSevenHasATime(version: UInt64) {
    var key = Self.example
    key.high = key.high & ~0xF000 | version << 12
    #expect((KeyTime.milliseconds(of: key) != nil) == (version == 7))
  }

  @Test(arguments: 0..<4) func onlyTheStandardsVariantHasATime(variant: UInt64) {
    var key = Self.example
    key.low = key.low & ~(3 << 62) | variant << 62
    #expect((KeyTime.milliseconds(of: key) != nil) == (variant == 0b10))
  }

  @Test(arguments: [(0, true), (86_400_000, true), (86_400_001, false), (-300_000, true), (-300_001, false)])
  func aKeyIsAtMostADayBehindAndFiveMinutesAhead(offset: Int64, isNear: Bool) {
    #expect(KeyTime.isNear(Self.example, now: Self.time + offset) == isNear)
  }

  @Test func theFaultNamesBothTimes() {
    let ahead = KeyTime.fault(of: Self.example, now: Self.time - 300_001)
    #expect(ahead.contains("2022-02-22T19:22:22Z") && ahead.contains("2022-02-22T19:17:21Z"), "\(ahead)")
    let behind = KeyTime.fault(of: Self.example, now: Self.time + 86_401_000)
    #expect(behind.contains("2022-02-22T19:22:22Z") && behind.contains("2022-02-23T19:22:23Z"), "\(behind)")
  }
}

@Suite struct MACAddressTests {
  @Test func sixBytesAreGivenBackAndShownWithColons() throws {
    let address = try #require(MACAddress([0x02, 0x42, 0xAC, 0x11, 0x00, 0x0F]))
    #expect(address.bytes == [0x02, 0x42, 0xAC, 0x11, 0x00, 0x0F])
    #expect(address.description == "02:42:ac:11:00:0f")
  }

  @Test(
    arguments: [
      [], [2, 0, 0, 0, 0], [2, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1],
      [255, 255, 255, 255, 255, 255],
    ] as [[UInt8]])
  func groupAddressesAndOtherLengthsAreNone(bytes: [UInt8]) { #expect(MACAddress(bytes) == nil) }
}
