import Payments

extension SQLiteStore {
  public func insertAdministrator(
    name: String, roles: AdministratorRoles, time: Int64
  ) throws(StoreError) -> Int64 {
    let insert = try database.prepare("INSERT INTO administrator (name, roles, time) VALUES (?1, ?2, ?3)")
    insert.bind(1, name)
    insert.bind(2, Int64(roles.rawValue))
    insert.bind(3, time)
    try insert.run(conflict: "name")
    return database.lastRow
  }

  public func administrator(id: Int64) throws(StoreError) -> AdministratorRow? {
    let find = try database.prepare("SELECT id, name, roles FROM administrator WHERE id = ?1")
    find.bind(1, id)
    return try find.first(AdministratorRow.init(row:))
  }

  public func administrator(name: String) throws(StoreError) -> AdministratorRow? {
    let find = try database.prepare("SELECT id, name, roles FROM administrator WHERE name = ?1")
    find.bind(1, name)
    return try find.first(AdministratorRow.init(row:))
  }

  public func setRoles(administrator: Int64, _ roles: AdministratorRoles) throws(StoreError) {
    let update = try database.prepare("UPDATE administrator SET roles = ?2 WHERE id = ?1")
    update.bind(1, administrator)
    update.bind(2, Int64(roles.rawValue))
    _ = try update.run()
  }

  public func administrators(after number: Int64, limit: Int) throws(StoreError) -> [AdministratorRow] {
    let find = try database.prepare("SELECT id, name, roles FROM administrator WHERE id > ?1 ORDER BY id LIMIT ?2")
    find.bind(1, number)
    find.bind(2, Int64(limit))
    return try find.all(AdministratorRow.init(row:))
  }
}

extension AdministratorRow {
  /// Reads id, name and roles.
  fileprivate init(row: Statement) {
    self.init(
      id: row.int(0), name: row.text(1), roles: AdministratorRoles(rawValue: UInt8(truncatingIfNeeded: row.int(2))))
  }
}
