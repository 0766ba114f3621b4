import Bytes
import Payments

extension SQLiteStore {
  /// Finds where the journal stands: its last number, last head, and the leaves since then, computed again from rows.
  static func position(_ database: Database) throws(StoreError) -> Position {
    let head = try database.prepare(
      "SELECT last, first, previous, root, time, signature FROM head ORDER BY last DESC LIMIT 1"
    ).first {
      JournalHead(
        previous: $0.bytes32(2), root: $0.bytes32(3), first: $0.int(1), last: $0.int(0), time: $0.int(4),
        signature: $0.bytes(5))
    }
    var position = Position(
      nextNumber: (head?.last ?? 0) + 1, frontier: MerkleFrontier(), lastHead: head,
      hasLateOutcomes: try database.number("SELECT count(*) FROM late_outcome") > 0)
    for (number, leaf) in try Leaves.since(position.nextNumber, in: database) {
      guard number == position.nextNumber else {
        throw .damaged("\(database.path): journal record \(position.nextNumber) is missing")
      }
      position.nextNumber += 1
      position.frontier.append(leaf)
    }
    return position
  }
}

/// Leaves of rows, for start and audit.
enum Leaves {
  /// Numbers and leaves from `first` on, in order.
  static func since(_ first: Int64, in database: Database) throws(StoreError) -> [(Int64, Bytes32)] {
    var leaves = try payments(since: first, database)
    leaves += try outcomes(since: first, database)
    leaves += try events(since: first, database)
    return leaves.sorted { $0.0 < $1.0 }
  }

  private static func payments(since first: Int64, _ database: Database) throws(StoreError) -> [(Int64, Bytes32)] {
    let statement = try database.prepare(
      """
      SELECT seq, key, company, consultant, session, sequence, time, amount, currency, instalments, reference,
        fingerprint, expiry, first6, last4, card_length FROM payment WHERE seq >= ?
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
      return (row.int(0), hasher.finish())
    }
  }

  /// The numbers of outcomes have no index: those since the last head belong to payments that were open then, or stand
  /// in `late_outcome`.
  private static func outcomes(since first: Int64, _ database: Database) throws(StoreError) -> [(Int64, Bytes32)] {
    let statement = try database.prepare(
      """
      SELECT seq, payment, time, state, approval, response FROM outcome
      WHERE payment >= coalesce((SELECT low_water FROM head ORDER BY last DESC LIMIT 1), 0) AND seq >= ?1
      UNION SELECT seq, payment, time, state, approval, response FROM outcome
      WHERE payment IN (SELECT payment FROM late_outcome) AND seq >= ?1
      """)
    statement.bind(1, first)
    return try statement.all { row in
      var hasher = LeafHasher("countersign/1 outcome", number: row.int(0))
      for column: Int32 in 1...5 { hasher.add(row.int(column)) }
      return (row.int(0), hasher.finish())
    }
  }

  private static func events(since first: Int64, _ database: Database) throws(StoreError) -> [(Int64, Bytes32)] {
    let statement = try database.prepare(
      "SELECT seq, kind, payment, consultant, company, session, time, body FROM event WHERE seq >= ?")
    statement.bind(1, first)
    return try statement.all { row in
      var hasher = LeafHasher("countersign/1 event", number: row.int(0))
      hasher.add(row.text(1))
      hasher.addOptional(row.optionalInt(2))
      hasher.addOptional(row.optionalInt(3))
      hasher.addOptional(row.optionalInt(4))
      hasher.addOptional(row.isNull(5) ? nil : row.bytes16(5))
      hasher.add(row.int(6))
      hasher.add(row.text(7))
      return (row.int(0), hasher.finish())
    }
  }
}
