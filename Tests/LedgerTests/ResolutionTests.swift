import Payments
import Testing

@testable import Ledger

/// What follows a sale without an answer, each step durable before it is sent.
@Suite(.timeLimit(.minutes(1))) struct ResolutionTests {
  @Test func aSilentSaleIsInquiredAndThenTold() async throws {
    let desk = try Desk(script: { $0.kind == .inquiry ? .approved : nil })
    let reply = desk.pay(1)
    await desk.settle()
    await desk.pass(9_999)
    #expect(desk.disk.state(1) == .intent)
    await desk.pass(1)
    #expect(await desk.loop.outcome(reply) == .approved)
    #expect(
      desk.trace.all.filter { !$0.hasPrefix("event") && $0 != "commit" } == [
        "intent 1", "send sale 1", "unresolved 1 UNKNOWN", "unresolved 1 INQUIRING", "send inquiry 1",
        "outcome 1 APPROVED", "resolved 1", "tell 0 approved",
      ])
  }

  @Test func withoutInquiriesTheReversalFollowsAtOnce() async throws {
    let desk = try Desk(canInquire: false, script: { $0.kind == .reversal ? .reversed : nil })
    let reply = desk.pay(1)
    await desk.settle()
    await desk.pass(10_000)
    #expect(await desk.loop.outcome(reply) == .notCharged)
    #expect(desk.trace.all("send") == ["send sale 1", "send reversal 1"])
    #expect(desk.disk.state(1) == .reversed)
  }

  @Test func anInquiryWithoutAnswerEndsAtItsTime() async throws {
    let desk = try Desk(script: { $0.kind == .reversal ? .reversed : nil })
    desk.pay(1)
    await desk.settle()
    await desk.pass(10_000)
    await desk.pass(Limits.inquiryMilliseconds - 1)
    #expect(desk.disk.state(1) == .inquiring)
    await desk.pass(1)
    #expect(desk.disk.state(1) == .reversed)
  }

  @Test func aReversalIsRepeatedWithLongerAndLongerWaits() async throws {
    let desk = try Desk(canInquire: false, script: { _ in nil })
    desk.pay(1)
    await desk.settle()
    await desk.pass(10_000)
    for attempt in 1...10 {
      #expect(desk.trace.all("send reversal").count == attempt)
      let wait = ReversalSchedule.wait(after: UInt32(attempt))
      await desk.pass(wait - 1)
      #expect(desk.trace.all("send reversal").count == attempt)
      await desk.pass(1)
    }
    #expect(desk.disk.contents.withLock { $0.unresolved[1]?.attempts } == 11)
  }

  @Test func aReversalThatFindsNothingIsSentOnceMoreAfterTheLongestProcessingTime() async throws {
    let desk = try Desk(canInquire: false, script: { $0.kind == .reversal ? .notFound : nil })
    desk.pay(1)
    await desk.settle()
    await desk.pass(10_000)
    await desk.pass(9_999)
    #expect(desk.trace.all("send reversal").count == 1)
    await desk.pass(1)
    #expect(desk.trace.all("send reversal").count == 2)
    #expect(desk.disk.state(1) == .reversed)
    #expect(
      desk.disk.texts(.paymentState) == [
        "UNKNOWN", "REVERSING, reversal 1", "REVERSING, reversal 1, sale not found, asked once more",
        "REVERSING, reversal 2",
      ])
  }

  @Test func aRefusedReversalIsLeftToOperators() async throws {
    let desk = try Desk(canInquire: false, script: { $0.kind == .reversal ? .reversalRefused : nil })
    let reply = desk.pay(1)
    await desk.settle()
    await desk.pass(10_000)
    await desk.pass(Limits.reversalLongestWaitMilliseconds * 2)
    #expect(desk.disk.state(1) == .reversalRefused && desk.disk.outcome(1) == .pending)
    #expect(desk.trace.all("send reversal").count == 1)
    #expect(desk.loop.answers(reply).isEmpty)
  }

  @Test func anApprovalOfAnotherAmountIsReversedWithoutAnInquiry() async throws {
    let desk = try Desk(
      canInquire: true,
      script: {
        switch $0.kind {
        case .sale: .otherAmount
        case .inquiry: .approved
        case .reversal: .reversed
        }
      })
    let reply = desk.pay(1)
    #expect(await desk.loop.outcome(reply) == .notCharged)
    #expect(desk.disk.state(1) == .reversed && desk.trace.all("send inquiry").isEmpty)
    #expect(desk.disk.texts(.paymentState) == ["REVERSING, reversal 1"])
  }

  @Test func noApprovalIsTakenOnceAReversalWasWritten() async throws {
    let desk = try Desk(canInquire: false, script: { _ in nil })
    let reply = desk.pay(1)
    await desk.settle()
    await desk.pass(10_000)
    desk.acquirer.answer(.sale, 1, .approved)
    await desk.settle()
    #expect(desk.disk.state(1) == .reversing)
    #expect(desk.disk.texts(.lateAnswer).count == 1)
    desk.acquirer.answer(.reversal, 1, .reversed)
    #expect(await desk.loop.outcome(reply) == .notCharged)
  }

  @Test func aLateApprovalOfWhatWasToldAsNotChargedIsReversed() async throws {
    let desk = try Desk(script: { $0.kind == .sale ? .notSent : .reversed })
    #expect(await desk.loop.outcome(desk.pay(1)) == .notCharged)
    desk.acquirer.answer(.sale, 1, .approved)
    await desk.settle()
    #expect(desk.trace.all("send") == ["send sale 1", "send reversal 1"])
    #expect(desk.disk.outcome(1) == .notCharged)
    #expect(desk.disk.contents.withLock { $0.unresolved.isEmpty })
  }

  @Test func twoAnswersAtOnceAreTakenOneAfterTheOther() async throws {
    let desk = try Desk(script: { $0.kind == .reversal ? .reversed : nil })
    let reply = desk.pay(1)
    await desk.settle()
    try await desk.together {
      desk.acquirer.answer(.sale, 1, .declined)
      desk.acquirer.answer(.sale, 1, .approved)
    }
    #expect(await desk.loop.outcome(reply) == .declined)
    #expect(desk.trace.all("send") == ["send sale 1", "send reversal 1"])
    #expect(desk.disk.outcome(1) == .declined)
  }

  @Test func anAnswerToNoPaymentIsPassedOver() async throws {
    let desk = try Desk()
    desk.acquirer.answer(.sale, 77, .approved)
    #expect(await desk.loop.outcome(desk.pay(1)) == .approved)
  }

  @Test func theLowWaterMarkPassesWhatIsUnresolvedAndStopsAtWhatIsOpen() async throws {
    let desk = try Desk(script: { $0.payment == 2 ? nil : .approved })
    for number in 1...3 { _ = desk.pay(UInt64(number)) }
    await desk.settle()
    _ = await desk.loop.answer(desk.pay(4))
    #expect(desk.disk.contents.withLock { $0.lowWater } == 2)
    await desk.pass(10_000)
    _ = await desk.loop.answer(desk.pay(5))
    #expect(desk.disk.contents.withLock { $0.lowWater } == 6)
    #expect(desk.trace.all("LOW").isEmpty)
  }
}
