import Logging
import Payments
import StorageSQLite

/// Tells operators, through the log, of payments that do not come to an end by themselves: open for too long, or with a
/// reversal that the acquirer refused. Each is told once in the life of the process and in each state.
final class OpenPaymentWatch: Sendable {
  private struct Told: Hashable, Sendable {
    let payment: Int64
    let state: PaymentState
  }

  /// Payments read at once.
  private static let rowsOfPage = 256

  private let told = ToldOnce<Told>()
  private let reader: SQLiteReader
  private let clock: ServiceClock
  private let logger: Logger

  init(reader: SQLiteReader, clock: ServiceClock, logger: Logger) {
    self.reader = reader
    self.clock = clock
    self.logger = logger
  }

  /// One round.
  func look() async {
    do {
      let (payments, more) = told.new(try await due()) {
        Told(payment: $0.payment.record.payment, state: $0.payment.record.state)
      }
      for payment in payments { tell(payment) }
      if more > 0 {
        logger.error("more payments need people; see countersign-admin unresolved", metadata: ["count": "\(more)"])
      }
    } catch {
      logger.error("open payments could not be read", metadata: ["error": "\(error)"])
    }
  }

  /// Those that operators must know of.
  private func due() async throws -> [UnresolvedPayment] {
    let latest = clock.wall() - Limits.operatorsToldAfterMilliseconds
    var due: [UnresolvedPayment] = []
    var last: Int64 = 0
    while true {
      let page = try await reader.unresolved(after: last, limit: Self.rowsOfPage)
      due += page.filter { $0.payment.record.state == .reversalRefused || $0.payment.record.time <= latest }
      guard page.count == Self.rowsOfPage, let end = page.last else { return due }
      last = end.payment.record.payment
    }
  }

  private func tell(_ open: UnresolvedPayment) {
    let record = open.payment.record
    let metadata: Logger.Metadata = [
      "payment": "\(record.payment)", "state": "\(record.state.name)", "reversals": "\(open.attempts)",
    ]
    if record.state == .reversalRefused {
      logger.error("the acquirer refused a reversal; settle it with the acquirer by hand", metadata: metadata)
    } else {
      logger.warning("a payment is still open", metadata: metadata)
    }
  }
}
