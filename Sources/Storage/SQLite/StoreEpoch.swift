import Bytes
import CSQLite
import Cryptography
import Glibc
import Payments

extension SQLiteStore {
  public func epoch() throws(StoreError) -> LedgerEpoch? { try Self.epoch(database) }

  public func mayHaveLost(_ key: Bytes16) -> Bool { presentEpoch?.mayHaveLost(key) ?? false }

  static func epoch(_ database: Database) throws(StoreError) -> LedgerEpoch? { try epochs(database).last }

  /// Oldest first.
  static func epochs(_ database: Database) throws(StoreError) -> [LedgerEpoch] {
    try database.prepare(
      """
      SELECT number, id, begun, lost_since, head_last, head_digest, reconciliation, confirmed FROM epoch
      ORDER BY number
      """
    ).all { row in
      LedgerEpoch(
        number: row.int(0), id: row.bytes16(1), begun: row.int(2), lostSince: row.int(3), headLast: row.int(4),
        headDigest: row.bytes32(5), reconciliation: row.optionalInt(6), confirmed: row.optionalInt(7))
    }
  }

  public func setReconciliation(_ number: Int64) throws(StoreError) {
    let update = try database.prepare("UPDATE epoch SET reconciliation = ?1 WHERE confirmed IS NULL")
    update.bind(1, number)
    _ = try update.run()
  }

  public func setCharged(_ payments: [ChargedPayment], recordedIn times: Range<Int64>) throws(StoreError) {
    let clear = try database.prepare(
      """
      DELETE FROM charged WHERE payment IN (
        SELECT c.payment FROM charged c JOIN payment p ON p.seq = c.payment WHERE p.time >= ?1 AND p.time < ?2)
      """)
    clear.bind(1, times.lowerBound)
    clear.bind(2, times.upperBound)
    _ = try clear.run()
    let insert = try database.prepare("INSERT OR REPLACE INTO charged VALUES (?1, ?2)")
    for payment in payments {
      insert.bind(1, payment.payment)
      insert.bind(2, payment.approvalCode.value)
      _ = try insert.run()
    }
  }

  public func chargedPayments() throws(StoreError) -> [ChargedPayment] {
    try database.prepare("SELECT payment, approval FROM charged ORDER BY payment").all { row in
      ChargedPayment(payment: row.int(0), approvalCode: ApprovalCode(value: UInt64(bitPattern: row.int(1))))
    }
  }

  public func confirmEpoch(time: Int64) throws(StoreError) {
    try database.execute("DELETE FROM charged")
    let update = try database.prepare("UPDATE epoch SET confirmed = ?1 WHERE confirmed IS NULL")
    update.bind(1, time)
    _ = try update.run()
    writtenEpoch = try epoch()
  }

  /// Begins a new epoch: every session is over, refunds and voids go nowhere by themselves, and a record names the head
  /// that it goes on from.
  ///
  /// - Returns: the epoch.
  func beginEpoch(time: Int64, from file: String) throws(StoreError) -> LedgerEpoch {
    let head = position.lastHead
    let id = Bytes16(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
    let epoch = LedgerEpoch(
      number: (try self.epoch()?.number ?? 1) + 1, id: id, begun: time, lostSince: position.lastTime,
      headLast: head?.last ?? 0, headDigest: head?.digest ?? .zero)
    try database.execute(
      "UPDATE session SET ended = \(SessionEnd.restored.rawValue), identity = NULL WHERE ended IS NULL")
    let sessions = database.changes
    let insert = try database.prepare("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL)")
    insert.bind(1, epoch.number)
    insert.bind(2, epoch.id)
    insert.bind(3, epoch.begun)
    insert.bind(4, epoch.lostSince)
    insert.bind(5, epoch.headLast)
    insert.bind(6, epoch.headDigest)
    _ = try insert.run()
    writtenEpoch = epoch
    // Of an epoch before, where the copy was made while it waited.
    try database.execute("DELETE FROM charged")
    try insertEvent(
      EventRow(
        kind: .epochBegun, time: time,
        text: "epoch \(epoch.number), id \(Hex.encode(epoch.id.bytes)), from \(file), goes on from the head over "
          + "record \(epoch.headLast), "
          + "\(Hex.encode(epoch.headDigest.bytes)); \(sessions) sessions ended"))
    try leaveOperationsToPeople(time: time)
    return epoch
  }

  /// What was asked for, confirmed or sent at the time of the copy may be done since: sent again, the money would be
  /// given twice.
  private func leaveOperationsToPeople(time: Int64) throws(StoreError) {
    let open = try openOperations() + requestedOperations(until: .max)
    for var row in open where row.state != .unknown {
      row.state = row.state == .requested ? .expired : .unknown
      row.since = time
      try updateOperation(row)
      try insertEvent(.operation(row, time: time, ", the ledger was restored"))
    }
  }

  /// Puts a copy in the place of a ledger and begins a new epoch in it. The former ledger is kept beside it.
  ///
  /// - Parameters:
  ///   - file: the copy; left as it is.
  ///   - besides: names of files and folders beside the ledger that belong to the former one and are kept with it.
  ///   - time: milliseconds since 1970-01-01T00:00:00Z.
  ///   - signer: signs the next head.
  ///   - prepare: called before the first file of the former ledger is moved.
  /// - Throws: ``StoreError`` or `FileError` that names the file, or what `prepare` throws. All of the former ledger is in
  ///   its place then, or nobody opens the ledger (``StoreError/restoreCutOff(_:)``) before the same call, which puts
  ///   the former one back first.
  public static func restore(
    _ file: String, to path: String, besides: [String] = [], time: Int64, signer: @escaping Signer,
    prepare: () throws -> Void = {}
  ) throws -> LedgerRestoration {
    guard let lock = try takeLockIfFree(path) else {
      throw StoreError.unavailable("\(path) is in use by a server process; stop it first")
    }
    defer { close(lock) }
    try LedgerReplacement(cutOff: path)?.putBack()
    let new = "\(path).restoring"
    // Of a try that was cut off, and of this one where it is refused.
    func clean() { for suffix in ["", "-wal", "-shm", "-lock"] { unlink(new + suffix) } }
    clean()
    defer { clean() }
    try copy(file, to: new)
    let copied = try Database(path: new, flags: SQLITE_OPEN_READWRITE)
    try Schema.checkObjects(copied, of: file)
    try checkIntegrity(copied, of: file)
    let epoch = try begin(in: new, time: time, from: file, signer: signer)
    unlink("\(new)-lock")
    let replacement = try LedgerReplacement(of: path, epoch: epoch.number, besides: besides)
    try prepare()
    try replacement.run(with: new)
    let kept = replacement.moves.map { (place: replacement.path($0.place), kept: replacement.path($0.kept)) }
    return LedgerRestoration(
      epoch: epoch, former: kept.first { $0.place == path }?.kept, besides: kept.filter { $0.place != path }.map(\.kept)
    )
  }

  private static func begin(
    in new: String, time: Int64, from file: String, signer: @escaping Signer
  ) throws(StoreError) -> LedgerEpoch {
    let store = try SQLiteStore(path: new, reserve: 0, signer: signer)
    try store.begin()
    let epoch = try store.beginEpoch(time: time, from: file)
    try store.commit(lowWater: 0)
    // All of the copy is to be on the disk, and no WAL beside it.
    let code = sqlite3_wal_checkpoint_v2(store.database.handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    guard code == SQLITE_OK else { throw store.database.error(code) }
    return epoch
  }
}

/// A ledger that was put in the place of another.
public struct LedgerRestoration: Sendable {
  public let epoch: LedgerEpoch
  /// Where the former ledger is kept; nil where there was none.
  public let former: String?
  /// Where what belonged to it is kept: its WAL, and what was named with the call, as far as it was there.
  public let besides: [String]
}
