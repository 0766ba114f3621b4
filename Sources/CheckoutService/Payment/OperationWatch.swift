import Ledger
import Logging
import Payments

/// Tells operators, through the log, of refunds and voids that may have happened: nobody sends a refund again but people
/// who have asked the acquirer. Each is told once in the life of the process.
final class OperationWatch: Sendable {
  private let told = ToldOnce<Int64>()
  private let ledger: Ledger
  private let logger: Logger

  init(ledger: Ledger, logger: Logger) {
    self.ledger = ledger
    self.logger = logger
  }

  /// One round.
  func look() async {
    do {
      let unknown = try await ledger.perform { store in
        try store.openOperations().filter { $0.state == .unknown }
      }
      let (operations, more) = told.new(unknown, key: \.id)
      for operation in operations { tell(operation) }
      if more > 0 {
        logger.warning(
          "more refunds and voids have no answer; see countersign-admin operations list",
          metadata: ["count": "\(more)"])
      }
    } catch {
      logger.error("refunds and voids could not be read", metadata: ["error": "\(error)"])
    }
  }

  private func tell(_ operation: OperationRow) {
    let metadata: Logger.Metadata = [
      "operation": "\(operation.id)", "payment": "\(operation.payment)", "amount": "\(operation.amount)",
      "name": "\(operation.original.map { "\($0)" } ?? "none")",
    ]
    switch operation.kind {
    case .refund: logger.warning("a refund has no answer; ask the acquirer, then settle it", metadata: metadata)
    case .void: logger.warning("a void has no answer; it is sent again", metadata: metadata)
    }
  }
}
