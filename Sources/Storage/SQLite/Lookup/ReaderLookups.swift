import Bytes
import Payments

/// What payments are wanted of those that a lookup finds.
public struct LookupPage: Sendable {
  public var lookup: PaymentLookup
  /// Numbers that the store told for the same lookup, asked before.
  public var recent: [Int64]
  /// Payments with a higher number only.
  public var after: Int64
  /// Recorded within, milliseconds since 1970-01-01T00:00:00Z.
  public var times: Range<Int64>
  /// Most payments told.
  public var limit: Int

  public init(
    _ lookup: PaymentLookup, recent: [Int64], after: Int64 = 0, times: Range<Int64> = .min ..< .max, limit: Int
  ) {
    self.lookup = lookup
    self.recent = recent
    self.after = after
    self.times = times
    self.limit = limit
  }
}

extension SQLiteReader {
  /// Numbers of the payments that a lookup finds, rising. Runs are read one after the other, each in a short read
  /// transaction of its own: nothing is ever taken out of them.
  public func payments(_ page: LookupPage) throws(StoreError) -> [Int64] {
    let check = try Check(page, database)
    var found: [Int64] = []
    var whole = page.after
    let hash = try lookupKey().hash(page.lookup)
    for run in try runs(after: page.after, times: page.times) {
      let isOver = try each(of: hash, in: run.number, after: page.after) { number throws(StoreError) in
        if try check.isMeant(number) { found.append(number) }
        return found.count < page.limit
      }
      guard isOver else { return found }
      whole = run.number
    }
    // Those that came into a run after the store told them are not told twice.
    for number in page.recent where number > whole && found.count < page.limit {
      if try check.isMeant(number) { found.append(number) }
    }
    return found
  }

  /// How many payments a lookup finds, whatever the page's limit. Rows are read only where times decide: two cards or
  /// orders with one hash are as good as impossible, and here only a number hangs on it.
  public func count(_ page: LookupPage) throws(StoreError) -> Int {
    let check = try Check(page, database)
    var (count, whole) = (0, page.after)
    let hash = try lookupKey().hash(page.lookup)
    for run in try runs(after: page.after, times: page.times) {
      let isInside = page.times.contains(run.times.lowerBound) && page.times.contains(run.times.upperBound)
      _ = try each(of: hash, in: run.number, after: page.after) { number throws(StoreError) in
        let isMeant = if isInside { true } else { try check.isMeant(number) }
        count += isMeant ? 1 : 0
        return true
      }
      whole = run.number
    }
    for number in page.recent where number > whole {
      if try check.isMeant(number) { count += 1 }
    }
    return count
  }

  private func lookupKey() throws(StoreError) -> LookupKey {
    if let key = knownLookupKey { return key }
    let bytes = try database.prepare("SELECT key FROM lookup_key").first { $0.bytes(0) }
    guard let bytes else { throw .damaged("\(database.path): the key of the lookups is missing") }
    let key = LookupKey(bytes)
    knownLookupKey = key
    return key
  }

  /// Whole runs with payments that are wanted, oldest first, and when their first and last payment was recorded.
  private func runs(
    after number: Int64, times: Range<Int64>
  ) throws(StoreError) -> [(number: Int64, times: ClosedRange<Int64>)] {
    let find = try database.prepare(
      """
      SELECT run, from_time, to_time FROM lookup_run WHERE run > ?1 AND to_time >= ?2 AND from_time < ?3 ORDER BY run
      """)
    find.bind(1, number)
    find.bind(2, times.lowerBound)
    find.bind(3, times.upperBound)
    return try find.all { ($0.int(0), $0.int(1)...max($0.int(1), $0.int(2))) }
  }

  /// Tells a run's payments with this hash and a higher number, rising, until `tell` says false. The last chunk that
  /// begins below the hash may hold it too; equal ones may fill several chunks, in order of `id`.
  ///
  /// - Returns: false where `tell` said so.
  private func each(
    of hash: Int64, in run: Int64, after number: Int64, _ tell: (Int64) throws(StoreError) -> Bool
  ) throws(StoreError) -> Bool {
    let find = try database.prepare(
      """
      SELECT body FROM (
        SELECT * FROM (
          SELECT id, body FROM lookup WHERE run = ?1 AND first < ?2 ORDER BY first DESC, id DESC LIMIT 1)
        UNION ALL SELECT id, body FROM lookup WHERE run = ?1 AND first = ?2)
      ORDER BY id
      """)
    find.bind(1, run)
    find.bind(2, hash)
    defer { find.reset() }
    while try find.step() {
      for found in LookupRun.numbers(of: hash, after: number, in: find.buffer(0)) {
        guard try tell(found) else { return false }
      }
    }
    return true
  }
}

/// Compares a payment's row with what was sought: hashes may be equal by chance.
private struct Check {
  private let find: Statement

  init(_ page: LookupPage, _ database: Database) throws(StoreError) {
    let column =
      switch page.lookup {
      case .order: "CAST(reference AS BLOB)"
      case .card: "fingerprint"
      case .consultant: "consultant"
      }
    find = try database.prepare(
      "SELECT 1 FROM payment WHERE seq = ?1 AND time >= ?2 AND time < ?3 AND \(column) = ?4")
    find.bind(2, page.times.lowerBound)
    find.bind(3, page.times.upperBound)
    switch page.lookup {
    case .order(let reference): find.bind(4, reference)
    case .card(let fingerprint): find.bind(4, fingerprint)
    case .consultant(let id): find.bind(4, id)
    }
  }

  func isMeant(_ number: Int64) throws(StoreError) -> Bool {
    find.bind(1, number)
    return try find.first { _ in true } ?? false
  }
}
