import Bytes
import CSQLite
import Payments

/// Answers questions on a connection of its own, while the writer goes on. An actor, so that only one question at a time
/// holds a read transaction.
public actor SQLiteReader {
  let database: Database
  /// Read at the first lookup.
  var knownLookupKey: LookupKey?

  /// - Throws: ``StoreError`` that names the file.
  public init(path: String) throws(StoreError) {
    database = try Database(path: path, flags: SQLITE_OPEN_READONLY)
    try Schema.check(database)
  }

  /// Numbers of all payments with this key, rising; companies may use the same one.
  public func payments(key: Bytes16) throws(StoreError) -> [Int64] {
    let find = try database.prepare("SELECT seq FROM payment WHERE key = ?1 ORDER BY seq")
    find.bind(1, key)
    return try find.all { $0.int(0) }
  }

  /// The register's row of a certificate, as the last commit left it.
  public func certificate(issuer: [UInt8], serial: [UInt8]) throws(StoreError) -> CertificateRow? {
    let find = try database.prepare("\(CertificateRow.columns) WHERE issuer = ?1 AND serial = ?2")
    find.bind(1, issuer)
    find.bind(2, serial)
    return try find.first(CertificateRow.init(row:))
  }

  /// With what refunds and voids made of it.
  func operated(_ payment: StoredPayment) throws(StoreError) -> StoredPayment {
    guard payment.record.outcome == .approved else { return payment }
    var payment = payment
    payment.operated = OperatedState(
      try database.operations(of: payment.record.payment), of: payment.record.amount)
    return payment
  }

  func consultant(_ id: Int64) throws(StoreError) -> ConsultantRow {
    let find = try database.prepare("SELECT id, company, name, revoked IS NOT NULL FROM consultant WHERE id = ?1")
    find.bind(1, id)
    return try required(find.first(ConsultantRow.init(row:)), "consultant \(id)")
  }

  func company(_ id: Int64) throws(StoreError) -> CompanyRow {
    let find = try database.prepare("SELECT id, name, revoked IS NOT NULL FROM company WHERE id = ?1")
    find.bind(1, id)
    return try required(find.first(CompanyRow.init(row:)), "company \(id)")
  }

  func required<R>(_ row: R?, _ what: String) throws(StoreError) -> R {
    guard let row else { throw .damaged("\(database.path): \(what) is missing") }
    return row
  }
}
