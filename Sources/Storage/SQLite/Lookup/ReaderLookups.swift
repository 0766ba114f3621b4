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
    let hash = try lookupKey().hash(page.lookup)
    for run in try runs(after: page.after, times: page.times) {
      for number in try numbers(of: hash, in: run) where number > page.after && found.count < page.limit {
        if try check.isMeant(number) { found.append(number) }
      }
      if found.count == page.limit { break }
    }
    let known = Set(found)
    for number in page.recent where number > page.after && !known.contains(number) {
      if try check.isMeant(number) { found.append(number) }
    }
    return Array(found.sorted().prefix(page.limit))
  }

  private func lookupKey() throws(StoreError) -> LookupKey {
    if let key = knownLookupKey { return key }
    let bytes = try database.prepare("SELECT key FROM lookup_key").first { $0.bytes(0) }
    guard let bytes else { throw .damaged("\(database.path): the key of the lookups is missing") }
    let key = LookupKey(bytes)
    knownLookupKey = key
    return key
  }

  /// Whole runs with payments that are wanted, oldest first.
  private func runs(after number: Int64, times: Range<Int64>) throws(StoreError) -> [Int64] {
    let find = try database.prepare(
      "SELECT run FROM lookup_run WHERE run > ?1 AND to_time >= ?2 AND from_time < ?3 ORDER BY run")
    find.bind(1, number)
    find.bind(2, times.lowerBound)
    find.bind(3, times.upperBound)
    return try find.all { $0.int(0) }
  }

  /// The last chunk that begins below the hash may hold it too; equal ones may fill several chunks, in order of `id`.
  private func numbers(of hash: Int64, in run: Int64) throws(StoreError) -> [Int64] {
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
    return try find.all { LookupRun.numbers(of: hash, in: $0.buffer(0)) }.flatMap { $0 }
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
