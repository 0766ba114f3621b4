import Audit
import Bytes
import CSQLite
import Payments

/// Reads records with their heads and proofs for others to verify, on a connection of its own. An actor, so that only
/// one question at a time holds a read transaction; each is over a part of the numbers, so that none lasts long.
public actor AuditReader {
  /// Numbers read in one transaction.
  static let pageNumbers: Int64 = 16_384
  /// Most bytes of records and heads in one part of an export, well below a frame of 64 KiB.
  static let partBytes = 48 * 1_024
  /// Most numbers of one part of an export.
  static let partNumbers: Int64 = 512

  /// One part of an export.
  public struct Part: Sendable {
    /// In order, the first with the number that was asked for.
    public var records: [[UInt8]] = []
    /// Heads that end among them.
    public var heads: [JournalHead] = []
    /// Number of the record behind the last.
    public var next: Int64
  }

  private let database: Database
  private let ranges: JournalRanges

  /// - Throws: ``StoreError`` that names the file.
  public init(path: String) throws(StoreError) {
    database = try Database(path: path, flags: SQLITE_OPEN_READONLY)
    try Schema.check(database)
    ranges = try JournalRanges(database)
  }

  /// Number of the newest record of a payment; nil where no payment has this number.
  public func lastNumber(payment: Int64) throws(StoreError) -> Int64? {
    let find = try database.prepare(
      """
      SELECT max(p.seq, coalesce(o.seq, 0), coalesce((SELECT max(seq) FROM event WHERE payment = p.seq), 0))
      FROM payment p LEFT JOIN outcome o ON o.payment = p.seq WHERE p.seq = ?1
      """)
    find.bind(1, payment)
    return try find.first { $0.int(0) }
  }

  /// Numbers of the records that say how a payment stands, up to a record: intent, outcome, the last step of its way
  /// where that is newer, and the last one of each refund and void that was sent. Rising.
  public func standing(payment: Int64, until: Int64) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT seq FROM outcome WHERE payment = ?1 AND seq <= ?2")
    find.bind(1, payment)
    find.bind(2, until)
    let outcome = try find.first { $0.int(0) }
    let events = try database.prepare(
      "SELECT seq FROM event WHERE payment = ?1 AND seq <= ?2 AND kind IN ('STATE', 'OPERATION') ORDER BY seq")
    events.bind(1, payment)
    events.bind(2, until)
    var step: Int64?
    var operations: [Int64: ReceiptFindings.Operation] = [:]
    for number in try events.all({ $0.int(0) }) {
      let record = try record(number)
      if let operation = record.operation {
        operations[operation.number] = operation
      } else if record.step != nil, number > outcome ?? 0 {
        step = number
      }
    }
    let sent = operations.values.filter { [.sending, .unknown, .done].contains($0.state) }.map(\.record)
    return ([payment, outcome, step].compactMap(\.self) + sent).sorted()
  }

  private func record(_ number: Int64) throws(StoreError) -> JournalRecord {
    guard let found = try ranges.records(number...number).first else {
      throw .damaged("\(database.path): journal record \(number) is missing")
    }
    do {
      return try JournalRecord(found.bytes)
    } catch {
      throw .damaged("\(database.path): journal record \(number): \(error)")
    }
  }

  /// Numbers of all payments with this key, oldest first; companies may use the same one.
  public func payments(key: Bytes16) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT seq FROM payment WHERE key = ? ORDER BY seq")
    find.bind(1, key)
    return try find.all { $0.int(0) }
  }

  /// The head over a record; nil where it is not under one yet.
  public func head(over number: Int64) throws(StoreError) -> JournalHead? {
    try head("WHERE last >= ? ORDER BY last LIMIT 1", number)
  }

  /// The newest head.
  public func lastHead() throws(StoreError) -> JournalHead? {
    try head("WHERE last <= ? ORDER BY last DESC LIMIT 1", .max)
  }

  /// Number of the last record; an outcome's where its payment is not far before it.
  public func lastNumber() throws(StoreError) -> Int64 {
    try database.number(
      """
      SELECT max(coalesce((SELECT max(seq) FROM event), 0), coalesce((SELECT max(seq) FROM payment), 0), coalesce(
        (SELECT max(seq) FROM outcome WHERE payment > (SELECT max(seq) FROM payment) - \(SQLiteStore.outcomeWindow)), 0))
      """)
  }

  /// The first head with this time or a later one, milliseconds since 1970-01-01T00:00:00Z; nil where all are older.
  ///
  /// Found by halving the numbers, since heads have no index by time: exact where the clock was never set back.
  public func head(since time: Int64) throws(StoreError) -> JournalHead? {
    guard let last = try lastHead() else { return nil }
    var (low, high) = (Int64(1), last.last + 1)
    while low < high {
      let middle = low + (high - low) / 2
      guard let head = try head(over: middle) else { return nil }
      if head.time >= time { high = min(middle, head.first) } else { low = head.last + 1 }
    }
    return try head(over: low)
  }

  /// Heads that end behind a record, in order.
  public func heads(after number: Int64, limit: Int) throws(StoreError) -> [JournalHead] {
    let find = try database.prepare("\(JournalHead.columns) WHERE last > ? ORDER BY last LIMIT ?")
    find.bind(1, number)
    find.bind(2, Int64(limit))
    return try find.all(JournalHead.init(row:))
  }

  private func head(_ condition: String, _ number: Int64) throws(StoreError) -> JournalHead? {
    let find = try database.prepare("\(JournalHead.columns) \(condition)")
    find.bind(1, number)
    return try find.first(JournalHead.init(row:))
  }

  // MARK: - Proofs

  /// Proof of a record that a head is over.
  ///
  /// - Throws: ``StoreError/damaged(_:)`` where the ledger's records do not fit the head.
  public func proof(of number: Int64, under head: JournalHead) throws(StoreError) -> Receipt.Proof {
    guard head.first <= number, number <= head.last else {
      throw .damaged("\(database.path): journal record \(number) is not under its head")
    }
    let record = try record(number)
    let leaves = try leaves(under: head)
    let index = Int(number - head.first)
    let path = MerkleTree.path(of: index, in: leaves)
    guard leaves[index] == record.leaf,
      MerkleTree.root(leaf: record.leaf, index: UInt64(index), size: UInt64(leaves.count), path: path) == head.root
    else {
      throw .damaged("\(database.path): journal records \(head.first) to \(head.last) do not fit their head")
    }
    return Receipt.Proof(record: record, head: head, path: path)
  }

  private func leaves(under head: JournalHead) throws(StoreError) -> [Bytes32] {
    var leaves: [Bytes32] = []
    var next = head.first
    while next <= head.last {
      let end = min(head.last, next + Self.pageNumbers - 1)
      for leaf in try ranges.leaves(next...end) {
        guard leaf.number == head.first + Int64(leaves.count) else {
          throw .damaged("\(database.path): journal record \(head.first + Int64(leaves.count)) is missing")
        }
        leaves.append(leaf.digest)
      }
      next = end + 1
    }
    guard head.first + Int64(leaves.count) == head.last + 1 else {
      throw .damaged("\(database.path): journal record \(head.first + Int64(leaves.count)) is missing")
    }
    return leaves
  }

  // MARK: - Exports

  /// Records from a number on, to at most `last`, and the heads that end among them.
  ///
  /// - Throws: ``StoreError/damaged(_:)`` where a record is missing.
  public func part(from first: Int64, to last: Int64) throws(StoreError) -> Part {
    var part = Part(next: first)
    let end = min(last, first + Self.partNumbers - 1)
    var heads = try heads(after: first - 1, limit: Int(Self.partNumbers))[...]
    var room = Self.partBytes
    for (number, bytes) in try ranges.records(first...end) {
      guard number == part.next else { throw .damaged("\(database.path): journal record \(part.next) is missing") }
      let head = heads.first.flatMap { $0.last == number ? $0 : nil }
      room -= bytes.count + 4 + (head?.encoded.count ?? 0)
      guard room >= 0 else { return part }
      part.records.append(bytes)
      part.next += 1
      if let head {
        part.heads.append(head)
        heads = heads.dropFirst()
      }
    }
    guard part.next == end + 1 else { throw .damaged("\(database.path): journal record \(part.next) is missing") }
    return part
  }
}
