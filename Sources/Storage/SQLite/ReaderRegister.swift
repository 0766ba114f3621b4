import Payments

/// Names and numbers of the register.
extension SQLiteReader {
  /// The number, where there is a consultant with it.
  public func consultants(number: Int64) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT id FROM consultant WHERE id = ?1")
    find.bind(1, number)
    return try find.all { $0.int(0) }
  }

  /// Numbers of the consultants with this name, of whatever company.
  public func consultants(named name: String) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT id FROM consultant WHERE name = ?1 ORDER BY id")
    find.bind(1, name)
    return try find.all { $0.int(0) }
  }

  /// The number, where there is a company with it.
  public func companies(number: Int64) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT id FROM company WHERE id = ?1")
    find.bind(1, number)
    return try find.all { $0.int(0) }
  }

  /// Number of the company with this name.
  public func companies(named name: String) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT id FROM company WHERE name = ?1")
    find.bind(1, name)
    return try find.all { $0.int(0) }
  }
}
