import Bytes
import Payments
import Testing

@testable import StorageSQLite

/// What a company's payments of a day come to, in the transaction that records them.
@Suite struct DayTotalTests {
  private static let krw = Currency(Array("KRW".utf8))!

  private static func intent(_ number: UInt64, amount: UInt64 = 100, most: Int64 = 250, day: Int32 = 20_000) -> Intent {
    TestLedger.intent(number) {
      $0.amount = amount
      $0.dayLimit = DayLimit(day: day, most: most)
    }
  }

  private static func total(_ store: SQLiteStore, day: Int32 = 20_000) throws -> Int64 {
    try store.dayTotal(company: 1, currency: krw, day: day)
  }

  private static func outcome(_ payment: Int64, _ state: PaymentState) -> OutcomeRow {
    OutcomeRow(payment: payment, state: state, approvalCode: .none, responseCode: .none, time: TestLedger.time)
  }

  @Test func oneTransactionNeverPassesTheLimit() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      let results = try (1...4).map { try store.record(Self.intent($0)) }
      #expect(results[0].number != nil && results[1].number != nil)
      let refusal = PaymentRefusal.policy(.dayLimitReached(most: 250))
      #expect(results[2].refusal == refusal && results[3].refusal == refusal)
      let rest = try store.record(Self.intent(5, amount: 50))
      #expect(rest.number != nil)
    }
    #expect(try Self.total(store) == 250)
  }

  @Test func daysAndCurrenciesAreCountedApart() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      _ = try store.record(Self.intent(1, amount: 250))
      let tomorrow = try store.record(Self.intent(2, amount: 250, day: 20_001))
      #expect(tomorrow.number != nil)
      var dollars = Self.intent(3, amount: 250)
      dollars.currency = Currency(Array("USD".utf8))!
      let other = try store.record(dollars)
      #expect(other.number != nil)
    }
    #expect(try Self.total(store) == 250)
    #expect(try Self.total(store, day: 20_001) == 250)
  }

  @Test func aKeyThatExistsIsNotCountedAgain() throws {
    let store = try TestLedger().openWithSession()
    try store.write { _ = try $0.record(Self.intent(1, amount: 250)) }
    try store.write { store in
      let again = try store.record(Self.intent(1, amount: 250))
      #expect(again.known != nil)
    }
    #expect(try Self.total(store) == 250)
  }

  @Test func whatIsRolledBackIsNotCounted() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    _ = try store.record(Self.intent(1))
    store.rollback()
    #expect(try Self.total(store) == 0)
    try store.write { _ = try $0.record(Self.intent(2)) }
    #expect(try Self.total(store) == 100)
  }

  @Test(
    arguments: [(PaymentState.approved, 100), (.declined, 0), (.notCharged, 0), (.reversed, 0)]
      as [(PaymentState, Int64)])
  func onlyWhatIsChargedStaysCounted(_ state: PaymentState, _ total: Int64) throws {
    let store = try TestLedger().openWithSession()
    try store.write { _ = try $0.record(Self.intent(1)) }
    try store.write { try $0.insertOutcome(Self.outcome(1, state)) }
    #expect(try Self.total(store) == total)
    #expect(try store.database.number("SELECT count(*) FROM counted") == 0)
  }

  @Test func anOutcomeThatIsRolledBackIsTakenOutWhenItComesAgain() throws {
    let store = try TestLedger().openWithSession()
    try store.write { _ = try $0.record(Self.intent(1)) }
    try store.begin()
    try store.insertOutcome(Self.outcome(1, .declined))
    store.rollback()
    #expect(try Self.total(store) == 100)
    try store.write { try $0.insertOutcome(Self.outcome(1, .declined)) }
    #expect(try Self.total(store) == 0)
  }

  @Test func anOutcomeAfterARestartIsTakenOut() throws {
    let ledger = try TestLedger()
    try ledger.openWithSession().write { _ = try $0.record(Self.intent(1)) }
    let store = try ledger.open()
    #expect(try Self.total(store) == 100)
    try store.write { try $0.insertOutcome(Self.outcome(1, .declined)) }
    #expect(try Self.total(store) == 0)
  }

  @Test func withoutALimitNothingIsWritten() throws {
    let store = try TestLedger().openWithSession()
    try store.write { _ = try $0.record(TestLedger.intent(1)) }
    #expect(try store.database.number("SELECT count(*) FROM day_total") == 0)
    #expect(try store.database.number("SELECT count(*) FROM counted") == 0)
  }
}
