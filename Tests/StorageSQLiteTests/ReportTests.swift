import Bytes
import Payments
import Testing

@testable import StorageSQLite

/// Lists and totals that read through many payments in parts.
@Suite struct ReportTests {
  /// Payments of two days, mixed up as clocks that were set back leave them, in several lookup runs.
  private static func ledger() async throws -> (TestLedger, SQLiteStore, SQLiteReader) {
    let ledger = try TestLedger()
    _ = try ledger.openWithSession()
    let store = try SQLiteStore(
      path: ledger.path, reserve: 0, lookupPayments: 100, signer: { [key = ledger.key] in try key.sign($0) })
    var dice = Dice(state: 11)
    for group in 0..<35 {
      try store.write { store in
        for number in group * 20 + 1...group * 20 + 20 { try record(number, &dice, in: store) }
      }
      store.maintain(idle: true)
    }
    while try store.database.number("SELECT count(*) FROM lookup_run") < 6 {
      store.maintain(idle: true)
      await Task.yield()
    }
    return (ledger, store, try SQLiteReader(path: ledger.path))
  }

  private static func record(_ number: Int, _ dice: inout Dice, in store: SQLiteStore) throws {
    let time = TestLedger.time + Int64(dice.roll(2)) * 86_400_000 + Int64(number / 300) * 10 * 86_400_000
    var intent = TestLedger.intent(UInt64(number))
    intent.currency = Currency(Array((dice.roll(2) == 0 ? "KRW" : "EUR").utf8))!
    let result = try Array("A-1".utf8).withUnsafeBytes {
      try store.insertIntent(intent, reference: $0, original: nil, time: time, unlessKnown: nil)
    }
    let payment = try #require(result.number)
    switch dice.roll(4) {
    case 0: break
    case 1: try store.setUnresolved(UnresolvedRow(payment: payment, state: .reversing, nextTry: 0, attempts: 1))
    default: try store.insertOutcome(OutcomeTests.outcome(payment, dice.roll(2) == 0 ? .approved : .declined))
    }
  }

  /// A part of the payments has refunds and voids in all states.
  private static func operate(_ store: SQLiteStore) throws {
    var dice = Dice(state: 5)
    let approved = try store.database.prepare("SELECT payment FROM outcome WHERE state = 2").all { $0.int(0) }
    try store.write { store in
      for payment in approved where dice.roll(2) == 0 {
        let amount = try #require(try store.payment(number: payment)).record.amount
        for _ in 0...dice.roll(2) {
          let state = try #require(OperationState(rawValue: UInt8(1 + dice.roll(7))))
          let isVoid = dice.roll(4) == 0
          var row = OperationRow(
            key: Bytes16(high: UInt64(payment), low: UInt64(dice.roll(1_000_000))), kind: isVoid ? .void : .refund,
            payment: payment, amount: isVoid || dice.roll(3) == 0 ? amount : max(1, amount / 3), state: state,
            requestedBy: 1, time: TestLedger.time, confirmUntil: TestLedger.time)
          row.id = try store.insertEvent(.operation(row, time: row.time, ", for a test"))
          try store.insertOperation(row)
        }
      }
    }
  }

  /// Compared with the rule that payments are told by, payment by payment.
  @Test func aReportHasTheStatesThatPaymentsAreToldIn() async throws {
    let (_, store, reader) = try await Self.ledger()
    try Self.operate(store)
    var sums: [String: [UInt64]] = [:]
    func add(_ state: ToldState, _ values: [UInt64]) {
      sums[state.name] = zip(sums[state.name] ?? [0, 0, 0], values).map { $0 + $1 }
    }
    var after: Int64? = 0
    while let number = after {
      let page = try await reader.totals(0 ..< .max, after: number, limit: 1_000)
      for total in page.totals { add(total.state, [UInt64(total.count), total.amount, total.refunded]) }
      after = page.next
    }
    let told = sums
    sums = [:]
    for number in try store.database.prepare("SELECT seq FROM payment").all({ $0.int(0) }) {
      let payment = try #require(
        try await reader.list(PaymentFilter(), recent: [], after: number - 1, limit: 1).payments.first)
      let done = try store.operations(of: number).filter { $0.state == .done }
      add(payment.payment.toldState, [1, payment.payment.record.amount, done.reduce(0) { $0 + $1.amount }])
    }
    #expect(told == sums && sums.count == 9, "\(told) \(sums)")
  }

  private static let day = TestLedger.time + 86_400_000..<TestLedger.time + 2 * 86_400_000
  private static let inDay = "time >= \(day.lowerBound) AND time < \(day.upperBound)"

  @Test(arguments: [1, 2, 256]) func partsOfAReportAddUp(_ limit: Int) async throws {
    let (_, store, reader) = try await Self.ledger()
    var sums: [String: (count: Int64, amount: UInt64)] = [:]
    var after: Int64 = 0
    while true {
      let page = try await reader.totals(Self.day, after: after, limit: limit)
      #expect(page.totals.count <= limit)
      for total in page.totals {
        let key = "\(total.currency.text) \(total.state.name)"
        sums[key] = ((sums[key]?.count ?? 0) + total.count, (sums[key]?.amount ?? 0) + total.amount)
      }
      guard let next = page.next else { break }
      #expect(next > after)
      after = next
    }
    let rows = try store.database.prepare(
      """
      SELECT CASE currency WHEN 4936279 THEN 'KRW' ELSE 'EUR' END || ' '
          || CASE coalesce(u.state, o.state, 1) WHEN 1 THEN 'INTENT' WHEN 2 THEN 'APPROVED' WHEN 3 THEN 'DECLINED'
            ELSE 'REVERSING' END AS what, count(*), sum(amount)
      FROM payment p LEFT JOIN outcome o ON o.payment = p.seq LEFT JOIN unresolved u ON u.payment = p.seq
      WHERE p.\(Self.inDay.replacing("AND time", with: "AND p.time")) GROUP BY what ORDER BY what
      """
    ).all { "\($0.text(0)) \($0.int(1)) \($0.int(2))" }
    #expect(sums.map { "\($0.key) \($0.value.count) \($0.value.amount)" }.sorted() == rows && rows.count == 8)
  }

  @Test(arguments: [3, 50]) func pagesOfAListHaveEveryPaymentOnce(_ limit: Int) async throws {
    let (_, store, reader) = try await Self.ledger()
    let filter = PaymentFilter(company: 1, state: .recorded(.declined), times: Self.day)
    var found: [Int64] = []
    var after: Int64 = 0
    while true {
      let page = try await reader.list(filter, recent: [], after: after, limit: limit)
      #expect(page.payments.count <= limit)
      found += page.payments.map(\.payment.record.payment)
      guard let next = page.next else { break }
      after = next
    }
    let rows = try store.database.prepare(
      "SELECT p.seq FROM payment p JOIN outcome o ON o.payment = p.seq WHERE o.state = 3 AND p.\(Self.inDay.replacing("AND time", with: "AND p.time")) ORDER BY 1"
    ).all { $0.int(0) }
    #expect(found == rows && rows.count > 20)
  }

  /// Of runs whose times are all others, not one row is read.
  @Test func runsOfOtherTimesAreLeftOut() async throws {
    let (_, _, reader) = try await Self.ledger()
    let last = try await reader.window(after: 0, times: TestLedger.time + 20 * 86_400_000 ..< .max)
    let first = try #require(last?.lowerBound)
    #expect(first > 500)
    let none = try await reader.totals(0..<TestLedger.time, after: 0, limit: 10)
    #expect(none.totals.isEmpty)
  }
}
