import Payments

extension Writer {
  /// Takes an answer of the acquirer.
  func take(_ answer: AcquirerAnswer, in round: inout Round) throws {
    guard !round.touched.contains(answer.payment) else { return round.postponed.append(answer) }
    let event = PaymentEvent(answer)
    if let entry = open.started[answer.payment] ?? open.resolving[answer.payment] {
      try apply(event, answer, to: entry, in: &round)
    } else if let stored = try store.payment(number: answer.payment) {
      // Over already: a late approval is reversed, anything else at most journaled.
      try apply(event, answer, to: Entry(stored, due: round.now, attempts: 0), in: &round)
    }
  }

  /// Something happened to a payment that is remembered.
  func step(_ event: PaymentEvent, _ number: Int64, in round: inout Round) throws {
    guard !round.touched.contains(number), let entry = open.started[number] ?? open.resolving[number] else { return }
    try apply(event, nil, to: entry, in: &round)
  }

  /// Writes what the state machine says of one event.
  func apply(_ event: PaymentEvent, _ answer: AcquirerAnswer?, to entry: Entry, in round: inout Round) throws {
    let step = PaymentStateMachine.step(entry.situation, event, canInquire: acquirer.canInquire)
    var next = entry
    next.record.state = step.next.state
    next.notFound = step.next.notFound
    switch step.action {
    case .none: return
    case .journalLate:
      try store.insertEvent(
        EventRow(
          kind: .lateAnswer, payment: entry.record.payment, time: round.wall,
          text: "\(event) while \(entry.record.state.name)"))
      guard next.notFound != entry.notFound else { return }
      round.moved.append(next)
    case .settle: try settle(&next, answer, wasResolving: entry.record.state != .intent, in: &round)
    case .settleAgain:
      try store.clearUnresolved(payment: next.record.payment)
      try journal(next, in: &round)
      round.settled.append(next.record.payment)
    case .resolve: try move(&next, dueIn: 0, in: &round)
    case .inquire:
      try move(&next, dueIn: Limits.inquiryMilliseconds, in: &round)
      round.ask(try operation(.inquiry, next))
    case .reverse:
      next.attempts += 1
      try move(&next, dueIn: ReversalSchedule.wait(after: next.attempts), in: &round)
      round.ask(try operation(.reversal, next))
    case .reverseLater:
      try move(
        &next, dueIn: acquirer.answerTimeoutMilliseconds, remark: ", sale not found, asked once more", in: &round)
    case .leaveToOperators: try move(&next, dueIn: nil, in: &round)
    }
    round.touched.insert(entry.record.payment)
  }

  /// Records the outcome, once and for good.
  private func settle(
    _ entry: inout Entry, _ answer: AcquirerAnswer?, wasResolving: Bool, in round: inout Round
  ) throws {
    entry.record.outcome = entry.record.state.outcome
    if let answer {
      entry.record.approvalCode = answer.approvalCode
      entry.record.responseCode = answer.responseCode
    }
    let number = entry.record.payment
    try store.insertOutcome(
      OutcomeRow(
        payment: number, state: entry.record.state, approvalCode: entry.record.approvalCode,
        responseCode: entry.record.responseCode, time: round.wall))
    if wasResolving { try store.clearUnresolved(payment: number) }
    round.settled.append(number)
    if let reply = entry.reply { round.tell(reply, entry) }
    if !open.waiters.isEmpty {
      for reply in open.waiters[number] ?? [] { round.tell(reply, entry) }
    }
  }

  /// Records where a payment stands on the way to its outcome.
  ///
  /// - Parameters:
  ///   - milliseconds: until the next step; nil: none.
  ///   - remark: for the journal, where the state stays and something else has happened.
  private func move(
    _ entry: inout Entry, dueIn milliseconds: Int64?, remark: String = "", in round: inout Round
  ) throws {
    entry.due = milliseconds.map { round.now + $0 } ?? .max
    try store.setUnresolved(
      UnresolvedRow(
        payment: entry.record.payment, state: entry.record.state,
        nextTry: milliseconds.map { round.wall + $0 } ?? .max, attempts: entry.attempts))
    try journal(entry, remark, in: &round)
    round.moved.append(entry)
  }

  private func journal(_ entry: Entry, _ remark: String = "", in round: inout Round) throws {
    let attempts = entry.attempts > 0 ? ", reversal \(entry.attempts)" : ""
    try store.insertEvent(
      EventRow(
        kind: .paymentState, payment: entry.record.payment, time: round.wall,
        text: entry.record.state.name + attempts + remark))
  }

  private func operation(_ kind: AcquirerOperation.Kind, _ entry: Entry) throws(StoreError) -> AcquirerOperation {
    var operation = AcquirerOperation(
      kind: kind, payment: entry.record.payment, amount: entry.record.amount, currency: entry.record.currency,
      instalments: entry.instalments, secrets: .empty, isRepeat: entry.attempts > 1)
    if acquirer.namesSales, let sale = try store.sale(payment: entry.record.payment) {
      operation.original = sale.original
      operation.secrets = cards?.open(sale) ?? .empty
    }
    return operation
  }
}
