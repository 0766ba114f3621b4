import CountersignRPC
import Messages
import Payments
import StorageSQLite

/// What is open, and why.
extension AdminCalls {
  /// Payments told in one reply.
  private static let unresolvedPerReply = 50

  func listUnresolved(_ request: ListUnresolvedRequest, context: ServerContext) async throws -> ListUnresolvedReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      try await journalReading("unresolved", after: request.after, administrator)
      let found = try await reader.unresolved(after: Int64(clamping: request.after), limit: Self.unresolvedPerReply)
      var reply = ListUnresolvedReply()
      reply.payments = found.map(Messages.UnresolvedPayment.init)
      return reply
    }
  }

  /// Journals that payments are read.
  func journalReading(_ what: String, after number: UInt64 = 0, _ administrator: String) async throws {
    let page = number > 0 ? ", after \(number)" : ""
    let row = EventRow(kind: .paymentsRead, time: clock.wall(), text: "\(what)\(page), by \(administrator)")
    _ = try await ledger.perform(fromReserve: true) { store in try store.insertEvent(row) }
  }
}

extension Messages.UnresolvedPayment {
  init(_ open: StorageSQLite.UnresolvedPayment) {
    self.init()
    payment = PaymentResult(open.payment)
    company = UInt64(open.payment.company)
    companyName = open.companyName
    consultant = UInt64(open.payment.consultant)
    consultantName = open.consultantName
    sinceMs = UInt64(clamping: open.since)
    nextTryMs = UInt64(clamping: open.nextTry ?? 0)
    reversals = open.attempts
  }
}
