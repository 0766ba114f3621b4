import Bytes
import Payments

extension SQLiteStore {
  /// Finds where the journal stands: its last number, last head, and the leaves since then, computed again from rows.
  ///
  /// - Throws: ``StoreError/damaged(_:)`` where a record since the last head is missing or was altered: the next head
  ///   would vouch for it.
  static func position(_ database: Database) throws(StoreError) -> Position {
    let head = try database.prepare(
      "SELECT last, first, previous, root, time, signature FROM head ORDER BY last DESC LIMIT 1"
    ).first {
      JournalHead(
        previous: $0.bytes32(2), root: $0.bytes32(3), first: $0.int(1), last: $0.int(0), time: $0.int(4),
        signature: $0.bytes(5))
    }
    var position = Position(
      nextNumber: (head?.last ?? 0) + 1, frontier: MerkleFrontier(), lastHead: head, lastTime: head?.time ?? 0,
      hasLateOutcomes: try database.number("SELECT count(*) FROM late_outcome") > 0)
    for leaf in try Leaves.since(position.nextNumber, in: database) {
      guard leaf.number == position.nextNumber else {
        throw .damaged("\(database.path): journal record \(position.nextNumber) is missing")
      }
      guard leaf.digest.leafPrefix == leaf.recorded else {
        throw .damaged("\(database.path): journal record \(leaf.number) was altered")
      }
      position.append(leaf.digest, time: leaf.time)
    }
    return position
  }
}

/// Leaves of rows, for start.
enum Leaves {
  /// The leaf of one row.
  struct Leaf {
    var number: Int64
    /// Computed from the row's fields.
    var digest: Bytes32
    /// The prefix that the row keeps.
    var recorded: Int64
    /// Milliseconds since 1970-01-01T00:00:00Z.
    var time: Int64
  }

  /// Leaves from the number `first` on, in order.
  static func since(_ first: Int64, in database: Database) throws(StoreError) -> [Leaf] {
    var leaves = try payments(since: first, database)
    leaves += try outcomes(since: first, database)
    leaves += try events(since: first, database)
    return leaves.sorted { $0.number < $1.number }
  }

  private static func payments(since first: Int64, _ database: Database) throws(StoreError) -> [Leaf] {
    let statement = try database.prepare(
      """
      SELECT seq, key, company, consultant, session, sequence, time, amount, currency, instalments, reference,
        fingerprint, expiry, first6, last4, card_length, leaf, original FROM payment WHERE seq >= ?
      """)
    statement.bind(1, first)
    return try statement.all { row in
      var hasher = LeafHasher("countersign/1 payment", number: row.int(0))
      hasher.add(row.buffer(1))
      hasher.add(row.int(2))
      hasher.add(row.int(3))
      hasher.add(row.buffer(4))
      for column: Int32 in 5...9 { hasher.add(row.int(column)) }
      hasher.add(row.buffer(10))
      hasher.add(row.buffer(11))
      for column: Int32 in 12...15 { hasher.add(row.int(column)) }
      if !row.isNull(17) { hasher.add(row.buffer(17)) }
      return Leaf(number: row.int(0), digest: hasher.finish(), recorded: row.int(16), time: row.int(6))
    }
  }

  /// The numbers of outcomes have no index: those since the last head belong to payments that were open then, or stand
  /// in `late_outcome`.
  private static func outcomes(since first: Int64, _ database: Database) throws(StoreError) -> [Leaf] {
    let statement = try database.prepare(
      """
      SELECT seq, payment, time, state, approval, response, leaf FROM outcome
      WHERE payment >= coalesce((SELECT low_water FROM head ORDER BY last DESC LIMIT 1), 0) AND seq >= ?1
      UNION SELECT seq, payment, time, state, approval, response, leaf FROM outcome
      WHERE payment IN (SELECT payment FROM late_outcome) AND seq >= ?1
      """)
    statement.bind(1, first)
    return try statement.all { row in
      var hasher = LeafHasher("countersign/1 outcome", number: row.int(0))
      for column: Int32 in 1...5 { hasher.add(row.int(column)) }
      return Leaf(number: row.int(0), digest: hasher.finish(), recorded: row.int(6), time: row.int(2))
    }
  }

  private static func events(since first: Int64, _ database: Database) throws(StoreError) -> [Leaf] {
    let statement = try database.prepare(
      "SELECT seq, kind, payment, consultant, company, session, time, body, leaf FROM event WHERE seq >= ?")
    statement.bind(1, first)
    return try statement.all { row in
      var hasher = LeafHasher("countersign/1 event", number: row.int(0))
      hasher.add(row.buffer(1))
      hasher.addOptional(row.optionalInt(2))
      hasher.addOptional(row.optionalInt(3))
      hasher.addOptional(row.optionalInt(4))
      hasher.addOptional(row.isNull(5) ? nil : row.bytes16(5))
      hasher.add(row.int(6))
      hasher.add(row.buffer(7))
      return Leaf(number: row.int(0), digest: hasher.finish(), recorded: row.int(8), time: row.int(6))
    }
  }
}
