import Bytes
import CountersignRPC
import Ledger
import Messages
import Payments
import StorageSQLite

/// "Who did this?", asked by payment, order, card or consultant.
extension AdminCalls {
  /// Payments looked up for one reply; fewer are told where they have many steps.
  private static let tracesPerReply = 50
  /// Bytes of traces in one reply; a frame has 64 KiB.
  private static let bytesPerReply = 48 << 10

  func tracePayment(_ request: TracePaymentRequest, context: ServerContext) async throws -> TracePaymentReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let asked = try await asked(request)
      let after = Int64(clamping: request.after)
      let most = request.most == 0 ? Int.max : Int(clamping: request.most)
      let recent = try await journal(asked, after: after, administrator)
      let limit = min(Self.tracesPerReply, most)
      // One more, which says whether there are more.
      let numbers = try await numbers(asked, recent: recent, after: after, limit: limit + 1)
      var reply = TracePaymentReply()
      reply.traces = Self.fitting(try await reader.traces(payments: Array(numbers.prefix(limit))).map(Trace.init))
      let last = reply.traces.last?.payment?.payment
      guard let last else {
        guard request.after > 0 else { throw asked.notFound }
        return reply
      }
      guard let highest = numbers.last, UInt64(highest) > last else { return reply }
      reply.next = last
      if reply.traces.count == most {
        reply.more = UInt64(try await count(asked, recent: recent, after: Int64(last)))
      }
      return reply
    }
  }

  /// As many as a reply has room for; one at least.
  private static func fitting(_ traces: [Trace]) -> [Trace] {
    var size = 0
    let count = traces.prefix { trace in
      size += trace.encoded().count
      return size <= bytesPerReply
    }.count
    return Array(traces.prefix(max(1, count)))
  }

  /// Journals the question.
  ///
  /// - Returns: for each of its lookups what the store still has in memory.
  private func journal(_ asked: AskedTrace, after: Int64, _ administrator: String) async throws -> [[Int64]] {
    let page = after > 0 ? ", after \(after)" : ""
    let row = EventRow(
      kind: .traceRead, consultant: asked.consultant, time: clock.wall(),
      text: "\(asked.text)\(page), by \(administrator)")
    return try await ledger.perform(fromReserve: true) { store in
      try store.insertEvent(row)
      return try asked.lookups.map { try store.recentPayments($0, after: after) }
    }
  }

  /// The payments that a question is about, rising.
  private func numbers(
    _ asked: AskedTrace, recent: [[Int64]], after: Int64, limit: Int
  ) async throws -> [Int64] {
    switch asked.which {
    case .payment(let number): return number > after ? [number] : []
    case .key(let key):
      let found = try await reader.payments(key: key).filter { $0 > after }
      return Array(found.prefix(limit))
    case .lookups(let lookups, let times):
      var found: [Int64] = []
      for (lookup, recent) in zip(lookups, recent) {
        found += try await reader.payments(
          LookupPage(lookup, recent: recent, after: after, times: times, limit: limit))
      }
      return Array(found.sorted().prefix(limit))
    }
  }

  private func count(_ asked: AskedTrace, recent: [[Int64]], after: Int64) async throws -> Int {
    guard case .lookups(let lookups, let times) = asked.which else {
      return try await numbers(asked, recent: recent, after: after, limit: .max).count
    }
    var count = 0
    for (lookup, recent) in zip(lookups, recent) {
      count += try await reader.count(LookupPage(lookup, recent: recent, after: after, times: times, limit: .max))
    }
    return count
  }

  private func asked(_ request: TracePaymentRequest) async throws -> AskedTrace {
    switch request.which {
    case .payment(let number):
      return AskedTrace(which: .payment(Int64(clamping: number)), text: "payment \(number)")
    case .idempotencyKey(let bytes):
      guard let key = Bytes16(bytes) else {
        throw ServiceRefusal(.invalidField, field: "idempotency_key", description: "must be 16 bytes")
      }
      return AskedTrace(which: .key(key), text: "key \(Hex.encode(bytes))")
    case .orderReference(let reference):
      let bytes = try Self.orderReference(reference, field: "order_reference")
      return AskedTrace(which: .lookups([.order(bytes)], .all), text: "order \(reference)")
    case .cardNumber(let digits):
      return try digits.withUnsafeBytes { digits in
        try Self.checked("card_number") { () throws(FieldViolation) in try CardNumber.check(digits) }
        let lookup = PaymentLookup.card(vault.ring.fingerprint(of: digits))
        return AskedTrace(which: .lookups([lookup], .all), text: "card \(CardNumber.masked(digits))")
      }
    case .consultant(let period): return try await asked(period)
    case nil:
      throw ServiceRefusal(
        .invalidField, field: "which",
        description: "name a payment, an idempotency key, an order reference, a card number or a consultant")
    }
  }

  private func asked(_ period: ConsultantPeriod) async throws -> AskedTrace {
    let consultants: [Int64]
    switch period.who {
    case .consultant(let number): consultants = try await reader.consultants(number: Int64(clamping: number))
    case .name(let name): consultants = try await reader.consultants(named: name)
    case nil:
      throw ServiceRefusal(.invalidField, field: "consultant.who", description: "give a consultant's number or name")
    }
    guard !consultants.isEmpty else { throw ServiceRefusal(.consultantNotFound, field: "consultant") }
    let times = try TimePeriod.range(period.fromMs, period.toMs, field: "consultant.to_ms")
    let numbers = consultants.map { String($0) }.joined(separator: ", ")
    return AskedTrace(
      which: .lookups(consultants.map { .consultant($0) }, times),
      text: "consultant \(numbers) from \(period.fromMs) to \(period.toMs)",
      consultant: consultants.count == 1 ? consultants[0] : nil)
  }

  /// The bytes of an order reference; a card number given by mistake must not come into the journal.
  static func orderReference(_ text: String, field: String) throws -> [UInt8] {
    let bytes = Array(text.utf8)
    try bytes.withUnsafeBytes { bytes in
      try checked(field) { () throws(FieldViolation) in try OrderReference.check(bytes) }
    }
    return bytes
  }

  /// - Throws: ``ServiceRefusal`` that names the request's field instead of the payment's.
  private static func checked(_ field: String, _ check: () throws(FieldViolation) -> Void) throws(ServiceRefusal) {
    do throws(FieldViolation) {
      try check()
    } catch {
      throw ServiceRefusal(.invalidField, field: field, description: error.description)
    }
  }
}

/// What an administrator wants traced, checked.
private struct AskedTrace: Sendable {
  enum Which: Sendable {
    case payment(Int64)
    case key(Bytes16)
    case lookups([PaymentLookup], Range<Int64>)
  }
  let which: Which
  /// For the journal; a card stands in it masked.
  let text: String
  var consultant: Int64? = nil

  /// Where there is no such payment.
  var notFound: ServiceRefusal {
    ServiceRefusal(.paymentNotFound, field: field, description: "nothing is known of it")
  }

  private var field: String {
    switch (which, lookups.first) {
    case (.payment, _): "payment"
    case (.key, _): "idempotency_key"
    case (.lookups, .order): "order_reference"
    case (.lookups, .card): "card_number"
    case (.lookups, _): "consultant"
    }
  }

  var lookups: [PaymentLookup] { if case .lookups(let lookups, _) = which { lookups } else { [] } }
}

/// Times of payments as requests give them.
enum TimePeriod {
  /// - Parameters:
  ///   - from: milliseconds since 1970-01-01T00:00:00Z; the first.
  ///   - to: the first no longer meant; 0: no end.
  ///   - field: path of `to` in the request.
  static func range(_ from: UInt64, _ to: UInt64, field: String) throws(ServiceRefusal) -> Range<Int64> {
    let end = to == 0 ? .max : Int64(clamping: to)
    let start = Int64(clamping: from)
    guard start < end else {
      throw ServiceRefusal(.invalidField, field: field, description: "must be later than the beginning")
    }
    return start..<end
  }
}

extension Range<Int64> {
  static var all: Range<Int64> { 0..<Int64.max }
}
