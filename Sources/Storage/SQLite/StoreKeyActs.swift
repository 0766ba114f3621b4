import Payments

extension SQLiteStore {
  public func insertKeyAct(_ row: KeyActRow) throws(StoreError) {
    let insert = try database.prepare("INSERT INTO key_act VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
    insert.bind(1, row.id)
    insert.bind(2, Int64(row.kind.rawValue))
    insert.bind(3, row.place)
    insert.bind(4, row.requestedBy)
    insert.bind(5, row.confirmedBy)
    insert.bind(6, row.time)
    insert.bind(7, row.confirmUntil)
    insert.bind(8, row.result.map { Int64($0) })
    _ = try insert.run()
  }

  public func updateKeyAct(_ row: KeyActRow) throws(StoreError) {
    let update = try database.prepare("UPDATE key_act SET confirmed_by = ?2, result = ?3 WHERE id = ?1")
    update.bind(1, row.id)
    update.bind(2, row.confirmedBy)
    update.bind(3, row.result.map { Int64($0) })
    _ = try update.run()
  }

  public func keyAct(id: Int64) throws(StoreError) -> KeyActRow? {
    let find = try database.prepare("\(KeyActRow.columns) WHERE id = ?1")
    find.bind(1, id)
    return try find.first(KeyActRow.init(row:))
  }

  public func waitingKeyActs(at time: Int64) throws(StoreError) -> [KeyActRow] {
    let find = try database.prepare(
      "\(KeyActRow.columns) WHERE result IS NULL AND (confirmed_by IS NOT NULL OR confirm_until > ?1) ORDER BY id")
    find.bind(1, time)
    return try find.all(KeyActRow.init(row:))
  }
}

extension KeyActRow {
  static let columns = """
    SELECT id, kind, place, requested_by, confirmed_by, time, confirm_until, result FROM key_act
    """

  /// Reads ``columns``.
  init(row: Statement) {
    self.init(
      id: row.int(0), kind: KeyActKind(rawValue: UInt8(truncatingIfNeeded: row.int(1))) ?? .rewrap, place: row.text(2),
      requestedBy: row.int(3), confirmedBy: row.optionalInt(4), time: row.int(5), confirmUntil: row.int(6),
      result: row.optionalInt(7).map { UInt32(truncatingIfNeeded: $0) })
  }
}
