import Payments

/// A payment that is not over, and who ordered it.
public struct UnresolvedPayment: Sendable {
  /// Its `record.state` says where it stands.
  public var payment: StoredPayment
  public var companyName: String
  public var consultantName: String
  /// When it came into its state, milliseconds since 1970-01-01T00:00:00Z.
  public var since: Int64
  /// When the next step is due, milliseconds since 1970-01-01T00:00:00Z; nil where none is.
  public var nextTry: Int64?
  /// Reversals sent.
  public var attempts: UInt32
}

extension SQLiteReader {
  /// Payments with a higher number that are not over, by number.
  public func unresolved(after number: Int64, limit: Int) throws(StoreError) -> [UnresolvedPayment] {
    let find = try database.prepare(
      """
      \(Statements.paymentColumns) WHERE p.seq > ?1 AND p.seq IN (
        SELECT payment FROM unresolved UNION \(Statements.startedPayments)) ORDER BY p.seq LIMIT ?2
      """)
    find.bind(1, number)
    find.bind(2, Int64(limit))
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    var found: [UnresolvedPayment] = []
    for payment in try find.all({ StoredPayment(row: $0) }) { found.append(try unresolved(payment)) }
    return found
  }

  private func unresolved(_ payment: StoredPayment) throws(StoreError) -> UnresolvedPayment {
    let row = try database.prepare("SELECT next_try, attempts FROM unresolved WHERE payment = ?1")
    row.bind(1, payment.record.payment)
    let step = try row.first { (nextTry: $0.int(0), attempts: UInt32(clamping: $0.int(1))) }
    return UnresolvedPayment(
      payment: payment, companyName: try company(payment.company).name,
      consultantName: try consultant(payment.consultant).name, since: try beginning(of: payment),
      nextTry: step.flatMap { $0.nextTry == .max ? nil : $0.nextTry }, attempts: step?.attempts ?? 0)
  }

  /// Time of the first record of the present state since the last one of another; the intent's where there is none.
  private func beginning(of payment: StoredPayment) throws(StoreError) -> Int64 {
    let find = try database.prepare(
      """
      SELECT min(time) FROM event WHERE payment = ?1 AND kind = ?2 AND seq > coalesce((
        SELECT max(seq) FROM event WHERE payment = ?1 AND kind = ?2 AND substr(body, 1, length(?3)) <> ?3), 0)
      """)
    find.bind(1, payment.record.payment)
    find.bind(2, EventKind.paymentState.rawValue)
    find.bind(3, payment.record.state.name)
    let time = try find.first { $0.optionalInt(0) } ?? nil
    return time ?? payment.record.time
  }
}
