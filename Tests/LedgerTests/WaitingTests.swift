import Payments
import Testing

@testable import Ledger

/// Deadlines, and who asks what became of a payment.
@Suite(.timeLimit(.minutes(1))) struct WaitingTests {
  @Test func whoseDeadlinePassesIsToldPendingOnce() async throws {
    let desk = try Desk(script: { _ in nil })
    let reply = desk.pay(1)
    await desk.settle()
    desk.ledger.deadlinePassed(reply, key: TestIntent.key(1), company: TestIntent.company)
    let answer = await desk.loop.answer(reply)
    #expect(answer.verdict == .told && answer.record.outcome == .pending && answer.record.state == .intent)
    #expect(desk.loop.reference(reply) == "A-1")
    desk.acquirer.answer(.sale, 1, .approved)
    await desk.settle()
    #expect(desk.loop.answers(reply).count == 1)
    #expect(desk.disk.outcome(1) == .approved)
  }

  @Test func aRepeatWhoseDeadlinePassesLeavesTheOthersWaiting() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    let second = desk.pay(1)
    await desk.settle()
    desk.ledger.deadlinePassed(second, key: TestIntent.key(1), company: TestIntent.company)
    #expect(await desk.loop.outcome(second) == .pending)
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(await desk.loop.outcome(first) == .approved)
    await desk.settle()
    #expect(desk.loop.answers(second).count == 1)
  }

  @Test func whereNothingIsDurableADeadlineIsARefusal() async throws {
    let desk = try Desk()
    let reply = desk.token()
    desk.ledger.deadlinePassed(reply, key: TestIntent.key(9), company: TestIntent.company)
    #expect(await desk.loop.answer(reply).verdict == .refused(.deadlineExceeded))
  }

  @Test func aDeadlineInTheTransactionOfTheIntentIsPending() async throws {
    let desk = try Desk(script: { _ in nil })
    try await desk.together {
      let reply = desk.pay(1)
      desk.ledger.deadlinePassed(reply, key: TestIntent.key(1), company: TestIntent.company)
    }
    #expect(desk.trace.all("tell") == ["tell 0 pending"])
  }

  @Test func whileNothingCanBeReadADeadlineIsNotAnswered() async throws {
    let desk = try Desk(script: { _ in nil })
    let reply = desk.pay(1)
    await desk.settle()
    desk.disk.fail { $0.reads = true }
    desk.ledger.deadlinePassed(reply, key: TestIntent.key(1), company: TestIntent.company)
    await desk.settle()
    #expect(desk.loop.answers(reply).isEmpty)
  }

  @Test func aQuestionIsAnsweredFromWhatIsRecorded() async throws {
    let desk = try Desk()
    _ = await desk.loop.answer(desk.pay(1))
    let stored = try #require(try await desk.stored(1, wait: 60_000))
    #expect(stored.record.outcome == .approved)
    #expect(stored.reference == Array("A-1".utf8))
  }

  @Test func anotherConsultantAndAnUnknownKeyGetNothing() async throws {
    let desk = try Desk()
    _ = await desk.loop.answer(desk.pay(1))
    #expect(try await desk.stored(1, consultant: 81) == nil)
    #expect(try await desk.stored(2, wait: 60_000) == nil)
  }

  @Test func aQuestionThatMayNotWaitGetsPending() async throws {
    let desk = try Desk(script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    #expect(try await desk.stored(1)?.record.outcome == .pending)
    #expect(try await desk.stored(1, wait: -5)?.record.outcome == .pending)
  }

  @Test func aQuestionThatWaitsGetsTheOutcome() async throws {
    let desk = try Desk(script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    async let question = desk.stored(1, wait: 60_000)
    await desk.settle()
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(try await question?.record.outcome == .approved)
  }

  /// The clock stands still: only the cancellation can end the wait.
  @Test func aQuestionWhoseTaskIsCancelledEndsAndLeavesTheOthersWaiting() async throws {
    let desk = try Desk(script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    async let other = desk.stored(1, wait: 60_000)
    let question = Task { try await desk.stored(1, wait: 60_000) }
    await desk.settle()
    question.cancel()
    await #expect(throws: CancellationError.self) { try await question.value }
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(try await other?.record.outcome == .approved)
  }

  @Test func whoIsCancelledBeforeAskingIsToldWhatIsSettledAndNeverWaits() async throws {
    let desk = try Desk(script: { $0.payment == 1 ? .approved : nil })
    _ = await desk.loop.answer(desk.pay(1))
    desk.pay(2)
    await desk.settle()
    let asking = Task {
      try? await Task.sleep(for: .seconds(600))
      let settled = try await desk.stored(1, wait: 60_000)
      await #expect(throws: CancellationError.self) { try await desk.stored(2, wait: 60_000) }
      return settled
    }
    asking.cancel()
    #expect(try await asking.value?.record.outcome == .approved)
  }

  @Test func aQuestionWaitsNoLongerThanItSaid() async throws {
    let desk = try Desk(script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    async let question = desk.stored(1, wait: 5_000)
    // The question may reach the writer after the clock was turned: it is turned until it has its answer.
    let turning = Task { while !Task.isCancelled { await desk.pass(5_000) } }
    let stored = try await question
    turning.cancel()
    await turning.value
    #expect(stored?.record.outcome == .pending)
  }
}
