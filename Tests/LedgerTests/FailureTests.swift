import Payments
import Testing

@testable import Ledger

/// A store that cannot, and the end. Source: docs/payments.md, "Crash rules".
@Suite(.timeLimit(.minutes(1))) struct FailureTests {
  struct Own: Error {}

  @Test(arguments: [0, 1, 2]) func aStoreThatFailsRefusesBeforeTheCardIsCharged(kind: Int) async throws {
    let desk = try Desk()
    desk.disk.fail { faults in
      faults.begin = kind == 0
      faults.intents = kind == 1
      faults.writes = kind == 2
    }
    #expect(await desk.loop.answer(desk.pay(1)).verdict == .refused(.storeUnavailable))
    #expect(desk.trace.all("send").isEmpty)
    desk.disk.fail { $0 = .init() }
    #expect(await desk.loop.outcome(desk.pay(1)) == .approved)
    #expect(desk.ledger.isTakingIntents)
  }

  @Test func whileTheStoreCannotBeginNoIntentsAreTaken() async throws {
    let desk = try Desk()
    #expect(desk.ledger.isTakingIntents)
    desk.disk.fail { $0.begin = true }
    _ = await desk.loop.answer(desk.pay(1))
    await desk.settle()
    #expect(!desk.ledger.isTakingIntents)
  }

  @Test func outcomesAreRecordedWhereIntentsFindNoRoom() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    desk.disk.fail { $0.intents = true }
    try await desk.together {
      desk.acquirer.answer(.sale, 1, .approved)
      desk.pay(2)
    }
    #expect(await desk.loop.outcome(first) == .approved)
    #expect(desk.trace.all("refuse") == ["refuse 1 storeUnavailable"])
    #expect(desk.trace.all("send") == ["send sale 1"])
  }

  @Test func whileRoomIsShortPaymentsAreRefusedAndThoseUnderWayGoOn() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    desk.disk.fail { $0.shortage = true }
    #expect(await desk.loop.answer(desk.pay(2)).verdict == .refused(.storeUnavailable))
    await desk.settle()
    #expect(!desk.ledger.isTakingIntents)
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(await desk.loop.outcome(first) == .approved)
    desk.disk.fail { $0.shortage = false }
    await desk.settle()
    #expect(desk.ledger.isTakingIntents)
  }

  @Test func theReasonForRefusingIsGivenOnceInTenSeconds() async throws {
    let desk = try Desk()
    desk.disk.fail { $0.intents = true }
    for number in 1...3 { _ = await desk.loop.answer(desk.pay(UInt64(number))) }
    await desk.settle()
    #expect(desk.trace.all("refusing") == ["refusing: disk full"])
    await desk.pass(10_000)
    _ = await desk.loop.answer(desk.pay(4))
    await desk.settle()
    #expect(desk.trace.all("refusing").count == 2)
  }

  @Test func anAnswerWaitsUntilTheStoreCanWriteAgain() async throws {
    let desk = try Desk(script: { _ in nil })
    let reply = desk.pay(1)
    await desk.settle()
    desk.disk.fail { $0.writes = true }
    desk.acquirer.answer(.sale, 1, .approved)
    await desk.settle()
    #expect(desk.loop.answers(reply).isEmpty)
    desk.disk.fail { $0.writes = false }
    #expect(await desk.loop.outcome(reply) == .approved)
  }

  @Test func aCommitThatFindsNoRoomRefusesAndTheWriterGoesOn() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    desk.disk.fail { $0.commitRoom = true }
    #expect(await desk.loop.answer(desk.pay(2)).verdict == .refused(.storeUnavailable))
    await #expect(throws: StoreError.unavailable("disk full")) {
      try await desk.ledger.perform(fromReserve: true) { store in
        _ = try store.insertEvent(EventRow(kind: .login, time: 0, text: "lost"))
      }
    }
    desk.acquirer.answer(.sale, 1, .approved)
    await desk.settle()
    #expect(desk.disk.outcome(1) == .pending && desk.trace.all("send") == ["send sale 1"])
    desk.disk.fail { $0.commitRoom = false }
    #expect(await desk.loop.outcome(first) == .approved)
    #expect(desk.disk.texts(.login).isEmpty && desk.trace.all("fatal").isEmpty)
  }

  @Test func whileRoomIsShortOnlyJobsThatMayUseTheReserveWrite() async throws {
    let desk = try Desk()
    desk.disk.fail { $0.shortage = true }
    await #expect(throws: StoreError.unavailable("short")) {
      try await desk.ledger.perform { store in
        _ = try store.insertEvent(EventRow(kind: .login, time: 0, text: "refused"))
      }
    }
    try await desk.ledger.perform(fromReserve: true) { store in
      _ = try store.insertEvent(EventRow(kind: .logout, time: 0, text: "kept"))
    }
    #expect(try await desk.ledger.perform { store in try store.openPayments().count } == 0)
    #expect(desk.disk.texts(.login).isEmpty && desk.disk.texts(.logout) == ["kept"])
  }

  @Test func aCommitOfUnknownOutcomeTellsAndSendsNothing() async throws {
    let desk = try Desk()
    desk.disk.fail { $0.commit = true }
    let batch = PaymentBatch(loop: 0)
    desk.add(1, to: batch)
    desk.ledger.submit(batch)
    desk.ledger.stop()
    #expect(desk.trace.all == ["intent 1", "fatal"])
    #expect(batch.intents.allSatisfy { $0.secrets.panLength == 0 })
  }

  @Test func aCommitThatSaysItFailedButDidNotIsResolvedAfterTheRestart() async throws {
    let desk = try Desk()
    desk.disk.fail { $0.commitAfterwards = true }
    desk.pay(1)
    desk.ledger.stop()
    #expect(desk.trace.all("send").isEmpty && desk.trace.all("tell").isEmpty)
    desk.disk.fail { $0.commitAfterwards = false }
    let next = try Desk(disk: desk.disk, clock: desk.clock, script: { $0.kind == .reversal ? .notFound : .unknown })
    await next.settle()
    await next.pass(10_000)
    #expect(next.disk.state(1) == .reversed)
    #expect(next.trace.all("send sale").isEmpty)
  }

  @Test func aJobThatThrowsLosesItsOwnWritesOnly() async throws {
    let desk = try Desk()
    await #expect(throws: Own.self) {
      try await desk.ledger.perform { store in
        try store.insertEvent(EventRow(kind: .login, time: 0, text: "lost"))
        throw Own()
      }
    }
    try await desk.ledger.perform { store in _ = try store.insertEvent(EventRow(kind: .login, time: 0, text: "kept")) }
    #expect(desk.disk.texts(.login) == ["kept"])
  }

  @Test func aJobIsDurableWhenItReturns() async throws {
    let desk = try Desk()
    let number = try await desk.ledger.perform { store in
      try store.insertEvent(EventRow(kind: .login, time: 0, text: "in"))
    }
    #expect(number == 0)
    #expect(desk.disk.texts(.login) == ["in"])
  }

  @Test func aJobThatMeetsAFullDiskFailsAndTheWriterGoesOn() async throws {
    let desk = try Desk()
    desk.disk.fail { $0.writes = true }
    await #expect(throws: StoreError.unavailable("disk full")) {
      try await desk.ledger.perform { store in
        _ = try store.insertEvent(EventRow(kind: .login, time: 0, text: "lost"))
      }
    }
    desk.disk.fail { $0.writes = false }
    #expect(await desk.loop.outcome(desk.pay(1)) == .approved)
    #expect(desk.disk.texts(.login).isEmpty)
  }

  @Test func aConflictIsTheJobsOwn() async throws {
    let desk = try Desk()
    await #expect(throws: StoreError.conflict("name")) {
      try await desk.ledger.perform { _ in throw StoreError.conflict("name") }
    }
    #expect(desk.trace.all("rollback").isEmpty)
  }
}

@Suite(.timeLimit(.minutes(1))) struct StopTests {
  @Test func whatIsQueuedIsFinishedFirst() throws {
    let desk = try Desk()
    for number in 1...100 { desk.pay(UInt64(number)) }
    desk.ledger.stop()
    #expect(desk.trace.all("tell").count == 100)
  }

  @Test func whatComesAfterwardsIsRefused() async throws {
    let desk = try Desk()
    desk.ledger.stop()
    #expect(await desk.loop.answer(desk.pay(1)).verdict == .refused(.storeUnavailable))
    await #expect(throws: LedgerError.stopped) { try await desk.ledger.perform { _ in } }
    await #expect(throws: LedgerError.stopped) { try await desk.stored(1) }
    #expect(!desk.ledger.isTakingIntents)
  }

  @Test func aQuestionThatWaitsIsToldThatItIsOver() async throws {
    let desk = try Desk(script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    let question = Task { try await desk.stored(1, wait: 60_000) }
    await desk.settle()
    desk.ledger.stop()
    await #expect(throws: LedgerError.stopped) { try await question.value }
  }

  @Test func aStoreThatFailsDoesNotKeepTheWriterFromEnding() async throws {
    let desk = try Desk(script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    desk.disk.fail { $0.writes = true }
    desk.acquirer.answer(.sale, 1, .approved)
    desk.ledger.stop()
    #expect(desk.disk.outcome(1) == .pending)
  }

  @Test func aSecondStopReturns() throws {
    let desk = try Desk()
    desk.ledger.stop()
    desk.ledger.stop()
  }

  @Test func aStoreThatCannotBeOpenedFailsTheStart() throws {
    let desk = try Desk()
    let ledger = Ledger(
      store: { throw StoreError.damaged("ledger.db") }, acquirer: desk.acquirer, clock: desk.clock.ledgerClock,
      onFatal: { _ in })
    #expect(throws: StoreError.damaged("ledger.db")) { try ledger.start() }
  }
}
