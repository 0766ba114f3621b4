import Messages

/// Something of the ledger that may have a line in a settlement file.
struct LedgerEntry {
  /// Whether the file must have a line of it.
  enum Standing {
    /// The acquirer did it: a line is missing where there is none.
    case expected
    /// It may have happened.
    case possible
    /// It did not happen: a line contradicts.
    case absent
  }

  var kind: SettlementLine.Kind
  /// Number of the payment.
  var payment: UInt64
  /// Number of the refund or void; nil for a sale.
  var operation: UInt64?
  var amount: UInt64
  var currency: String
  var approvalCode = ""
  /// DE41, DE11 and DE37, each empty or 0 where it has none.
  var terminal: String
  var stan: UInt32
  var retrievalReference: String
  var state: String
  var standing: Standing
  /// Whether the sale was taken back by a void.
  var isVoided = false
  /// Whether nobody knows yet what became of the sale, and no reversal was sent.
  var isOpen = false

  init(_ listed: ListedPayment) {
    let payment = listed.payment ?? PaymentResult()
    kind = .sale
    self.payment = payment.payment
    (amount, currency, approvalCode) = (payment.amount, payment.currency, payment.approvalCode)
    (terminal, stan, retrievalReference) = (listed.terminal, listed.stan, listed.retrievalReference)
    state = payment.state.text
    isVoided = payment.state == .voided
    isOpen = [.intent, .unknown, .inquiring].contains(payment.state)
    standing =
      switch payment.state {
      // A refund has a line of its own; the sale was charged all the same.
      case .approved, .refunding, .partlyRefunded, .refunded: .expected
      // A refused reversal may have left the card charged: people settle it, and the file tells how. A voided sale may
      // stand in the file or not.
      case .reversalRefused, .voiding, .voided: .possible
      default: .absent
      }
  }

  /// - Parameter times: in which what was done is expected in the file.
  init(_ operation: PaymentOperation, of times: Range<UInt64>) {
    kind = operation.kind == .void ? .void : .refund
    (payment, self.operation) = (operation.payment, operation.number)
    (amount, currency) = (operation.amount, operation.currency)
    (terminal, stan) = (operation.terminal, operation.stan)
    retrievalReference = operation.retrievalReference
    state = operation.state.text
    standing =
      switch operation.state {
      case .done: kind == .refund && times.contains(operation.sinceMs) ? .expected : .possible
      case .sending, .unknown: .possible
      default: .absent
      }
  }
}
