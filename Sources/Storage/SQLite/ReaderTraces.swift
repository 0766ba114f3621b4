import Bytes
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

extension SQLiteReader {
  /// The trace of one payment.
  ///
  /// - Returns: nil where there is no payment with this number.
  public func trace(payment number: Int64) throws(StoreError) -> PaymentTrace? { try traces(payments: [number]).first }

  /// Traces of payments in their order, those that there are. All in one read transaction, so that payments and steps
  /// are of one moment.
  public func traces(payments numbers: [Int64]) throws(StoreError) -> [PaymentTrace] {
    let find = try database.prepare("\(Statements.paymentColumns) WHERE p.seq = ?1")
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    var (page, traces) = (try TracePage(self), [PaymentTrace]())
    for number in numbers {
      find.bind(1, number)
      guard let payment = try find.first({ StoredPayment(row: $0) }) else { continue }
      traces.append(try page.trace(operated(payment), of: self))
    }
    return traces
  }
}

/// Traces of one transaction: what payments share, such as session and certificates, is read once.
private struct TracePage {
  private let steps: Statement
  private var sessions: [Bytes16: (row: SessionRow, steps: [PaymentTrace.Step])] = [:]
  private var consultants: [Int64: ConsultantRow] = [:]
  private var companies: [Int64: CompanyRow] = [:]
  private var certificates: [Bytes32: CertificateRow] = [:]

  init(_ reader: isolated SQLiteReader) throws(StoreError) {
    steps = try reader.database.prepare(
      """
      SELECT seq, time, kind, body, NULL FROM event WHERE payment = ?1
      UNION ALL SELECT seq, time, 'INTENT', 'sequence ' || sequence, original FROM payment WHERE seq = ?1
      UNION ALL SELECT seq, time, 'OUTCOME', state, NULL FROM outcome WHERE payment = ?1
      ORDER BY seq
      """)
  }

  mutating func trace(
    _ payment: StoredPayment, of reader: isolated SQLiteReader
  ) throws(StoreError) -> PaymentTrace {
    let session = try session(payment.session, of: reader)
    let consultant = try known(payment.consultant, \.consultants) { id throws(StoreError) in try reader.consultant(id) }
    let company = try known(payment.company, \.companies) { id throws(StoreError) in try reader.company(id) }
    let both = [session.row.consultantCertificate, session.row.companyCertificate]
    var found: [CertificateRow] = []
    for fingerprint in both {
      found.append(
        try known(fingerprint, \.certificates) { name throws(StoreError) in try reader.certificate(fingerprint: name) })
    }
    let number = payment.record.payment
    return PaymentTrace(
      payment: payment, consultant: consultant, company: company, consultantCertificate: found[0],
      companyCertificate: found[1], session: session.row,
      steps: session.steps.prefix { $0.number < number } + (try steps(payment)))
  }

  private mutating func known<Key: Hashable, Row>(
    _ key: Key, _ rows: WritableKeyPath<TracePage, [Key: Row]>, _ read: (Key) throws(StoreError) -> Row
  ) throws(StoreError) -> Row {
    if let row = self[keyPath: rows][key] { return row }
    let row = try read(key)
    self[keyPath: rows][key] = row
    return row
  }

  private mutating func session(
    _ id: Bytes16, of reader: isolated SQLiteReader
  ) throws(StoreError) -> (row: SessionRow, steps: [PaymentTrace.Step]) {
    try known(id, \.sessions) { id throws(StoreError) in (try reader.session(id), try reader.sessionSteps(id)) }
  }

  private func steps(_ payment: StoredPayment) throws(StoreError) -> [PaymentTrace.Step] {
    steps.bind(1, payment.record.payment)
    return try steps.all { row in
      var step = PaymentTrace.Step(row: row)
      if !row.isNull(4), let original = OriginalElements(stored: row.buffer(4)) { step.text += ", \(original)" }
      if step.kind == "OUTCOME" {
        step.kind = PaymentState(rawValue: UInt8(truncatingIfNeeded: row.int(3)))?.name ?? "UNKNOWN"
        step.text = ApprovalCode.text(payment.record.approvalCode, payment.record.responseCode)
      }
      return step
    }
  }
}

extension SQLiteReader {
  /// How the session came about, by number: its login and identities.
  fileprivate func sessionSteps(_ id: Bytes16) throws(StoreError) -> [PaymentTrace.Step] {
    let find = try database.prepare(
      """
      SELECT seq, time, kind, body FROM event WHERE session = ?1 AND kind IN ('LOGIN', 'IDENTITY') ORDER BY seq
      """)
    find.bind(1, id)
    return try find.all { PaymentTrace.Step(row: $0) }
  }

  fileprivate func session(_ id: Bytes16) throws(StoreError) -> SessionRow {
    let find = try database.prepare("\(SessionRow.columns) WHERE id = ?1")
    find.bind(1, id)
    return try required(find.first { SessionRow(row: $0) } ?? nil, "session \(Hex.encode(id.bytes))")
  }

  fileprivate func certificate(fingerprint: Bytes32) throws(StoreError) -> CertificateRow {
    let find = try database.prepare("\(CertificateRow.columns) WHERE fingerprint = ?1")
    find.bind(1, fingerprint)
    return try required(find.first(CertificateRow.init(row:)), "certificate \(Hex.encode(fingerprint.bytes))")
  }
}

extension PaymentTrace.Step {
  /// Number, time, kind and text in the first four columns.
  fileprivate init(row: Statement) {
    self.init(number: row.int(0), time: row.int(1), kind: row.text(2), text: row.text(3))
  }
}
