import Bytes
import Payments
import Synchronization
import Testing

@testable import Ledger

/// Refunds and voids on the writer: durable before sent, a refund once, a void until it is answered.
@Suite(.timeLimit(.minutes(1))) struct OperationTests {
  @Test func aConfirmedRefundIsDurableBeforeItIsSentAndThenDone() async throws {
    let desk = try await Self.paid()
    try await desk.confirm(.refund, 400)
    #expect(desk.trace.all("send") == ["send sale 1", "send refund 900 SENDING"])
    desk.acquirer.answer(OperationAnswer(id: 900, result: .done, responseCode: ResponseCode(ascii: "00")))
    await desk.settle()
    #expect(
      desk.operation?.state == .done && desk.operation?.responseCode.text == "00" && desk.operation?.attempts == 1)
    #expect(desk.disk.texts(.operation) == ["REFUND 900 SENDING 400", "REFUND 900 DONE 400, response 00"])
    #expect(try await desk.stored(1)?.operated == .partlyRefunded)
    #expect(try await desk.stored(1)?.record.outcome == .approved)
  }

  @Test func aRefundWithoutAnAnswerIsNeverSentAgain() async throws {
    let desk = try await Self.paid()
    try await desk.confirm(.refund, 400)
    await desk.pass(10_000)
    #expect(desk.operation?.state == .unknown)
    for _ in 0..<5 { await desk.pass(Limits.reversalLongestWaitMilliseconds) }
    #expect(desk.trace.all("send refund").count == 1 && desk.operation?.state == .unknown)
    #expect(try await desk.stored(1)?.operated == .refunding)
    desk.acquirer.answer(OperationAnswer(id: 900, result: .done))
    await desk.settle()
    #expect(desk.operation?.state == .done)
  }

  @Test func aVoidIsSentAgainUntilItIsAnswered() async throws {
    let desk = try await Self.paid()
    try await desk.confirm(.void, 59_000)
    await desk.pass(10_000)
    #expect(desk.operation?.state == .unknown)
    await desk.pass(1)
    #expect(desk.trace.all("send void") == ["send void 900 SENDING", "send void 900 UNKNOWN"])
    await desk.pass(Limits.reversalLongestWaitMilliseconds)
    #expect(desk.trace.all("send void").count == 3)
    desk.acquirer.answer(OperationAnswer(id: 900, result: .refused, responseCode: ResponseCode(ascii: "12")))
    await desk.settle()
    #expect(desk.operation?.state == .refused && desk.operation?.attempts == 3)
    #expect(try await desk.stored(1)?.operated == nil)
  }

  /// What is confirmed is sent after a restart, what may have been sent is not.
  @Test(arguments: [
    (OperationState.confirmed, 1, OperationState.sending), (.sending, 0, .unknown), (.unknown, 0, .unknown),
  ])
  func aRestartSendsOnlyWhatWasNotSent(_ state: OperationState, _ sent: Int, _ then: OperationState) async throws {
    let desk = try await Self.paid()
    desk.ledger.stop()
    desk.disk.contents.withLock { $0.operations[900] = Desk.operation(.refund, 400, state) }
    let next = try Desk(disk: desk.disk, clock: desk.clock)
    await next.settle()
    #expect(next.trace.all("send refund").count == sent && next.operation?.state == then)
  }

  @Test func whatIsNotConfirmedOrSettledByHandIsNotSent() async throws {
    let desk = try await Self.paid()
    desk.disk.contents.withLock { $0.operations[900] = Desk.operation(.refund, 400, .requested) }
    desk.ledger.operationChanged(900)
    await desk.settle()
    try await desk.confirm(.void, 59_000)
    await desk.pass(10_000)
    desk.disk.contents.withLock { $0.operations[900]?.state = .done }
    desk.ledger.operationChanged(900)
    await desk.settle()
    let sent = desk.trace.all("send void").count
    await desk.pass(Limits.reversalLongestWaitMilliseconds)
    #expect(desk.trace.all("send refund").isEmpty && desk.trace.all("send void").count == sent && sent > 0)
  }

  @Test func anAnswerThatContradictsIsJournaled() async throws {
    let desk = try await Self.paid()
    try await desk.confirm(.refund, 400)
    desk.acquirer.answer(OperationAnswer(id: 900, result: .refused))
    await desk.settle()
    desk.acquirer.answer(OperationAnswer(id: 900, result: .done))
    await desk.settle()
    #expect(desk.operation?.state == .refused)
    #expect(desk.disk.texts(.lateAnswer) == ["REFUND 900: done while REFUSED"])
  }

  private static func paid() async throws -> Desk {
    let desk = try Desk()
    let reply = desk.pay(1)
    #expect(await desk.loop.outcome(reply) == .approved)
    return desk
  }
}

extension Desk {
  static func operation(_ kind: OperationKind, _ amount: UInt64, _ state: OperationState) -> OperationRow {
    OperationRow(
      id: 900, key: Bytes16(high: 0, low: 1), kind: kind, payment: 1, amount: amount, state: state, requestedBy: 1,
      confirmedBy: 2, time: ScriptedClock.start, confirmUntil: ScriptedClock.start)
  }

  var operation: OperationRow? { disk.contents.withLock { $0.operations[900] } }

  /// As an administrator's call does.
  func confirm(_ kind: OperationKind, _ amount: UInt64) async throws {
    try await ledger.perform { store in try store.insertOperation(Self.operation(kind, amount, .confirmed)) }
    ledger.operationChanged(900)
    await settle()
  }
}
