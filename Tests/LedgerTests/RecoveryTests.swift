import Bytes
import Payments
import Testing

@testable import Ledger

/// What a new process takes up.
@Suite(.timeLimit(.minutes(1))) struct RecoveryTests {
  /// A disk with one payment that its process left in `state`.
  private func disk(_ state: PaymentState) async throws -> (MemoryDisk, ScriptedClock) {
    let desk = try Desk(
      canInquire: state == .inquiring,
      script: { operation in
        operation.kind == .reversal && state == .reversalRefused ? .reversalRefused : nil
      })
    desk.pay(1)
    await desk.settle()
    if state != .intent { await desk.pass(10_000) }
    desk.ledger.stop()
    #expect(desk.disk.state(1) == state)
    return (desk.disk, desk.clock)
  }

  @Test func anIntentIsInquiredAndNeverSoldAgain() async throws {
    let (disk, clock) = try await disk(.intent)
    let desk = try Desk(disk: disk, clock: clock, script: { $0.kind == .inquiry ? .approved : .declined })
    await desk.settle()
    #expect(disk.outcome(1) == .approved)
    #expect(desk.trace.all("send") == ["send inquiry 1"])
  }

  @Test func anIntentIsDurablyUnknownBeforeTheStartReturns() async throws {
    let (disk, clock) = try await disk(.intent)
    disk.fail { $0.begin = false }
    let desk = try Desk(disk: disk, clock: clock, script: { _ in nil })
    #expect(desk.trace.all.contains("unresolved 1 UNKNOWN"))
  }

  @Test func anInquiryEndsAtTheTimeThatWasWritten() async throws {
    let (disk, clock) = try await disk(.inquiring)
    clock.advance(Limits.inquiryMilliseconds - 1)
    let desk = try Desk(disk: disk, clock: clock, script: { _ in nil })
    await desk.settle()
    #expect(disk.state(1) == .inquiring)
    await desk.pass(1)
    #expect(disk.state(1) == .reversing)
  }

  @Test func aReversalGoesOnWithItsNumber() async throws {
    let (disk, clock) = try await disk(.reversing)
    let desk = try Desk(disk: disk, clock: clock, canInquire: false, script: { _ in nil })
    await desk.pass(ReversalSchedule.wait(after: 1))
    #expect(desk.trace.all("send") == ["send reversal 1"])
    #expect(disk.contents.withLock { $0.unresolved[1]?.attempts } == 2)
  }

  @Test func aWallClockThatWasSetBackDelaysNoReversalForLong() async throws {
    let (disk, _) = try await disk(.reversing)
    // A new clock: the time that was written lies ten seconds ahead and more.
    disk.contents.withLock { $0.unresolved[1]?.nextTry += 1_000 * Limits.reversalLongestWaitMilliseconds }
    let desk = try Desk(disk: disk, canInquire: false, script: { _ in .reversed })
    await desk.pass(Limits.reversalLongestWaitMilliseconds)
    #expect(disk.state(1) == .reversed)
  }

  @Test func whatIsLeftToOperatorsStaysAsItIs() async throws {
    let (disk, clock) = try await disk(.reversalRefused)
    let desk = try Desk(disk: disk, clock: clock, script: { _ in .approved })
    await desk.pass(Limits.reversalLongestWaitMilliseconds * 2)
    #expect(disk.state(1) == .reversalRefused)
    #expect(desk.trace.all("send").isEmpty)
  }

  @Test func aLateAnswerToThePredecessorsSaleCounts() async throws {
    let (disk, clock) = try await disk(.intent)
    let desk = try Desk(disk: disk, clock: clock, script: { _ in nil })
    desk.acquirer.answer(.sale, 1, .approved)
    await desk.settle()
    #expect(disk.outcome(1) == .approved)
  }

  @Test func aRepeatOfWhatIsTakenUpWaitsForItsOutcome() async throws {
    let (disk, clock) = try await disk(.intent)
    let desk = try Desk(disk: disk, clock: clock, script: { _ in nil })
    let reply = desk.pay(1)
    await desk.settle()
    desk.acquirer.answer(.inquiry, 1, .declined)
    #expect(await desk.loop.outcome(reply) == .declined)
  }

  @Test func aRestoredLedgersOpenPaymentGoesOnOnceItIsConfirmed() async throws {
    let (disk, clock) = try await disk(.intent)
    disk.contents.withLock { $0.isHeld = true }
    let desk = try Desk(disk: disk, clock: clock, script: { $0.kind == .inquiry ? .approved : .declined })
    await desk.settle()
    #expect(disk.state(1) == .intent && desk.trace.all("send").isEmpty)
    try await desk.ledger.perform { store in try store.confirmEpoch(time: 0) }
    await desk.settle()
    #expect(disk.outcome(1) == .approved)
    #expect(desk.trace.all("send") == ["send inquiry 1"])
    #expect(await desk.loop.outcome(desk.pay(2)) == .declined)
    #expect(!desk.trace.all.contains { $0.hasPrefix("LOW WATER") })
  }

  /// The confirmation is durable, and what was open cannot be taken up yet: new payments must not raise the low-water
  /// mark above it.
  @Test func whatCannotBeTakenUpYetIsNotForgotten() async throws {
    let (disk, clock) = try await disk(.intent)
    disk.contents.withLock { $0.isHeld = true }
    let desk = try Desk(disk: disk, clock: clock, script: { $0.kind == .inquiry ? .approved : .declined })
    try await desk.ledger.perform { store in
      try store.confirmEpoch(time: 0)
      disk.fail { $0.openPayments = true }
    }
    let reply = desk.pay(2)
    #expect(await desk.loop.outcome(reply) == .declined)
    #expect(disk.state(1) == .intent)
    #expect(!desk.trace.all.contains { $0.hasPrefix("LOW WATER") })
    disk.fail { $0.openPayments = false }
    while disk.outcome(1) != .approved { await desk.settle() }
  }

  @Test func aStoreThatCannotBeReadFailsTheStart() async throws {
    let (disk, clock) = try await disk(.intent)
    disk.fail { $0.writes = true }
    #expect(throws: StoreError.unavailable("disk full")) { try Desk(disk: disk, clock: clock) }
  }
}
