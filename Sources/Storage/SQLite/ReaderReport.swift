import Payments

/// What payments of one consultant in one currency and state come to.
public struct ReportTotal: Sendable {
  public var company: Int64
  public var companyName: String
  public var consultant: Int64
  public var consultantName: String
  public var currency: Currency
  public var state: PaymentState
  public var count: Int64
  /// Minor units.
  public var amount: UInt64
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

  private func totals(_ window: ClosedRange<Int64>, _ times: Range<Int64>) throws(StoreError) -> [ReportTotal] {
    let sum = try database.prepare(
      """
      SELECT p.company, k.name, p.consultant, c.name, p.currency, coalesce(u.state, o.state, ?5), count(*),
        sum(p.amount)
      FROM payment p LEFT JOIN outcome o ON o.payment = p.seq LEFT JOIN unresolved u ON u.payment = p.seq
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
        state: PaymentState(rawValue: UInt8(truncatingIfNeeded: row.int(5))) ?? .unknown, count: row.int(6),
        amount: UInt64(clamping: row.int(7)))
    }
  }
}
