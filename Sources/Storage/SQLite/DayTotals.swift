import CSQLite
import Payments

/// What companies' payments come to, day by day, for companies that have a limit for the day. The others cost nothing.
///
/// A counted payment has a row in `counted` until its outcome: one that was not charged is taken out of its day again.
/// On the writer's thread.
final class DayTotals {
  private let database: Database
  private let add: Statement
  private let remember: Statement
  private let find: Statement
  private let subtract: Statement
  private let forget: Statement
  /// Counted payments without an outcome. May hold numbers that a rollback took back.
  private var open: Set<Int64>
  /// Settled in the present transaction.
  private var settled: [Int64] = []

  init(_ database: Database) throws(StoreError) {
    self.database = database
    add = try database.prepare(
      """
      INSERT INTO day_total VALUES (?1, ?2, ?3, ?4)
      ON CONFLICT DO UPDATE SET amount = amount + excluded.amount WHERE amount + excluded.amount <= ?5
      """)
    remember = try database.prepare("INSERT INTO counted VALUES (?1, ?2, ?3, ?4, ?5)")
    find = try database.prepare("SELECT company, currency, day, amount FROM counted WHERE payment = ?1")
    subtract = try database.prepare(
      "UPDATE day_total SET amount = amount - ?4 WHERE company = ?1 AND currency = ?2 AND day = ?3")
    forget = try database.prepare("DELETE FROM counted WHERE payment = ?1")
    open = Set(try database.prepare("SELECT payment FROM counted").all { $0.int(0) })
  }

  /// Adds a payment that is about to be recorded to its day.
  ///
  /// - Returns: false where that would be more than the limit; nothing is changed then.
  func count(_ intent: borrowing Intent, _ limit: DayLimit, number: Int64) throws(StoreError) -> Bool {
    let amount = Int64(clamping: intent.amount)
    guard amount <= limit.most else { return false }
    bind(add, intent.company, Int64(intent.currency.value), Int64(limit.day), amount, from: 1)
    add.bind(5, limit.most)
    _ = try add.run()
    guard database.changes > 0 else { return false }
    remember.bind(1, number)
    bind(remember, intent.company, Int64(intent.currency.value), Int64(limit.day), amount, from: 2)
    try remember.run(conflict: "payment")
    open.insert(number)
    return true
  }

  /// A payment has its outcome.
  func settle(_ outcome: OutcomeRow) throws(StoreError) {
    guard !open.isEmpty, open.contains(outcome.payment) else { return }
    if outcome.state.outcome != .approved {
      find.bind(1, outcome.payment)
      if let row = try find.first({ ($0.int(0), $0.int(1), $0.int(2), $0.int(3)) }) {
        bind(subtract, row.0, row.1, row.2, row.3, from: 1)
        _ = try subtract.run()
      }
    }
    forget.bind(1, outcome.payment)
    _ = try forget.run()
    settled.append(outcome.payment)
  }

  func committed() {
    guard !settled.isEmpty else { return }
    open.subtract(settled)
    settled.removeAll(keepingCapacity: true)
  }

  func rolledBack() { settled.removeAll(keepingCapacity: true) }

  private func bind(
    _ statement: Statement, _ company: Int64, _ currency: Int64, _ day: Int64, _ amount: Int64, from first: Int32
  ) {
    for (offset, value) in [company, currency, day, amount].enumerated() {
      statement.bind(first + Int32(offset), value)
    }
  }
}

extension SQLiteStore {
  public func setPolicy(company: Int64, _ policy: [UInt8]?) throws(StoreError) {
    let change = try database.prepare(
      policy == nil
        ? "DELETE FROM company_policy WHERE company = ?1" : "INSERT OR REPLACE INTO company_policy VALUES (?1, ?2)")
    change.bind(1, company)
    if let policy { change.bind(2, policy) }
    _ = try change.run()
  }

  public func policies() throws(StoreError) -> [(company: Int64, policy: [UInt8])] {
    try database.prepare("SELECT company, policy FROM company_policy").all { (company: $0.int(0), policy: $0.bytes(1)) }
  }

  public func dayTotal(company: Int64, currency: Currency, day: Int32) throws(StoreError) -> Int64 {
    let find = try database.prepare(
      "SELECT amount FROM day_total WHERE company = ?1 AND currency = ?2 AND day = ?3")
    find.bind(1, company)
    find.bind(2, Int64(currency.value))
    find.bind(3, Int64(day))
    return try find.first { $0.int(0) } ?? 0
  }
}
