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

  /// Consultants with a higher number, by number, with the names of their companies.
  ///
  /// - Parameters:
  ///   - company: of this one alone; nil: of all.
  ///   - name: with this name alone; empty: with any.
  public func consultants(
    of company: Int64?, named name: String, after number: Int64, limit: Int
  ) throws(StoreError) -> [(consultant: ConsultantRow, companyName: String)] {
    let find = try database.prepare(
      """
      SELECT c.id, c.company, c.name, c.revoked IS NOT NULL, company.name
      FROM consultant c JOIN company ON company.id = c.company
      WHERE c.id > ?1 AND (?2 IS NULL OR c.company = ?2) AND (?4 = '' OR c.name = ?4) ORDER BY c.id LIMIT ?3
      """)
    find.bind(1, number)
    find.bind(2, company)
    find.bind(3, Int64(limit))
    find.bind(4, name)
    return try find.all { (ConsultantRow(row: $0), $0.text(4)) }
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
