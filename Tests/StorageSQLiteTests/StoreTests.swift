import Bytes
import Cryptography
import Foundation
import Payments
import Testing

@testable import StorageSQLite

/// Payments, sessions and the register in a real file.
@Suite struct StoreTests {
  @Test func aPaymentIsFoundByNumberAndKeyWithItsOutcome() throws {
    let store = try TestLedger().openWithSession()
    let intent = TestLedger.intent(1)
    try store.begin()
    let number = try #require(try store.record(intent).number)
    try store.insertOutcome(
      OutcomeRow(
        payment: number, state: .approved, approvalCode: ApprovalCode(value: 0x31),
        responseCode: ResponseCode(ascii: "00"),
        time: TestLedger.time))
    try store.commit(lowWater: 0)
    let found = try #require(try store.payment(key: intent.key, company: 1))
    #expect(found.record.payment == number)
    #expect(found.record.state == .approved)
    #expect(found.record.responseCode.text == "00")
    #expect(found.reference == Array("A-1".utf8))
    let other = try store.payment(key: intent.key, company: 2)
    #expect(other == nil)
  }

  private static let original = OriginalElements(
    messageType: 200, stan: 999_999, time: 1_795_000_000, acquirer: .init(value: 12_345, count: 11),
    retrieval: (0x3633_3332_3039_3939, 0x3939_3939), terminal: 0x5430_3030_3030_3031)

  @Test func theNameOfASaleIsPartOfItsJournalRecord() throws {
    let ledger = try TestLedger()
    func record() throws {
      let store = try ledger.openWithSession()
      // A head follows the first record; the second has none yet.
      try store.write { _ = try $0.record(TestLedger.intent(1)) }
      try store.write { _ = try $0.record(TestLedger.intent(2), original: Self.original) }
    }
    try record()
    try ledger.verifyJournal()
    _ = try ledger.open()
    try ledger.sqlite("UPDATE payment SET original = NULL")
    #expect(try ledger.runJournal().output == "record 2 was altered\n")
    #expect(throws: StoreError.damaged("\(ledger.path): journal record 2 was altered")) { try ledger.open() }
  }

  @Test func whatNamesASaleToTheAcquirerIsKeptWithItsCard() throws {
    let store = try TestLedger().openWithSession()
    let original = Self.original
    let intent = TestLedger.intent(1)
    try store.begin()
    let named = try #require(try store.record(intent, original: original).number)
    let unnamed = try #require(try store.record(TestLedger.intent(2)).number)
    try store.commit(lowWater: 0)
    let sale = try #require(try store.sale(payment: named))
    #expect(sale.original == original)
    #expect(sale.original?.description == "terminal T0000001, STAN 999999, reference 633209999999")
    #expect(sale.key == intent.key && sale.company == 1 && sale.card.length == 16)
    #expect((0..<47).allSatisfy { sale.card.box[$0] == intent.card.box[$0] })
    #expect(try store.sale(payment: unnamed)?.original == nil)
    #expect(try store.sale(payment: unnamed + 1) == nil)
  }

  @Test func aKeyIsRecordedOnceForACompany() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    let first = try store.record(TestLedger.intent(1))
    let second = try store.record(TestLedger.intent(1))
    #expect(second.known?.record.payment == first.number)
    try store.commit(lowWater: 0)
  }

  @Test func aLatePaymentIsRefusedUnlessItIsKnown() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    let late = try store.record(TestLedger.intent(1), unlessKnown: .expired)
    #expect(late.refusal == .expired)
    _ = try store.record(TestLedger.intent(2))
    let known = try store.record(TestLedger.intent(2), unlessKnown: .expired)
    #expect(known.known != nil)
    try store.commit(lowWater: 0)
  }

  @Test(
    arguments: zip(
      ["identity", "mac", "process", "session", "company", "consultant"],
      [
        PaymentRefusal.identityVoid, .deviceChanged, .identityRequired, .sessionOver, .sessionOver, .sessionOver,
      ]))
  func theStoredSessionDecidesOnceMore(_ field: String, _ refusal: PaymentRefusal) throws {
    let store = try TestLedger().openWithSession()
    let intent = TestLedger.intent(1) { intent in
      switch field {
      case "identity": intent.identityDigest = .zero
      case "mac": intent.macAddress = MACAddress([2, 0, 0, 0, 0, 2])!
      case "process": intent.process = 8
      case "session": intent.session = Bytes16(high: 5, low: 5)
      case "company": intent.company = 2
      default: intent.consultant = 2
      }
    }
    try store.begin()
    let result = try store.record(intent)
    #expect(result.refusal == refusal)
    try store.commit(lowWater: 0)
  }

  @Test func aSessionThatEndsInTheSameTransactionRefusesAtOnce() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    _ = try store.record(TestLedger.intent(1))
    try store.endSession(TestLedger.session.id, reason: .logout, time: TestLedger.time)
    let after = try store.record(TestLedger.intent(2))
    #expect(after.refusal == .sessionOver)
    try store.commit(lowWater: 0)
  }

  @Test func aChallengeIsUsedOnce() throws {
    let store = try TestLedger().openWithSession()
    var again = TestLedger.session
    again.id = Bytes16(high: 8, low: 8)
    try store.begin()
    #expect(throws: StoreError.conflict("challenge")) { try store.insertSession(again) }
    store.rollback()
  }

  @Test func whatFailsInsideATransactionTakesNoNumber() throws {
    struct Stop: Error {}
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.begin()
    let first = try #require(try store.record(TestLedger.intent(1)).number)
    #expect(throws: Stop.self) {
      try store.nested {
        _ = try store.record(TestLedger.intent(2))
        throw Stop()
      }
    }
    let third = try #require(try store.record(TestLedger.intent(3)).number)
    #expect(third == first + 1)
    try store.commit(lowWater: 0)
    store.maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test func openPaymentsAreThoseAboveTheMarkAndTheUnresolved() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.begin()
    let numbers = try (1...4).map { try #require(try store.record(TestLedger.intent(UInt64($0))).number) }
    try store.insertOutcome(
      OutcomeRow(
        payment: numbers[1], state: .declined, approvalCode: .none, responseCode: .none, time: TestLedger.time))
    try store.setUnresolved(UnresolvedRow(payment: numbers[0], state: .reversing, nextTry: 5, attempts: 2))
    try store.insertOutcome(
      OutcomeRow(payment: numbers[3], state: .approved, approvalCode: .none, responseCode: .none, time: TestLedger.time)
    )
    try store.commit(lowWater: numbers[2])
    let open = try store.openPayments()
    #expect(open.map(\.stored.record.payment) == [numbers[0], numbers[2]])
    #expect(open[0].unresolved?.attempts == 2)
    #expect(open[0].stored.record.state == .reversing)
  }

  @Test func startDoesNotReadAllPayments() throws {
    let store = try TestLedger().openWithSession()
    let plan = try store.database.prepare("EXPLAIN QUERY PLAN \(Statements.startedPayments)").all { $0.text(3) }
    #expect(plan.contains { $0.hasPrefix("SEARCH payment") }, "\(plan)")
    #expect(!plan.contains { $0 == "SCAN payment" || $0 == "SCAN o" }, "\(plan)")
  }
}
