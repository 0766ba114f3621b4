import Audit
import Bytes
import Payments

extension SQLiteStore {
  /// Finds where the journal stands: its last number, last head, and the leaves since then, computed again from rows.
  ///
  /// - Throws: ``StoreError/damaged(_:)`` where a record since the last head is missing or was altered: the next head
  ///   would vouch for it.
  static func position(_ database: Database) throws(StoreError) -> Position {
    let head = try database.prepare("\(JournalHead.columns) ORDER BY last DESC LIMIT 1").first(JournalHead.init(row:))
    var position = Position(
      nextNumber: (head?.last ?? 0) + 1, frontier: MerkleFrontier(), lastHead: head, lastTime: head?.time ?? 0)
    for leaf in try JournalRanges(database).leaves(position.nextNumber...Int64.max) {
      guard leaf.number == position.nextNumber else {
        throw .damaged("\(database.path): journal record \(position.nextNumber) is missing")
      }
      guard leaf.isUnaltered else {
        throw .damaged("\(database.path): journal record \(leaf.number) was altered")
      }
      position.append(leaf.digest, time: leaf.time)
    }
    return position
  }
}

extension JournalHead {
  static let columns = "SELECT last, first, previous, root, time, signature, epoch, epoch_id FROM head"

  /// Reads the columns of ``columns``.
  init(row: Statement) {
    self.init(
      previous: row.bytes32(2), root: row.bytes32(3), first: row.int(1), last: row.int(0), time: row.int(4),
      epoch: JournalEpoch(number: row.int(6), id: row.bytes16(7)), signature: row.bytes(5))
  }
}
