import Payments

/// A refund or void on its way, as the writer remembers it.
struct OpenOperation: Sendable {
  var row: OperationRow
  /// Monotonic milliseconds of the next step.
  var due: Int64
}

extension Writer {
  /// Milliseconds after which an operation that could not be named is tried again.
  private static let namingWait: Int64 = 1_000

  /// Operations whose next step is due, oldest first.
  func dueOperations(now: Int64) -> [Int64] {
    guard !open.operations.isEmpty else { return [] }
    return open.operations.values.filter { $0.due <= now }.map(\.row.id).sorted()
  }

  /// Everything about refunds and voids of one transaction.
  func writeOperations(_ work: Inbox.Work, due: [Int64], in round: inout Round) throws {
    for answer in work.operationAnswers { try take(answer, in: &round) }
    for id in due {
      guard let entry = round.followUps[id] ?? open.operations[id], entry.due <= round.now else { continue }
      switch entry.row.state {
      case .confirmed: try handOver(entry, in: &round)
      case .sending: try step(.lost, entry, in: &round)
      default: try step(.due, entry, in: &round)
      }
    }
    for id in work.operations {
      guard let row = try store.operation(id: id) else { continue }
      switch row.state {
      case .confirmed: try handOver(OpenOperation(row: row, due: .max), in: &round)
      // Settled by people: what is remembered of it goes.
      case .done, .refused, .expired: round.followUps[id] = OpenOperation(row: row, due: .max)
      case .requested, .sending, .unknown: break
      }
    }
  }

  /// What nobody remembers: what is confirmed is sent, what may have been sent is unknown.
  func recoverOperations(in round: inout Round) throws {
    for row in try store.openOperations() where open.operations[row.id] == nil {
      let entry = OpenOperation(row: row, due: row.state == .unknown && row.kind == .refund ? .max : round.now)
      if row.original != nil { acquirer.expect(try outgoing(row, withCard: false)) }
      round.followUps[row.id] = entry
      try step(.restarted, entry, in: &round)
    }
  }

  private func take(_ answer: OperationAnswer, in round: inout Round) throws {
    var entry = round.followUps[answer.id] ?? open.operations[answer.id]
    if entry == nil { entry = try store.operation(id: answer.id).map { OpenOperation(row: $0, due: .max) } }
    guard var entry else { return }
    if answer.responseCode != .none { entry.row.responseCode = answer.responseCode }
    try step(OperationEvent(answer), entry, in: &round)
  }

  private func handOver(_ entry: OpenOperation, in round: inout Round) throws {
    var entry = entry
    let sale = try acquirer.namesSales ? store.sale(payment: entry.row.payment)?.original : nil
    entry.row.original = acquirer.nameOperation(entry.row.kind, of: sale, at: round.wall)
    guard entry.row.original != nil || !acquirer.namesSales else {
      (entry.row.original, entry.due) = (nil, round.now + Self.namingWait)
      round.followUps[entry.row.id] = entry
      return
    }
    try step(.handedOver, entry, in: &round)
  }

  /// Writes what the state machine says of one event.
  private func step(_ event: OperationEvent, _ entry: OpenOperation, in round: inout Round) throws {
    var next = entry
    let step = OperationStateMachine.step(entry.row.state, entry.row.kind, event)
    switch step.action {
    case .none: return
    case .journalLate:
      try store.insertEvent(
        EventRow(
          kind: .lateAnswer, payment: entry.row.payment, time: round.wall,
          text: "\(entry.row.kind.name) \(entry.row.id): \(event) while \(entry.row.state.name)"))
      return
    case .record, .send: break
    }
    if entry.row.state != step.next { (next.row.state, next.row.since) = (step.next, round.wall) }
    if step.action == .send {
      next.row.attempts += 1
      round.send(try outgoing(next.row))
    }
    next.due = due(next.row, sent: step.action == .send, now: round.now)
    try store.updateOperation(next.row)
    try store.insertEvent(.operation(next.row, time: round.wall, ""))
    round.followUps[next.row.id] = next
  }

  private func due(_ row: OperationRow, sent: Bool, now: Int64) -> Int64 {
    switch (row.state, row.kind) {
    case (.sending, _): now + acquirer.answerTimeoutMilliseconds
    case (.unknown, .void): now + (sent ? ReversalSchedule.wait(after: row.attempts) : 0)
    default: .max
    }
  }

  private func outgoing(_ row: OperationRow, withCard: Bool = true) throws -> OutgoingOperation {
    guard let payment = try store.payment(number: row.payment) else {
      throw StoreError.damaged("operation \(row.id) is of payment \(row.payment), which has no row")
    }
    var outgoing = OutgoingOperation(
      id: row.id, kind: row.kind, payment: row.payment, amount: row.amount, currency: payment.record.currency,
      secrets: .empty, original: row.original, sale: nil, isRepeat: row.attempts > 1)
    if acquirer.namesSales, let sale = try store.sale(payment: row.payment) {
      outgoing.sale = sale.original
      if withCard { outgoing.secrets = cards?.open(sale) ?? .empty }
    }
    return outgoing
  }

  /// After the commit.
  func remember(operations: [Int64: OpenOperation]) {
    for (id, entry) in operations {
      let isOpen = [.confirmed, .sending, .unknown].contains(entry.row.state)
      open.operations[id] = isOpen ? entry : nil
    }
  }
}
