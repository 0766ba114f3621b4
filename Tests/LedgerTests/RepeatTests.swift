import Payments
import Testing

@testable import Ledger

/// The same key again. Source: docs/payments.md, "Idempotency".
@Suite(.timeLimit(.minutes(1))) struct RepeatTests {
  @Test func aRepeatAfterTheOutcomeGetsTheSameAndNothingIsSent() async throws {
    let desk = try Desk()
    let first = await desk.loop.answer(desk.pay(1))
    desk.acquirer.follow { _ in .declined }
    let second = await desk.loop.answer(desk.pay(1))
    #expect(second.record.outcome == .approved)
    #expect(second.record.payment == first.record.payment)
    #expect(desk.trace.all("send").count == 1)
  }

  @Test func aRepeatInFlightWaitsForTheSameOutcome() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    let second = desk.pay(1)
    await desk.settle()
    #expect(desk.loop.everything.isEmpty)
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(await desk.loop.outcome(first) == .approved)
    #expect(await desk.loop.outcome(second) == .approved)
    #expect(desk.trace.all("send").count == 1)
  }

  @Test func twoOfTheSameInOneBatchAreOnePayment() async throws {
    let desk = try Desk()
    let batch = PaymentBatch(loop: 0)
    let replies = [desk.add(1, to: batch), desk.add(1, to: batch)]
    desk.ledger.submit(batch)
    for reply in replies { #expect(await desk.loop.outcome(reply) == .approved) }
    #expect(desk.trace.all("send") == ["send sale 1"])
  }

  @Test func aRepeatInTheTransactionOfTheOutcomeIsToldToo() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    try await desk.together {
      desk.acquirer.answer(.sale, 1, .declined)
      desk.pay(1)
    }
    #expect(await desk.loop.outcome(first) == .declined)
    #expect(desk.trace.all("tell").sorted() == ["tell 0 declined", "tell 1 declined"])
  }

  @Test func anotherPaymentUnderTheKeyIsRefused() async throws {
    let desk = try Desk(script: { _ in nil })
    let first = desk.pay(1)
    await desk.settle()
    #expect(await desk.loop.answer(desk.pay(1) { $0.amount += 1 }).verdict == .refused(.keyReused))
    desk.acquirer.answer(.sale, 1, .approved)
    #expect(await desk.loop.outcome(first) == .approved)
    #expect(await desk.loop.answer(desk.pay(1) { $0.consultant += 1 }).verdict == .refused(.keyReused))
    #expect(desk.trace.all("send").count == 1)
  }

  @Test func aKeyBelongsToItsCompany() async throws {
    let desk = try Desk()
    let (first, second) = (desk.pay(1), desk.pay(1) { $0.company += 1 })
    let numbers = [await desk.loop.answer(first).record.payment, await desk.loop.answer(second).record.payment]
    #expect(Set(numbers).count == 2)
  }

  @Test func aRepeatThatCameTooLateForANewPaymentStillGetsTheOutcome() async throws {
    let desk = try Desk()
    _ = await desk.loop.answer(desk.pay(1))
    desk.clock.advance(Limits.keyBehindMilliseconds * 2)
    #expect(await desk.loop.outcome(desk.pay(1) { $0.notAfter = 1 }) == .approved)
  }

  @Test func aRepeatAfterARestartGetsTheSame() async throws {
    let desk = try Desk()
    let first = await desk.loop.answer(desk.pay(1))
    desk.ledger.stop()
    let next = try Desk(disk: desk.disk, clock: desk.clock, script: { _ in .declined })
    let second = await next.loop.answer(next.pay(1))
    #expect(second.record.outcome == .approved)
    #expect(second.record.payment == first.record.payment)
    #expect(next.trace.all("send").isEmpty)
  }
}
