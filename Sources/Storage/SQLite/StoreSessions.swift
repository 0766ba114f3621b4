import Bytes
import CSQLite
import Payments

extension SQLiteStore {
  public func insertSession(_ row: SessionRow) throws(StoreError) {
    let insert = try database.prepare(
      """
      INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
      """)
    insert.bind(1, row.id)
    insert.bind(2, row.challenge)
    insert.bind(3, row.consultant)
    insert.bind(4, row.company)
    insert.bind(5, row.consultantCertificate)
    insert.bind(6, row.companyCertificate)
    insert.bind(7, row.macAddress.bytes)
    insert.bind(8, row.enc)
    insert.bind(9, row.sealingKey)
    insert.bind(10, row.statement)
    insert.bind(11, row.path)
    insert.bind(12, row.loginTime)
    insert.bind(13, row.identityDigest)
    insert.bind(14, row.process)
    insert.bind(15, row.identitySequence)
    insert.bind(16, row.ended.map { Int64($0.rawValue) })
    try insert.run(conflict: "challenge")
  }

  public func session(id: Bytes16) throws(StoreError) -> SessionRow? {
    let find = try database.prepare("\(SessionRow.columns) WHERE id = ?1")
    find.bind(1, id)
    return try find.first { SessionRow(row: $0) } ?? nil
  }

  public func liveSessions(consultant: Int64) throws(StoreError) -> [Bytes16] {
    let find = try database.prepare("SELECT id FROM session WHERE consultant = ?1 AND ended IS NULL")
    find.bind(1, consultant)
    return try find.all { $0.bytes16(0) }
  }

  public func setIdentity(
    session: Bytes16, digest: Bytes32, process: UInt64, sequence: UInt64
  ) throws(StoreError) {
    sessionsInTransaction[session] = nil
    let update = try database.prepare(
      "UPDATE session SET identity = ?2, process = ?3, identity_sequence = ?4 WHERE id = ?1")
    update.bind(1, session)
    update.bind(2, digest)
    update.bind(3, process)
    update.bind(4, sequence)
    _ = try update.run()
  }

  public func endSession(_ session: Bytes16, reason: SessionEnd, time: Int64) throws(StoreError) {
    sessionsInTransaction[session] = nil
    let update = try database.prepare("UPDATE session SET ended = ?2, identity = NULL WHERE id = ?1 AND ended IS NULL")
    update.bind(1, session)
    update.bind(2, Int64(reason.rawValue))
    _ = try update.run()
  }
}

extension SessionRow {
  static let columns = """
    SELECT id, challenge, consultant, company, consultant_certificate, company_certificate, mac, enc, sealing_key,
      statement, path, login_time, identity, process, identity_sequence, ended FROM session
    """

  /// Reads ``columns``; nil where the row does not hold a MAC address, which the schema's check keeps from happening.
  init?(row: Statement) {
    guard let macAddress = MACAddress(row.buffer(6)) else { return nil }
    self.init(
      id: row.bytes16(0), challenge: row.bytes32(1), consultant: row.int(2), company: row.int(3),
      consultantCertificate: row.bytes32(4), companyCertificate: row.bytes32(5), macAddress: macAddress,
      enc: row.bytes32(7), sealingKey: row.bytes(8), statement: row.bytes32(9), path: row.int(10),
      loginTime: row.int(11), identityDigest: row.isNull(12) ? nil : row.bytes32(12),
      process: UInt64(bitPattern: row.int(13)), identitySequence: UInt64(bitPattern: row.int(14)),
      ended: row.isNull(15) ? nil : SessionEnd(rawValue: UInt8(truncatingIfNeeded: row.int(15))))
  }
}

extension Database {
  var lastRow: Int64 { sqlite3_last_insert_rowid(handle) }

  /// Rows that the last statement wrote.
  var changes: Int64 { Int64(sqlite3_changes(handle)) }
}
