import Bytes
import CountersignRPC
import Messages
import Payments
import Policy
import StorageSQLite

/// Payments in lists and reports.
extension AdminCalls {
  /// Payments told in one reply.
  private static let paymentsPerReply = 50
  /// Consultants told in one reply.
  private static let consultantsPerReply = 50
  /// Totals told in one reply: with the longest names they fit in a frame of 64 KiB.
  private static let totalsPerReply = 256
  /// The decoding rules allow 64 of a repeated field.
  private static let totalsPerPart = 64

  func listPayments(_ request: ListPaymentsRequest, context: ServerContext) async throws -> ListPaymentsReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let filter = try await filter(request.filter ?? Messages.PaymentFilter())
      try await journalReading("list of \(filter.text)", after: request.after, administrator)
      let after = Int64(clamping: request.after)
      let recent = try await ledger.perform { store in
        try filter.lookups.map { try store.recentPayments($0, after: after) }
      }
      let page = try await reader.list(filter, recent: recent, after: after, limit: Self.paymentsPerReply)
      var reply = ListPaymentsReply()
      reply.payments = page.payments.map(Messages.ListedPayment.init)
      reply.next = page.next.map { UInt64($0) } ?? 0
      return reply
    }
  }

  func reportDay(_ request: ReportDayRequest, context: ServerContext) async throws -> ReportDayReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      guard let day = LocalDay(request.day) else {
        throw ServiceRefusal(.invalidField, field: "day", description: "must be a day, YYYY-MM-DD")
      }
      guard let zone = request.timeZone.isEmpty ? .utc : TimeZoneTable(named: request.timeZone) else {
        throw ServiceRefusal(
          .invalidField, field: "time_zone", description: "is not in the service's time zone database")
      }
      let zoneName = request.timeZone.isEmpty ? "UTC" : request.timeZone
      try await journalReading("report of \(request.day) \(zoneName)", after: request.after, administrator)
      let times = day.milliseconds(in: zone)
      let page = try await reader.totals(times, after: Int64(clamping: request.after), limit: Self.totalsPerReply)
      var reply = ReportDayReply()
      reply.parts = stride(from: 0, to: page.totals.count, by: Self.totalsPerPart).map { start in
        var part = ReportPart()
        part.totals = page.totals[start...].prefix(Self.totalsPerPart).map(Messages.ReportTotal.init)
        return part
      }
      reply.next = page.next.map { UInt64($0) } ?? 0
      (reply.fromMs, reply.toMs) = (UInt64(clamping: times.lowerBound), UInt64(clamping: times.upperBound))
      return reply
    }
  }

  func listConsultants(
    _ request: ListConsultantsRequest, context: ServerContext
  ) async throws -> ListConsultantsReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      var company: Int64?
      if !request.company.isEmpty {
        company = try await companies(request.company).first
        guard company != nil else { throw ServiceRefusal(.companyNotFound, field: "company") }
      }
      let found = try await reader.consultants(
        of: company, named: request.name, after: Int64(clamping: request.after), limit: Self.consultantsPerReply)
      guard request.name.isEmpty || request.after > 0 || !found.isEmpty else {
        throw ServiceRefusal(.consultantNotFound, field: "name")
      }
      var reply = ListConsultantsReply()
      reply.consultants = found.map { RegisteredConsultant($0.consultant, of: $0.companyName) }
      return reply
    }
  }

  private func filter(_ asked: Messages.PaymentFilter) async throws -> StorageSQLite.PaymentFilter {
    var filter = StorageSQLite.PaymentFilter(
      times: try TimePeriod.range(asked.fromMs, asked.toMs, field: "filter.to_ms"))
    if !asked.company.isEmpty {
      filter.company = try await companies(asked.company).first
      guard filter.company != nil else { throw ServiceRefusal(.companyNotFound, field: "filter.company") }
    }
    if !asked.consultant.isEmpty {
      let consultants = try await consultants(asked.consultant)
      guard !consultants.isEmpty else { throw ServiceRefusal(.consultantNotFound, field: "filter.consultant") }
      filter.consultants = consultants
    }
    if asked.state != .unspecified {
      filter.state = ToldState(rawValue: UInt8(clamping: asked.state.rawValue))
      guard filter.state != nil else {
        throw ServiceRefusal(.invalidField, field: "filter.state", description: "is no state of a payment")
      }
    }
    if !asked.orderReference.isEmpty {
      filter.order = try Self.orderReference(asked.orderReference, field: "filter.order_reference")
    }
    return filter
  }

  /// Digits are a number, anything else a name.
  private func companies(_ text: String) async throws -> [Int64] {
    if let number = Int64(digits: text) { return try await reader.companies(number: number) }
    return try await reader.companies(named: text)
  }

  private func consultants(_ text: String) async throws -> [Int64] {
    if let number = Int64(digits: text) { return try await reader.consultants(number: number) }
    return try await reader.consultants(named: text)
  }
}

extension StorageSQLite.PaymentFilter {
  /// For the journal.
  fileprivate var text: String {
    var parts: [String] = []
    if let company { parts.append("company \(company)") }
    if let consultants { parts.append("consultant \(consultants.map { String($0) }.joined(separator: ", "))") }
    if let state { parts.append(state.name) }
    if let order { parts.append("order \(String(decoding: order, as: UTF8.self))") }
    if times.lowerBound > 0 { parts.append("from \(times.lowerBound)") }
    if times.upperBound < .max { parts.append("to \(times.upperBound)") }
    return parts.isEmpty ? "all payments" : parts.joined(separator: ", ")
  }
}

extension Messages.ListedPayment {
  init(_ listed: StorageSQLite.ListedPayment) {
    self.init()
    payment = PaymentResult(listed.payment)
    company = UInt64(listed.payment.company)
    companyName = listed.companyName
    consultant = UInt64(listed.payment.consultant)
    consultantName = listed.consultantName
    terminal = listed.original?.terminalText ?? ""
    stan = listed.original?.stan ?? 0
    retrievalReference = listed.original?.retrievalText ?? ""
  }
}

extension RegisteredConsultant {
  fileprivate init(_ row: ConsultantRow, of companyName: String) {
    self.init()
    (number, name) = (UInt64(row.id), row.name)
    (company, self.companyName) = (UInt64(row.company), companyName)
    revoked = row.revoked
  }
}

extension Messages.ReportTotal {
  init(_ total: StorageSQLite.ReportTotal) {
    self.init()
    company = UInt64(total.company)
    companyName = total.companyName
    consultant = UInt64(total.consultant)
    consultantName = total.consultantName
    currency = total.currency.text
    state = Messages.PaymentState(rawValue: Int32(total.state.rawValue))
    count = UInt64(total.count)
    amount = total.amount
    refunded = total.refunded
  }
}
