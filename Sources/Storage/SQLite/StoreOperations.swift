import Bytes
import Payments

extension SQLiteStore {
  public func insertOperation(_ row: OperationRow) throws(StoreError) {
    let insert = try database.prepare(
      "INSERT INTO operation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")
    insert.bind(1, row.id)
    insert.bind(2, row.key)
    insert.bind(3, Int64(row.kind.rawValue))
    insert.bind(4, row.payment)
    insert.bind(5, row.amount)
    insert.bind(6, Int64(row.state.rawValue))
    insert.bind(7, row.requestedBy)
    insert.bind(8, row.confirmedBy)
    insert.bind(9, row.time)
    insert.bind(10, row.confirmUntil)
    insert.bind(11, row.since)
    insert.bind(12, Int64(row.attempts))
    insert.bind(13, row.original)
    insert.bind(14, Int64(row.responseCode.value))
    try insert.run(conflict: "key")
  }

  public func updateOperation(_ row: OperationRow) throws(StoreError) {
    let update = try database.prepare(
      """
      UPDATE operation SET state = ?2, confirmed_by = ?3, since = ?4, attempts = ?5, original = ?6, response = ?7
      WHERE id = ?1
      """)
    update.bind(1, row.id)
    update.bind(2, Int64(row.state.rawValue))
    update.bind(3, row.confirmedBy)
    update.bind(4, row.since)
    update.bind(5, Int64(row.attempts))
    update.bind(6, row.original)
    update.bind(7, Int64(row.responseCode.value))
    _ = try update.run()
  }

  public func operation(id: Int64) throws(StoreError) -> OperationRow? {
    let find = try database.prepare("\(OperationRow.columns) WHERE id = ?1")
    find.bind(1, id)
    return try find.first(OperationRow.init(row:))
  }

  public func operation(key: Bytes16) throws(StoreError) -> OperationRow? {
    let find = try database.prepare("\(OperationRow.columns) WHERE key = ?1")
    find.bind(1, key)
    return try find.first(OperationRow.init(row:))
  }

  public func operations(of payment: Int64) throws(StoreError) -> [OperationRow] {
    try database.operations(of: payment)
  }

  public func openOperations() throws(StoreError) -> [OperationRow] {
    guard !isHeld else { return [] }
    return try database.prepare("\(OperationRow.columns) WHERE state IN (2, 4, 7) ORDER BY id")
      .all(OperationRow.init(row:))
  }

  public func requestedOperations(until time: Int64) throws(StoreError) -> [OperationRow] {
    let find = try database.prepare("\(OperationRow.columns) WHERE state = 1 AND confirm_until <= ?1 ORDER BY id")
    find.bind(1, time)
    return try find.all(OperationRow.init(row:))
  }

  public func operations(
    after id: Int64, during times: Range<Int64>, limit: Int
  ) throws(StoreError) -> [OperationRow] {
    let find = try database.prepare(
      "\(OperationRow.columns) WHERE id > ?1 AND time < ?2 AND since >= ?3 ORDER BY id LIMIT ?4")
    find.bind(1, id)
    find.bind(2, times.upperBound)
    find.bind(3, times.lowerBound)
    find.bind(4, Int64(limit))
    return try find.all(OperationRow.init(row:))
  }
}

extension Database {
  func operations(of payment: Int64) throws(StoreError) -> [OperationRow] {
    let find = try prepare("\(OperationRow.columns) WHERE payment = ?1 ORDER BY id")
    find.bind(1, payment)
    return try find.all(OperationRow.init(row:))
  }
}

extension OperationRow {
  static let columns = """
    SELECT id, key, kind, payment, amount, state, requested_by, confirmed_by, time, confirm_until, since, attempts,
      original, response FROM operation
    """

  /// Reads ``columns``.
  init(row: Statement) {
    self.init(
      id: row.int(0), key: row.bytes16(1),
      kind: OperationKind(rawValue: UInt8(truncatingIfNeeded: row.int(2))) ?? .refund,
      payment: row.int(3), amount: UInt64(bitPattern: row.int(4)),
      state: OperationState(rawValue: UInt8(truncatingIfNeeded: row.int(5))) ?? .unknown, requestedBy: row.int(6),
      confirmedBy: row.optionalInt(7), time: row.int(8), confirmUntil: row.int(9), since: row.int(10),
      attempts: UInt32(truncatingIfNeeded: row.int(11)),
      original: row.isNull(12) ? nil : OriginalElements(stored: row.buffer(12)),
      responseCode: ResponseCode(value: UInt32(truncatingIfNeeded: row.int(13))))
  }
}
