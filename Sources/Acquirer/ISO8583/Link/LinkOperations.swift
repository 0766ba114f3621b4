import ISO8583
import Logging
import Payments

/// Refunds and voids on the link. Source: docs/iso8583.md, "Void and refund".
extension LinkCore {
  /// Sends one, or says that nothing was sent: people wait for it, so it does not wait for a line.
  func submit(_ operation: OutgoingOperation) {
    let kind = operation.kind.messageKind
    guard let name = operation.original, let sale = operation.sale, let template = dialect.messages[kind],
      let connection = nextConnection()
    else { return notSent(operation) }
    let subject = Composer.Subject(
      original: name, amount: operation.amount, currency: operation.currency, instalments: 0,
      secrets: operation.secrets, sale: sale)
    let request = PendingRequest(
      kind: .operation(SentOperation(operation)), payment: operation.payment, amount: operation.amount,
      connection: connection.number, deadline: Self.now() + dialect.answerTimeout)
    if !send(kind, template, subject, isRepeat: operation.isRepeat, request, on: connection) { notSent(operation) }
  }

  /// Knows a refund of a former process, so that its number is not used again and a late answer finds it. A void's answer
  /// is found by the try that follows.
  func expect(_ operation: OutgoingOperation) {
    guard operation.kind == .refund, let name = operation.original else { return }
    pool.hold(dialect.number(of: name), day: name.time / 86_400)
    pending.remember(
      composer.saleKey(name),
      PendingRequest(
        kind: .operation(SentOperation(operation)), payment: operation.payment, amount: operation.amount,
        connection: 0, deadline: 0))
  }

  private func notSent(_ operation: OutgoingOperation) {
    if operation.kind == .refund, let name = operation.original { pool.release(dialect.number(of: name)) }
    sink?.answer(OperationAnswer(id: operation.id, result: .notSent))
  }

  func answer(_ request: PendingRequest, _ operation: SentOperation, _ message: Message) {
    let (answer, doubt) = reader.read(message, to: request, operation)
    if let doubt {
      logger.error(
        "the acquirer's answer needs a look",
        metadata: ["operation": "\(operation.id)", "payment": "\(request.payment)", "doubt": "\(doubt)"])
      note("\(summary(message)) to \(operation.kind.name) \(operation.id): \(doubt.text)")
    }
    if operation.kind == .refund, answer.result != .unknown { release(message) }
    sink?.answer(answer)
  }

  func giveUp(_ operation: SentOperation) {
    sink?.answer(OperationAnswer(id: operation.id, result: .unknown))
  }
}

extension SentOperation {
  init(_ operation: OutgoingOperation) {
    self.init(id: operation.id, kind: operation.kind, isRepeat: operation.isRepeat)
  }
}

extension OperationKind {
  var messageKind: Dialect.MessageKind { self == .refund ? .refund : .void }
}
