import Bytes
import Payments
import Testing

@testable import StorageSQLite

/// What becomes of payments, and what a start finds open.
@Suite struct OutcomeTests {
  @Test func aPaymentHasOneOutcome() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    _ = try store.record(TestLedger.intent(1))
    try store.insertOutcome(Self.outcome(1, .declined))
    #expect(throws: StoreError.conflict("payment")) { try store.insertOutcome(Self.outcome(1, .approved)) }
    try store.commit(lowWater: 0)
    let found = try #require(try store.payment(number: 1))
    #expect(found.record.outcome == .declined)
  }

  @Test(arguments: [PaymentState.approved, .declined, .notCharged, .reversed])
  func anOutcomeIsReadAsItWasWritten(state: PaymentState) throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      _ = try store.record(TestLedger.intent(1))
      try store.insertOutcome(Self.outcome(1, state))
    }
    let found = try #require(try store.payment(number: 1))
    #expect(found.record.state == state && found.record.outcome == state.outcome)
    #expect(found.record.approvalCode.value == .max && found.record.responseCode.text == "51")
  }

  @Test func aLateApprovalIsReversedWhileWhatWasToldStays() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      _ = try store.record(TestLedger.intent(1))
      try store.insertOutcome(Self.outcome(1, .notCharged))
      try store.setUnresolved(UnresolvedRow(payment: 1, state: .reversing, nextTry: 0, attempts: 1))
    }
    let reversing = try #require(try store.payment(number: 1))
    #expect(reversing.record.state == .reversing && reversing.record.outcome == .notCharged)
    try store.write { try $0.clearUnresolved(payment: 1) }
    let over = try #require(try store.payment(number: 1))
    #expect(over.record.state == .notCharged && over.record.outcome == .notCharged)
  }

  @Test func allOfAPaymentIsReadAsItWasWritten() throws {
    let store = try TestLedger().openWithSession()
    let intent = TestLedger.intent(1) { intent in
      (intent.amount, intent.instalments, intent.sequence) = (Limits.amount.upperBound, 36, .max)
      (intent.card.fingerprint, intent.card.lastFour) = (Bytes16(high: .max, low: .max), 7)
    }
    try store.write { _ = try $0.record(intent) }
    let found = try #require(try store.payment(number: 1))
    #expect(Array("A-1".utf8).withUnsafeBytes { Idempotency.isSame(found, intent, reference: $0) })
    #expect(found.session == intent.session && found.record.key == intent.key && found.record.time == TestLedger.time)
    #expect(found.record.firstSix == 411_111 && found.record.lastFour == 7 && found.record.cardLength == 16)
  }

  @Test func theMarkNeverGoesDown() throws {
    let ledger = try TestLedger()
    var store: SQLiteStore? = try ledger.openWithSession()
    for lowWater: Int64 in [3, 1, 0] {
      try store?.begin()
      try store?.commit(lowWater: lowWater)
    }
    #expect(store?.lowWater == 3)
    store = nil
    #expect(try ledger.open().lowWater == 3)
  }

  @Test func aRowOfWhatIsUnresolvedIsReplacedAndCleared() throws {
    let store = try TestLedger().openWithSession()
    let row = UnresolvedRow(payment: 1, state: .reversing, nextTry: .max, attempts: .max)
    try store.write { store in
      _ = try store.record(TestLedger.intent(1))
      try store.setUnresolved(UnresolvedRow(payment: 1, state: .unknown, nextTry: 0, attempts: 0))
      try store.setUnresolved(row)
    }
    let open = try store.openPayments()
    #expect(open.map(\.unresolved) == [row])
    try store.write { store in
      try store.insertOutcome(Self.outcome(1, .reversed))
      try store.clearUnresolved(payment: 1)
    }
    #expect(try store.openPayments().isEmpty)
  }

  /// Numbers of outcomes and of payments come from one sequence: they must not be taken for each other.
  @Test func paymentsWhoseNumbersAreOutcomesNumbersElsewhereStayOpen() throws {
    let store = try TestLedger().openWithSession()
    var payments: [Int64] = []
    try store.write { store in
      for key in 1...20 {
        let number = try #require(try store.record(TestLedger.intent(UInt64(key))).number)
        if key.isMultiple(of: 2) {
          try store.insertOutcome(Self.outcome(number, .approved))
        } else {
          payments.append(number)
        }
      }
    }
    let open = try store.openPayments()
    #expect(open.map(\.stored.record.payment) == payments)
  }

  @Test func anUnresolvedRowWithoutItsPaymentIsDamage() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { try $0.setUnresolved(UnresolvedRow(payment: 4, state: .unknown, nextTry: 0, attempts: 0)) }
    #expect(throws: StoreError.damaged("\(ledger.path): unresolved payment 4 has no row")) { try store.openPayments() }
  }

  static func outcome(_ payment: Int64, _ state: PaymentState) -> OutcomeRow {
    OutcomeRow(
      payment: payment, state: state, approvalCode: ApprovalCode(value: .max),
      responseCode: ResponseCode(ascii: "51"), time: TestLedger.time)
  }
}
