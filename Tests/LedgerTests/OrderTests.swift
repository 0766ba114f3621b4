import Payments
import Testing

@testable import Ledger

/// What happens before what: durable, then sent; durable, then told.
@Suite(.timeLimit(.minutes(1))) struct OrderTests {
  @Test func aPaymentIsDurableBeforeItIsSentAndItsOutcomeBeforeItIsTold() async throws {
    let desk = try Desk()
    let reply = desk.pay(1)
    #expect(await desk.loop.outcome(reply) == .approved)
    #expect(
      desk.trace.all == ["intent 1", "commit", "send sale 1", "outcome 1 APPROVED", "commit", "tell 0 approved"])
  }

  @Test func outcomesShareATransactionWithTheNextIntents() async throws {
    let desk = try Desk()
    desk.acquirer.follow { [weak desk] operation in
      // While the first sale is handed over, the next payment comes in.
      if operation.payment == 1 { desk?.pay(2) }
      return .approved
    }
    let first = desk.pay(1)
    _ = await desk.loop.answer(first)
    await desk.settle()
    #expect(
      desk.trace.all == [
        "intent 1", "commit", "send sale 1", "outcome 1 APPROVED", "intent 2", "commit", "send sale 2",
        "tell 0 approved", "outcome 2 APPROVED", "commit", "tell 1 approved",
      ])
  }

  @Test func allThatWaitsShareOneTransaction() async throws {
    let desk = try Desk()
    try await desk.together { for number in 1...50 { desk.pay(UInt64(number)) } }
    #expect(desk.trace.all("commit").count == 2)
    #expect(desk.trace.all("tell").count == 50)
  }

  @Test func anAnswerHasTheRecordAndItsReference() async throws {
    let desk = try Desk()
    let reply = desk.pay(1)
    let answer = await desk.loop.answer(reply)
    #expect(answer.verdict == .told)
    #expect(answer.record.payment == 1)
    #expect(answer.record.key == TestIntent.key(1))
    #expect(answer.record.amount == 59_000)
    #expect(answer.record.approvalCode.text == "1")
    #expect(answer.record.responseCode.text == "00")
    #expect(answer.record.time == ScriptedClock.start)
    #expect(desk.loop.reference(reply) == "A-1")
  }

  @Test func aPaymentThatWasNeverSentIsNotCharged() async throws {
    let desk = try Desk(script: { _ in .notSent })
    #expect(await desk.loop.outcome(desk.pay(1)) == .notCharged)
    #expect(desk.disk.state(1) == .notCharged)
  }

  @Test func aDeclineIsTold() async throws {
    let desk = try Desk(script: { _ in .declined })
    #expect(await desk.loop.outcome(desk.pay(1)) == .declined)
  }

  @Test func anAnswerThatComesLaterIsToldThen() async throws {
    let desk = try Desk(script: { _ in nil })
    let reply = desk.pay(1)
    await desk.settle()
    #expect(desk.loop.answers(reply).isEmpty)
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(await desk.loop.outcome(reply) == .approved)
  }

  @Test func aSessionThatIsOverRecordsNothing() async throws {
    let desk = try Desk()
    desk.disk.fail { $0.sessionsOver = [TestIntent.session] }
    #expect(await desk.loop.answer(desk.pay(1)).verdict == .refused(.sessionOver))
    #expect(desk.trace.all("intent").isEmpty && desk.trace.all("send").isEmpty)
  }

  @Test func aPaymentWhoseTimeHasPassedRecordsNothing() async throws {
    let desk = try Desk()
    desk.clock.advance(1_001)
    #expect(await desk.loop.answer(desk.pay(1) { $0.notAfter = 1_000 }).verdict == .refused(.expired))
    #expect(desk.trace.all("send").isEmpty)
  }

  @Test func aKeyOfAnotherDayOrFarAheadRecordsNothing() async throws {
    let desk = try Desk()
    let refused = PaymentAnswer.Verdict.refused(.keyTimeRefused(now: ScriptedClock.start))
    let replies = [
      desk.pay(1) { $0.key.high -= UInt64(Limits.keyBehindMilliseconds + 1) << 16 },
      desk.pay(2) { $0.key.high += UInt64(Limits.keyAheadMilliseconds + 1) << 16 },
    ]
    for reply in replies { #expect(await desk.loop.answer(reply).verdict == refused) }
    #expect(desk.trace.all("send").isEmpty)
  }

  @Test func oneRefusalInABatchLeavesTheOthersAlone() async throws {
    let desk = try Desk()
    let batch = PaymentBatch(loop: 0)
    let replies = (1...3).map { number in
      desk.add(UInt64(number), to: batch) { if number == 2 { $0.notAfter = -1 } }
    }
    desk.ledger.submit(batch)
    var outcomes: [Bool] = []
    for reply in replies { outcomes.append(await desk.loop.answer(reply).verdict == .told) }
    #expect(outcomes == [true, false, true])
  }

  @Test func everyPaymentOfManyThreadsIsToldOnce() async throws {
    let desk = try Desk()
    let replies = await withTaskGroup(of: [ReplyToken].self) { group in
      for thread in 0..<8 {
        group.addTask { (0..<100).map { desk.pay(UInt64(thread * 100 + $0 + 1)) } }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    for reply in replies { _ = await desk.loop.answer(reply) }
    await desk.settle()
    #expect(replies.allSatisfy { desk.loop.answers($0).count == 1 })
    #expect(desk.trace.all("send sale").count == 800)
    #expect(Set(desk.trace.all("send sale")).count == 800)
  }
}
