import Bytes
import Payments

/// The three tables that are the journal, and how a row of each becomes a record. Source: docs/audit.md, "Leaves".
enum JournalTable: CaseIterable {
  case payment
  case outcome
  case event

  /// Columns in the order that ``write(_:to:)`` reads; the record's number is the first.
  var select: String {
    switch self {
    case .payment:
      """
      SELECT seq, key, company, consultant, session, sequence, time, amount, currency, instalments, reference,
        fingerprint, expiry, first6, last4, card_length, leaf, original FROM payment
      """
    case .outcome: "SELECT seq, payment, time, state, approval, response, leaf FROM outcome"
    case .event: "SELECT seq, kind, payment, consultant, company, session, time, body, leaf FROM event"
    }
  }

  private var domain: StaticString {
    switch self {
    case .payment: "countersign/1 payment"
    case .outcome: "countersign/1 outcome"
    case .event: "countersign/1 event"
    }
  }

  /// Writes the record's fields behind its number.
  private func write<Sink: RecordSink>(_ row: Statement, to sink: inout Sink) {
    switch self {
    case .payment:
      sink.add(row.buffer(1))
      sink.add(row.int(2))
      sink.add(row.int(3))
      sink.add(row.buffer(4))
      for column: Int32 in 5...9 { sink.add(row.int(column)) }
      sink.add(row.buffer(10))
      sink.add(LeafHasher.card(row.bytes16(11), expiry: row.int(12)))
      for column: Int32 in 13...15 { sink.add(row.int(column)) }
      if !row.isNull(17) { sink.add(row.buffer(17)) }
    case .outcome:
      for column: Int32 in 1...5 { sink.add(row.int(column)) }
    case .event:
      sink.add(row.buffer(1))
      for column: Int32 in 2...4 { sink.addOptional(row.optionalInt(column)) }
      if row.isNull(5) { sink.addAbsent() } else { sink.add(row.buffer(5)) }
      sink.add(row.int(6))
      sink.add(row.buffer(7))
    }
  }

  func leaf(_ row: Statement) -> JournalLeaf {
    var hasher = LeafHasher(domain, number: row.int(0))
    write(row, to: &hasher)
    let (time, kept): (Int32, Int32) =
      switch self {
      case .payment: (6, 16)
      case .outcome: (2, 6)
      case .event: (6, 8)
      }
    return JournalLeaf(number: row.int(0), digest: hasher.finish(), recorded: row.int(kept), time: row.int(time))
  }

  func bytes(_ row: Statement) -> (number: Int64, bytes: [UInt8]) {
    var record = RecordBytes(domain, number: row.int(0))
    write(row, to: &record)
    return (row.int(0), record.bytes)
  }
}

/// The leaf of one row.
struct JournalLeaf: Sendable {
  var number: Int64
  /// Computed from the row's fields.
  var digest: Bytes32
  /// The prefix that the row keeps.
  var recorded: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z.
  var time: Int64

  /// Whether the row's fields are those that it was written with.
  var isUnaltered: Bool { digest.leafPrefix == recorded }
}

/// Reads records by their numbers.
final class JournalRanges {
  private let statements: [(table: JournalTable, statement: Statement)]

  init(_ database: Database) throws(StoreError) {
    var statements: [(table: JournalTable, statement: Statement)] = []
    for table in JournalTable.allCases {
      statements.append((table, try database.prepare(Self.query(table))))
    }
    self.statements = statements
  }

  /// The numbers of outcomes have no index: those of a range are found through their payments.
  private static func query(_ table: JournalTable) -> String {
    guard table == .outcome else { return "\(table.select) WHERE seq BETWEEN ?1 AND ?2" }
    return """
      \(table.select) WHERE payment BETWEEN ?1 - \(SQLiteStore.outcomeWindow) AND ?2 AND seq BETWEEN ?1 AND ?2
      UNION \(table.select)
      WHERE payment IN (SELECT payment FROM late_outcome WHERE seq BETWEEN ?1 AND ?2) AND seq BETWEEN ?1 AND ?2
      """
  }

  /// Leaves of a range in order, with gaps and repeats where the journal has them.
  func leaves(_ range: ClosedRange<Int64>) throws(StoreError) -> [JournalLeaf] {
    try rows(range) { $0.leaf($1) }.sorted { $0.number < $1.number }
  }

  /// Canonical bytes of the records of a range, in order.
  func records(_ range: ClosedRange<Int64>) throws(StoreError) -> [(number: Int64, bytes: [UInt8])] {
    try rows(range) { $0.bytes($1) }.sorted { $0.number < $1.number }
  }

  private func rows<R>(
    _ range: ClosedRange<Int64>, _ read: (JournalTable, Statement) -> R
  ) throws(StoreError) -> [R] {
    var found: [R] = []
    for (table, statement) in statements {
      statement.bind(1, range.lowerBound)
      statement.bind(2, range.upperBound)
      found += try statement.all { read(table, $0) }
    }
    return found
  }
}
