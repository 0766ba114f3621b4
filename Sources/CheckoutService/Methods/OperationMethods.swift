import Bytes
import CountersignRPC
import Ledger
import Messages
import Payments

/// Refunds and voids: asked for by one administrator, confirmed by another. Source: docs/payments.md, "Void and refund".
extension AdminCalls {
  /// Operations told in one reply.
  private static let operationsPerReply = 50

  func requestOperation(
    _ request: RequestOperationRequest, context: ServerContext
  ) async throws -> RequestOperationReply {
    try await refusals.journaling(.callRefused, context) {
      let acting = try await acting(context)
      let asked = try asked(request, by: acting)
      var reply = RequestOperationReply()
      reply.operation = try await ledger.perform { [acquirer] store in
        guard let payment = try store.payment(number: asked.payment) else {
          throw ServiceRefusal(.paymentNotFound, field: "payment")
        }
        var row = asked
        if row.kind == .void { row.amount = payment.record.amount }
        if let known = try store.operation(key: row.key) {
          guard known.isSame(as: row) else {
            throw ServiceRefusal(.idempotencyKeyReused, field: "idempotency_key", description: "was used before")
          }
          return try PaymentOperation(known, in: store)
        }
        try OperationRules.refuse(row, amountIn: "amount", of: payment.record, at: row.time, in: store, acquirer)
        row.id = try store.insertEvent(.operation(row, time: row.time, ", by \(acting.text)"))
        try store.insertOperation(row)
        return try PaymentOperation(row, in: store)
      }
      return reply
    }
  }

  func confirmOperation(
    _ request: ConfirmOperationRequest, context: ServerContext
  ) async throws -> ConfirmOperationReply {
    try await refusals.journaling(.callRefused, context) {
      let acting = try await acting(context)
      let now = clock.wall()
      let (row, isNew, reply) = try await ledger.perform { [acquirer] store in
        let number = Int64(clamping: request.operation)
        guard var row = try store.operation(id: number), let payment = try store.payment(number: row.payment) else {
          let isKeyAct = try store.keyAct(id: number) != nil
          throw ServiceRefusal(isKeyAct ? .operationOtherKind : .operationNotFound, field: "operation")
        }
        // The same administrator again, whose answer was lost or who waits for the acquirer's.
        if row.confirmedBy == acting.id { return (row, false, try ConfirmOperationReply(row, in: store)) }
        guard row.state == .requested else { throw ServiceRefusal(OperationRefusal.notWaiting(row.state)) }
        guard row.requestedBy != acting.id else { throw ServiceRefusal(OperationRefusal.sameAdministrator) }
        let event: OperationEvent = now < row.confirmUntil ? .confirmed : .timeOver
        if event == .confirmed {
          try OperationRules.refuse(row, amountIn: "operation", of: payment.record, at: now, in: store, acquirer)
        }
        row.state = OperationStateMachine.step(row.state, row.kind, event).next
        row.since = now
        if event == .confirmed { row.confirmedBy = acting.id }
        try store.updateOperation(row)
        try store.insertEvent(.operation(row, time: now, ", by \(acting.text)"))
        return (row, true, try ConfirmOperationReply(row, in: store))
      }
      guard isNew else { return reply }
      guard row.state != .expired else { throw ServiceRefusal(OperationRefusal.notWaiting(.expired)) }
      ledger.operationChanged(row.id)
      return reply
    }
  }

  func settleOperation(_ request: SettleOperationRequest, context: ServerContext) async throws -> SettleOperationReply {
    try await refusals.journaling(.callRefused, context) {
      let acting = try await acting(context)
      let now = clock.wall()
      let event: OperationEvent = request.isDone ? .foundDone : .foundRefused
      var reply = SettleOperationReply()
      reply.operation = try await ledger.perform(fromReserve: true) { store in
        guard var row = try store.operation(id: Int64(clamping: request.operation)) else {
          throw ServiceRefusal(.operationNotFound, field: "operation")
        }
        let step = OperationStateMachine.step(row.state, row.kind, event)
        guard step.action == .record else { throw ServiceRefusal(OperationRefusal.notWaiting(row.state)) }
        guard row.requestedBy != acting.id else { throw ServiceRefusal(OperationRefusal.sameAdministrator) }
        (row.state, row.since) = (step.next, now)
        try store.updateOperation(row)
        try store.insertEvent(.operation(row, time: now, ", found out by \(acting.text)"))
        return try PaymentOperation(row, in: store)
      }
      ledger.operationChanged(Int64(clamping: request.operation))
      return reply
    }
  }

  func listOperations(_ request: ListOperationsRequest, context: ServerContext) async throws -> ListOperationsReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      try await journalReading("operations", after: request.after, administrator)
      let times = try TimePeriod.range(request.fromMs, request.toMs, field: "to_ms")
      let (after, payment) = (Int64(clamping: request.after), Int64(clamping: request.payment))
      var reply = ListOperationsReply()
      reply.operations = try await ledger.perform { store in
        let rows =
          payment > 0
          ? try store.operations(of: payment).filter {
            $0.id > after && $0.time < times.upperBound && $0.since >= times.lowerBound
          }
          : try store.operations(after: after, during: times, limit: Self.operationsPerReply)
        return try rows.prefix(Self.operationsPerReply).map { try PaymentOperation($0, in: store) }
      }
      return reply
    }
  }

  private func asked(_ request: RequestOperationRequest, by acting: ActingAdministrator) throws -> OperationRow {
    guard let key = Bytes16(request.idempotencyKey) else {
      throw ServiceRefusal(.invalidField, field: "idempotency_key", description: "must be 16 bytes")
    }
    guard let kind = Payments.OperationKind(rawValue: UInt8(clamping: request.kind.rawValue)) else {
      throw ServiceRefusal(.invalidField, field: "kind", description: "must be a refund or a void")
    }
    guard acquirer.operations.contains(kind) else { throw ServiceRefusal(.operationUnsupported, field: "kind") }
    guard kind == .refund || request.amount == 0 else {
      throw ServiceRefusal(.invalidField, field: "amount", description: "must be 0: a void is of the whole payment")
    }
    let now = clock.wall()
    return OperationRow(
      key: key, kind: kind, payment: Int64(clamping: request.payment), amount: request.amount,
      requestedBy: acting.id, time: now, confirmUntil: now + Limits.confirmationMilliseconds)
  }
}

extension OperationRules {
  /// - Parameter field: the request's field that the amount comes from.
  /// - Throws: ``ServiceRefusal`` where the operation does not fit what is recorded now.
  fileprivate static func refuse(
    _ row: OperationRow, amountIn field: String, of payment: PaymentRecord, at now: Int64, in store: any Store,
    _ acquirer: any Acquirer
  ) throws {
    if let epoch = try store.epoch(), epoch.confirmed == nil {
      throw ServiceRefusal(.ledgerUnconfirmed)
    }
    let others = try store.operations(of: row.payment).filter { $0.id != row.id }
    let isBeforeCutOff = acquirer.businessDay(at: payment.time) == acquirer.businessDay(at: now)
    do {
      try check(row, of: payment, others: others, isBeforeCutOff: isBeforeCutOff)
    } catch .amountLeft(let left) {
      throw ServiceRefusal(
        .amountOverPayment, field: field,
        description: "\(row.amount) minor units are more than the \(left) that are left of the payment")
    } catch {
      throw ServiceRefusal(error)
    }
  }
}

extension OperationRow {
  fileprivate func isSame(as other: OperationRow) -> Bool {
    kind == other.kind && payment == other.payment && amount == other.amount && requestedBy == other.requestedBy
  }
}

extension ConfirmOperationReply {
  fileprivate init(_ row: OperationRow, in store: any Store) throws {
    self.init()
    operation = try PaymentOperation(row, in: store)
  }
}

extension PaymentOperation {
  fileprivate init(_ row: OperationRow, in store: any Store) throws {
    self.init()
    number = UInt64(row.id)
    kind = Messages.OperationKind(rawValue: Int32(row.kind.rawValue))
    payment = UInt64(row.payment)
    amount = row.amount
    currency = try store.payment(number: row.payment)?.record.currency.text ?? ""
    state = Messages.OperationState(rawValue: Int32(row.state.rawValue))
    requestedBy = try store.administrator(id: row.requestedBy)?.name ?? ""
    confirmedBy = try row.confirmedBy.flatMap { try store.administrator(id: $0)?.name } ?? ""
    (timeMs, confirmUntilMs) = (UInt64(clamping: row.time), UInt64(clamping: row.confirmUntil))
    (sinceMs, attempts) = (UInt64(clamping: row.since), row.attempts)
    responseCode = row.responseCode.text
    terminal = row.original?.terminalText ?? ""
    stan = row.original?.stan ?? 0
    retrievalReference = row.original?.retrievalText ?? ""
  }
}

extension ServiceRefusal {
  fileprivate init(_ refusal: OperationRefusal) {
    switch refusal {
    case .paymentNotCharged: self.init(.paymentNotCharged, field: "payment")
    case .amountLeft: self.init(.amountOverPayment)
    case .conflicting: self.init(.operationConflict, field: "payment")
    case .cutOffPassed: self.init(.cutOffPassed, field: "kind")
    case .sameAdministrator: self.init(.secondAdministratorRequired, field: "operation")
    case .notWaiting(let state):
      self.init(.operationNotWaiting, field: "operation", description: "is \(state.name)")
    }
  }
}
