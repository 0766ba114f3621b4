import Bytes
import Payments

extension SQLiteStore {
  public func insertCompany(name: String, time: Int64) throws(StoreError) -> Int64 {
    let insert = try database.prepare("INSERT INTO company (name, time) VALUES (?1, ?2)")
    insert.bind(1, name)
    insert.bind(2, time)
    try insert.run(conflict: "name")
    return database.lastRow
  }

  public func company(name: String) throws(StoreError) -> CompanyRow? {
    let find = try database.prepare("SELECT id, name, revoked IS NOT NULL FROM company WHERE name = ?1")
    find.bind(1, name)
    return try find.first(CompanyRow.init(row:))
  }

  public func company(id: Int64) throws(StoreError) -> CompanyRow? {
    let find = try database.prepare("SELECT id, name, revoked IS NOT NULL FROM company WHERE id = ?1")
    find.bind(1, id)
    return try find.first(CompanyRow.init(row:))
  }

  public func companies(after number: Int64, limit: Int) throws(StoreError) -> [CompanyRow] {
    let find = try database.prepare(
      "SELECT id, name, revoked IS NOT NULL FROM company WHERE id > ?1 ORDER BY id LIMIT ?2")
    find.bind(1, number)
    find.bind(2, Int64(limit))
    return try find.all(CompanyRow.init(row:))
  }

  public func insertConsultant(company: Int64, name: String, time: Int64) throws(StoreError) -> Int64 {
    let insert = try database.prepare("INSERT INTO consultant (company, name, time) VALUES (?1, ?2, ?3)")
    insert.bind(1, company)
    insert.bind(2, name)
    insert.bind(3, time)
    try insert.run(conflict: "name")
    return database.lastRow
  }

  public func consultant(id: Int64) throws(StoreError) -> ConsultantRow? {
    let find = try database.prepare("SELECT id, company, name, revoked IS NOT NULL FROM consultant WHERE id = ?1")
    find.bind(1, id)
    return try find.first(ConsultantRow.init(row:))
  }

  public func consultant(company: Int64, name: String) throws(StoreError) -> ConsultantRow? {
    let find = try database.prepare(
      "SELECT id, company, name, revoked IS NOT NULL FROM consultant WHERE company = ?1 AND name = ?2")
    find.bind(1, company)
    find.bind(2, name)
    return try find.first(ConsultantRow.init(row:))
  }

  public func insertCertificate(_ row: CertificateRow) throws(StoreError) {
    let insert = try database.prepare(
      """
      INSERT INTO certificate (fingerprint, der, issuer, serial, issuer_text, subject_text, holder_kind, holder, mac,
        not_after, revoked, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
      ON CONFLICT (fingerprint) DO NOTHING
      """)
    insert.bind(1, row.fingerprint)
    insert.bind(2, row.der)
    insert.bind(3, row.issuer)
    insert.bind(4, row.serial)
    insert.bind(5, row.issuerText)
    insert.bind(6, row.subjectText)
    insert.bind(7, row.holder.columns.kind)
    insert.bind(8, row.holder.columns.id)
    insert.bind(9, row.macAddress?.bytes)
    insert.bind(10, row.notAfter)
    insert.bind(11, row.revocation?.time)
    insert.bind(12, row.revocation.map { Int64($0.reason.rawValue) })
    try insert.run(conflict: "serial")
  }

  public func certificate(fingerprint: Bytes32) throws(StoreError) -> CertificateRow? {
    let find = try database.prepare("\(CertificateRow.columns) WHERE fingerprint = ?1")
    find.bind(1, fingerprint)
    return try find.first(CertificateRow.init(row:))
  }

  public func certificate(issuer: [UInt8], serial: [UInt8]) throws(StoreError) -> CertificateRow? {
    let find = try database.prepare("\(CertificateRow.columns) WHERE issuer = ?1 AND serial = ?2")
    find.bind(1, issuer)
    find.bind(2, serial)
    return try find.first(CertificateRow.init(row:))
  }

  public func certificates(of holder: CertificateRow.Holder) throws(StoreError) -> [CertificateRow] {
    let find = try database.prepare("\(CertificateRow.columns) WHERE holder_kind = ?1 AND holder = ?2")
    find.bind(1, holder.columns.kind)
    find.bind(2, holder.columns.id)
    return try find.all(CertificateRow.init(row:))
  }

  public func certificates(serial: [UInt8]) throws(StoreError) -> [CertificateRow] {
    let find = try database.prepare("\(CertificateRow.columns) WHERE serial = ?1")
    find.bind(1, serial)
    return try find.all(CertificateRow.init(row:))
  }

  public func certificates(issuer: [UInt8], subject: String) throws(StoreError) -> [CertificateRow] {
    let find = try database.prepare(
      "\(CertificateRow.columns) WHERE issuer = ?1 AND subject_text = ?2 ORDER BY not_after DESC")
    find.bind(1, issuer)
    find.bind(2, subject)
    return try find.all(CertificateRow.init(row:))
  }

  public func setDevice(certificates: [Bytes32], macAddress: MACAddress) throws(StoreError) {
    for fingerprint in certificates {
      let update = try database.prepare("UPDATE certificate SET mac = ?2 WHERE fingerprint = ?1")
      update.bind(1, fingerprint)
      update.bind(2, macAddress.bytes)
      _ = try update.run()
    }
  }

  public func insertToken(_ row: TokenRow) throws(StoreError) {
    let insert = try database.prepare(
      "INSERT INTO token (digest, consultant, not_after, request, certificate) VALUES (?1, ?2, ?3, ?4, ?5)")
    insert.bind(1, row.digest)
    insert.bind(2, row.consultant)
    insert.bind(3, row.notAfter)
    insert.bind(4, row.request)
    insert.bind(5, row.certificate)
    try insert.run(conflict: "digest")
  }

  public func token(digest: Bytes32) throws(StoreError) -> TokenRow? {
    let find = try database.prepare(
      "SELECT digest, consultant, not_after, request, certificate FROM token WHERE digest = ?1")
    find.bind(1, digest)
    return try find.first { row in
      TokenRow(
        digest: row.bytes32(0), consultant: row.int(1), notAfter: row.int(2),
        request: row.isNull(3) ? nil : row.bytes32(3), certificate: row.isNull(4) ? nil : row.bytes32(4))
    }
  }

  public func useToken(
    digest: Bytes32, request: Bytes32, certificate: Bytes32, time: Int64
  ) throws(StoreError) {
    let update = try database.prepare("UPDATE token SET request = ?2, certificate = ?3, used = ?4 WHERE digest = ?1")
    update.bind(1, digest)
    update.bind(2, request)
    update.bind(3, certificate)
    update.bind(4, time)
    _ = try update.run()
  }
}

extension CompanyRow {
  /// id, name, whether it is revoked.
  init(row: Statement) { self.init(id: row.int(0), name: row.text(1), revoked: row.int(2) != 0) }
}

extension ConsultantRow {
  /// id, company, name, whether they are revoked.
  init(row: Statement) {
    self.init(id: row.int(0), company: row.int(1), name: row.text(2), revoked: row.int(3) != 0)
  }
}

extension CertificateRow {
  static let columns = """
    SELECT fingerprint, der, issuer, serial, issuer_text, subject_text, holder_kind, holder, mac, not_after,
      revoked, reason FROM certificate
    """

  /// Reads ``columns``.
  init(row: Statement) {
    self.init(
      fingerprint: row.bytes32(0), der: row.bytes(1), issuer: row.bytes(2), serial: row.bytes(3),
      issuerText: row.text(4), subjectText: row.text(5), holder: Holder(kind: row.int(6), id: row.int(7)),
      macAddress: row.isNull(8) ? nil : MACAddress(row.buffer(8)), notAfter: row.int(9),
      revocation: row.isNull(10)
        ? nil
        : Revocation(
          time: row.int(10), reason: RevocationReason(rawValue: UInt8(clamping: row.int(11))) ?? .unspecified))
  }
}

extension CertificateRow.Holder {
  /// Kind: 1 consultant, 2 company, 3 administrator, 4 gateway.
  var columns: (kind: Int64, id: Int64) {
    switch self {
    case .consultant(let id): (1, id)
    case .company(let id): (2, id)
    case .administrator(let id): (3, id)
    case .gateway(let company): (4, company)
    }
  }

  fileprivate init(kind: Int64, id: Int64) {
    switch kind {
    case 1: self = .consultant(id)
    case 2: self = .company(id)
    case 4: self = .gateway(id)
    default: self = .administrator(id)
    }
  }
}
