import Bytes
import Payments

extension SQLiteStore {
  public func setGateway(_ row: GatewayRow) throws(StoreError) {
    let insert = try database.prepare(
      """
      INSERT OR REPLACE INTO gateway (company, host, port, dns_name, number, token, token_not_after, request,
        company_certificate, tls_certificate) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
      """)
    insert.bind(1, row.company)
    insert.bind(2, row.host)
    insert.bind(3, Int64(row.port))
    insert.bind(4, row.dnsName)
    insert.bind(5, row.number)
    insert.bind(6, row.token)
    insert.bind(7, row.tokenNotAfter)
    insert.bind(8, row.request)
    insert.bind(9, row.companyCertificate)
    insert.bind(10, row.tlsCertificate)
    _ = try insert.run()
  }

  public func gateway(company: Int64) throws(StoreError) -> GatewayRow? {
    let find = try database.prepare("\(GatewayRow.columns) WHERE company = ?1")
    find.bind(1, company)
    return try find.first(GatewayRow.init(row:))
  }

  public func gateway(token: Bytes32) throws(StoreError) -> GatewayRow? {
    let find = try database.prepare("\(GatewayRow.columns) WHERE token = ?1")
    find.bind(1, token)
    return try find.first(GatewayRow.init(row:))
  }

  public func companyCertificates() throws(StoreError) -> [(fingerprint: Bytes32, company: Int64)] {
    let find = try database.prepare(
      "SELECT fingerprint, holder FROM certificate WHERE holder_kind = 2 AND revoked IS NULL")
    return try find.all { (fingerprint: $0.bytes32(0), company: $0.int(1)) }
  }
}

extension GatewayRow {
  static let columns = """
    SELECT company, host, port, dns_name, number, token, token_not_after, request, company_certificate, tls_certificate
    FROM gateway
    """

  /// Reads ``columns``.
  init(row: Statement) {
    self.init(
      company: row.int(0), host: row.text(1), port: UInt16(clamping: row.int(2)), dnsName: row.text(3),
      number: row.int(4), token: row.bytes32(5), tokenNotAfter: row.int(6),
      request: row.isNull(7) ? nil : row.bytes32(7), companyCertificate: row.isNull(8) ? nil : row.bytes32(8),
      tlsCertificate: row.isNull(9) ? nil : row.bytes32(9))
  }
}
