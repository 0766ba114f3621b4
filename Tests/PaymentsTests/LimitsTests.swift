import Payments
import Testing

@Suite struct LimitsTests {
  @Test func aKeyOutlivesEverySession() { #expect(Limits.keyBehindMilliseconds >= Limits.sessionLifetimeMilliseconds) }

  @Test func aHeldPaymentEndsBeforeItsSessionIsIdle() {
    #expect(Limits.notAfterAheadMilliseconds < Limits.sessionIdleMilliseconds)
  }

  @Test func aWaitForAnOutcomeEndsBeforeTheSessionIsIdle() {
    #expect(Limits.outcomeWaitMilliseconds < Limits.sessionIdleMilliseconds)
  }

  @Test func theReplayWindowIsWholeWords() { #expect(Limits.replayWindow.isMultiple(of: 64)) }

  @Test func anAmountFitsISO8583() { #expect(String(Limits.amount.upperBound).count == 12) }

  @Test func theWaitAfterAReversalDoublesUpToFiveMinutes() {
    let waits = (1...12).map { ReversalSchedule.wait(after: $0) }
    #expect(waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300].map { $0 * 1_000 })
  }

  @Test func noNumberOfReversalsOverflowsTheWait() {
    #expect(ReversalSchedule.wait(after: .max) == Limits.reversalLongestWaitMilliseconds)
    #expect(ReversalSchedule.wait(after: 0) == Limits.reversalFirstWaitMilliseconds)
  }

  @Test func everyViolationNamesItsFieldAndARemedy() {
    for violation in FieldViolation.allCases {
      #expect(violation.field.hasPrefix("order.") || violation.field.hasPrefix("card."))
      #expect(!violation.description.isEmpty)
    }
  }
}
