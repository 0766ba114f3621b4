import Payments

/// Which payments a list has; nil leaves out nothing.
public struct PaymentFilter: Sendable {
  public var company: Int64?
  /// Any of these.
  public var consultants: [Int64]?
  /// As the list tells it.
  public var state: ToldState?
  /// Recorded within, milliseconds since 1970-01-01T00:00:00Z.
  public var times: Range<Int64>
  /// Order reference, UTF-8.
  public var order: [UInt8]?

  public init(
    company: Int64? = nil, consultants: [Int64]? = nil, state: ToldState? = nil, times: Range<Int64> = 0 ..< .max,
    order: [UInt8]? = nil
  ) {
    self.company = company
    self.consultants = consultants
    self.state = state
    self.times = times
    self.order = order
  }

  /// What finds these payments faster than reading all.
  public var lookups: [PaymentLookup] {
    if let order { return [.order(order)] }
    return consultants?.map { .consultant($0) } ?? []
  }

  /// State of the payment's own rows: what refunds and voids make of a payment is computed.
  var recordedState: PaymentState? {
    switch state {
    case .recorded(let state): state
    case .operated: .approved
    case nil: nil
    }
  }

  var isOperated: Bool { if case .operated = state { true } else { false } }

  /// - Parameter payment: with what refunds and voids made of it.
  func has(_ payment: StoredPayment) -> Bool {
    (company.map { $0 == payment.company } ?? true) && (consultants?.contains(payment.consultant) ?? true)
      && (state.map { $0 == payment.toldState } ?? true) && times.contains(payment.record.time)
      && (order.map { $0 == payment.reference } ?? true)
  }
}

/// A payment in a list.
public struct ListedPayment: Sendable {
  public var payment: StoredPayment
  public var companyName: String
  public var consultantName: String
  /// Nil where the acquirer names no sales.
  public var original: OriginalElements?
}

extension SQLiteReader {
  /// Payments with a higher number, by number, as far as one question reads.
  ///
  /// - Parameter recent: what the store told for each of the filter's lookups, asked before.
  /// - Returns: the payments, and the number to go on after; nil at the end.
  public func list(
    _ filter: PaymentFilter, recent: [[Int64]], after number: Int64, limit: Int
  ) throws(StoreError) -> (payments: [ListedPayment], next: Int64?) {
    let lookups = filter.lookups
    guard lookups.isEmpty else { return try list(filter, lookups, recent, after: number, limit: limit) }
    guard let window = try window(after: number, times: filter.times) else { return ([], nil) }
    let find = try database.prepare(
      """
      \(Statements.paymentColumns) WHERE p.seq BETWEEN ?1 AND ?2 AND p.time >= ?3 AND p.time < ?4
        AND (?5 IS NULL OR p.company = ?5) AND (?6 IS NULL OR coalesce(u.state, o.state, ?7) = ?6)
        AND (NOT ?9 OR EXISTS (SELECT 1 FROM operation WHERE payment = p.seq))
      ORDER BY p.seq LIMIT ?8
      """)
    for (index, bound) in [window.lowerBound, window.upperBound, filter.times.lowerBound, filter.times.upperBound]
      .enumerated()
    {
      find.bind(Int32(index + 1), bound)
    }
    find.bind(5, filter.company)
    find.bind(6, filter.recordedState.map { Int64($0.rawValue) })
    find.bind(7, Int64(PaymentState.intent.rawValue))
    find.bind(8, Int64(limit))
    find.bind(9, Int64(filter.isOperated ? 1 : 0))
    let found = try find.all { StoredPayment(row: $0) }
    let end = found.count == limit ? found.last?.record.payment : nil
    return (try listed(found, filter), end ?? window.upperBound)
  }

  /// By lookup: numbers first, then their rows.
  private func list(
    _ filter: PaymentFilter, _ lookups: [PaymentLookup], _ recent: [[Int64]], after number: Int64, limit: Int
  ) throws(StoreError) -> (payments: [ListedPayment], next: Int64?) {
    var numbers: [Int64] = []
    for (lookup, recent) in zip(lookups, recent) {
      numbers += try payments(
        LookupPage(lookup, recent: recent, after: number, times: filter.times, limit: limit))
    }
    numbers.sort()
    let isWhole = numbers.count < limit
    numbers = Array(numbers.prefix(limit))
    let find = try database.prepare("\(Statements.paymentColumns) WHERE p.seq = ?1")
    var found: [StoredPayment] = []
    for number in numbers {
      find.bind(1, number)
      if let payment = try find.first({ StoredPayment(row: $0) }) { found.append(payment) }
    }
    return (try listed(found, filter), isWhole ? nil : numbers.last)
  }

  private func listed(_ payments: [StoredPayment], _ filter: PaymentFilter) throws(StoreError) -> [ListedPayment] {
    let original = try database.prepare("SELECT original FROM payment WHERE seq = ?1")
    var (companies, consultants): ([Int64: String], [Int64: String]) = ([:], [:])
    var listed: [ListedPayment] = []
    for payment in payments {
      let payment = try operated(payment)
      guard filter.has(payment) else { continue }
      original.bind(1, payment.record.payment)
      let name = try original.first { $0.isNull(0) ? nil : OriginalElements(stored: $0.buffer(0)) } ?? nil
      if companies[payment.company] == nil { companies[payment.company] = try company(payment.company).name }
      if consultants[payment.consultant] == nil {
        consultants[payment.consultant] = try consultant(payment.consultant).name
      }
      listed.append(
        ListedPayment(
          payment: payment, companyName: companies[payment.company] ?? "",
          consultantName: consultants[payment.consultant] ?? "", original: name))
    }
    return listed
  }
}
