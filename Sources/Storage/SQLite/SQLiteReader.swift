import Bytes
import CSQLite
import Payments

/// Who processed a payment, and every journaled step of it.
public struct PaymentTrace: Sendable {
  /// One record of the journal.
  public struct Step: Sendable, Equatable {
    public var number: Int64
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var time: Int64
    /// For example "LOGIN", "IDENTITY", "INTENT", "APPROVED".
    public var kind: String
    public var text: String
  }
  public var payment: StoredPayment
  public var consultant: ConsultantRow
  public var company: CompanyRow
  public var consultantCertificate: CertificateRow
  public var companyCertificate: CertificateRow
  public var session: SessionRow
  public var steps: [Step]
}

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

  /// The trace of one payment, everything in one read transaction, so that payment and steps are of one moment.
  ///
  /// - Returns: nil where there is no payment with this number.
  public func trace(payment number: Int64) throws(StoreError) -> PaymentTrace? {
    let find = try database.prepare("\(Statements.paymentColumns) WHERE p.seq = ?1")
    find.bind(1, number)
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    guard let payment = try find.first({ StoredPayment(row: $0) }) else { return nil }
    return try trace(operated(payment))
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

  private func trace(_ payment: StoredPayment) throws(StoreError) -> PaymentTrace {
    let session = try session(payment.session)
    return PaymentTrace(
      payment: payment, consultant: try consultant(payment.consultant), company: try company(payment.company),
      consultantCertificate: try certificate(session.consultantCertificate),
      companyCertificate: try certificate(session.companyCertificate), session: session,
      steps: try steps(payment))
  }

  private func steps(_ payment: StoredPayment) throws(StoreError) -> [PaymentTrace.Step] {
    let find = try database.prepare(
      """
      SELECT seq, time, kind, body, NULL FROM event WHERE session = ?1 AND kind IN ('LOGIN', 'IDENTITY') AND seq < ?2
      UNION ALL SELECT seq, time, kind, body, NULL FROM event WHERE payment = ?2
      UNION ALL SELECT seq, time, 'INTENT', 'sequence ' || sequence, original FROM payment WHERE seq = ?2
      UNION ALL SELECT seq, time, 'OUTCOME', state, NULL FROM outcome WHERE payment = ?2
      ORDER BY seq
      """)
    find.bind(1, payment.session)
    find.bind(2, payment.record.payment)
    return try find.all { row in
      var step = PaymentTrace.Step(number: row.int(0), time: row.int(1), kind: row.text(2), text: row.text(3))
      if !row.isNull(4), let original = OriginalElements(stored: row.buffer(4)) { step.text += ", \(original)" }
      if step.kind == "OUTCOME" {
        step.kind = PaymentState(rawValue: UInt8(truncatingIfNeeded: row.int(3)))?.name ?? "UNKNOWN"
        step.text = payment.record.outcomeText
      }
      return step
    }
  }

  private func session(_ id: Bytes16) throws(StoreError) -> SessionRow {
    let find = try database.prepare("\(SessionRow.columns) WHERE id = ?1")
    find.bind(1, id)
    return try required(find.first { SessionRow(row: $0) } ?? nil, "session \(Hex.encode(id.bytes))")
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

  private func certificate(_ fingerprint: Bytes32) throws(StoreError) -> CertificateRow {
    let find = try database.prepare("\(CertificateRow.columns) WHERE fingerprint = ?1")
    find.bind(1, fingerprint)
    return try required(find.first(CertificateRow.init(row:)), "certificate \(Hex.encode(fingerprint.bytes))")
  }

  private func required<R>(_ row: R?, _ what: String) throws(StoreError) -> R {
    guard let row else { throw .damaged("\(database.path): \(what) is missing") }
    return row
  }
}

extension PaymentRecord {
  /// Codes of the acquirer, for people.
  fileprivate var outcomeText: String {
    let codes = [("approval", approvalCode.text), ("response", responseCode.text)].filter { !$0.1.isEmpty }
    return codes.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }
}
