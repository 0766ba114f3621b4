import Payments

/// What payments of one consultant in one currency and state come to.
public struct ReportTotal: Sendable {
  public var company: Int64
  public var companyName: String
  public var consultant: Int64
  public var consultantName: String
  public var currency: Currency
  public var state: ToldState
  public var count: Int64
  /// Minor units.
  public var amount: UInt64
  /// Minor units of it that refunds and voids gave back.
  public var refunded: UInt64
}

extension SQLiteReader {
  /// Numbers that one part of a report reads through.
  private static var reportSize: Int64 { 50_000 }

  /// Totals of the payments of a time with a higher number, as far as `limit` totals go.
  ///
  /// - Returns: the totals, each of another company, consultant, currency or state, and the number to go on after; nil
  ///   at the end.
  public func totals(
    _ times: Range<Int64>, after number: Int64, limit: Int
  ) throws(StoreError) -> (totals: [ReportTotal], next: Int64?) {
    var size = Self.reportSize
    while let window = try window(after: number, times: times, size: size) {
      let totals = try totals(window, times)
      // Fewer payments, where they are of too many consultants.
      if totals.count <= limit || size == 1 { return (totals, window.upperBound) }
      size = max(1, min(size, Int64(window.count)) / 2)
    }
    return ([], nil)
  }

  /// What refunds and voids make of the payments of a window: the rule of ``OperatedState/init(_:of:)``.
  private static let operated = """
    SELECT payment, sum(CASE WHEN state = \(OperationState.done.rawValue) THEN amount ELSE 0 END) AS given_back,
      max(state IN (\(sent))) AS is_sent, max(kind = \(OperationKind.void.rawValue) AND state IN (\(sent))) AS is_voiding,
      max(kind = \(OperationKind.void.rawValue) AND state = \(OperationState.done.rawValue)) AS is_voided
    FROM operation WHERE payment BETWEEN ?1 AND ?2 GROUP BY payment
    """
  private static let sent = "\(OperationState.sending.rawValue), \(OperationState.unknown.rawValue)"

  private func totals(_ window: ClosedRange<Int64>, _ times: Range<Int64>) throws(StoreError) -> [ReportTotal] {
    let sum = try database.prepare(
      """
      SELECT p.company, k.name, p.consultant, c.name, p.currency, coalesce(
          CASE
            WHEN o.state IS NOT \(PaymentState.approved.rawValue) THEN NULL
            WHEN g.is_voiding THEN \(OperatedState.voiding.rawValue)
            WHEN g.is_voided THEN \(OperatedState.voided.rawValue)
            WHEN g.is_sent THEN \(OperatedState.refunding.rawValue)
            WHEN g.given_back >= p.amount THEN \(OperatedState.refunded.rawValue)
            WHEN g.given_back > 0 THEN \(OperatedState.partlyRefunded.rawValue)
          END, u.state, o.state, ?5), count(*), sum(p.amount), sum(coalesce(g.given_back, 0))
      FROM payment p LEFT JOIN outcome o ON o.payment = p.seq LEFT JOIN unresolved u ON u.payment = p.seq
        LEFT JOIN (\(Self.operated)) g ON g.payment = p.seq
        JOIN company k ON k.id = p.company JOIN consultant c ON c.id = p.consultant
      WHERE p.seq BETWEEN ?1 AND ?2 AND p.time >= ?3 AND p.time < ?4
      GROUP BY p.company, p.consultant, p.currency, 6
      """)
    sum.bind(1, window.lowerBound)
    sum.bind(2, window.upperBound)
    sum.bind(3, times.lowerBound)
    sum.bind(4, times.upperBound)
    sum.bind(5, Int64(PaymentState.intent.rawValue))
    return try sum.all { row in
      ReportTotal(
        company: row.int(0), companyName: row.text(1), consultant: row.int(2), consultantName: row.text(3),
        currency: Currency(stored: UInt32(truncatingIfNeeded: row.int(4))),
        state: ToldState(rawValue: UInt8(truncatingIfNeeded: row.int(5))) ?? .recorded(.unknown), count: row.int(6),
        amount: UInt64(clamping: row.int(7)), refunded: UInt64(clamping: row.int(8)))
    }
  }
}
