import Payments
import Testing

/// Ten failures, thirty minutes.
@Suite struct LockoutTests {
  @Test func theTenthFailureLocksOut() {
    var lockout = Lockout()
    for failure in 1...9 {
      let isLocking = lockout.fail(at: 1_000)
      #expect(!isLocking, "failure \(failure)")
    }
    #expect(lockout.remaining(at: 1_000) == nil)
    let isLocking = lockout.fail(at: 1_000)
    #expect(isLocking && lockout.remaining(at: 1_000) == Limits.lockoutMilliseconds)
  }

  @Test func aLockoutEndsOnTheMillisecond() {
    let lockout = Self.locked(at: 5)
    #expect(lockout.remaining(at: 4 + Limits.lockoutMilliseconds) == 1)
    #expect(lockout.remaining(at: 5 + Limits.lockoutMilliseconds) == nil)
  }

  @Test func afterALockoutCountingBeginsAnew() {
    var lockout = Self.locked(at: 5)
    let isLocking = lockout.fail(at: 5 + Limits.lockoutMilliseconds)
    #expect(!isLocking && lockout.failures == 1)
  }

  @Test func failuresAreForgottenAfterThirtyMinutes() {
    var lockout = Lockout()
    for _ in 1...9 { _ = lockout.fail(at: 0) }
    let isLocking = lockout.fail(at: Limits.lockoutMilliseconds)
    #expect(!isLocking && lockout.failures == 1)
  }

  @Test func aFailureDuringALockoutDoesNotProlongIt() {
    var lockout = Self.locked(at: 0)
    let isLocking = lockout.fail(at: 1_000)
    #expect(!isLocking && lockout.until == Limits.lockoutMilliseconds)
  }

  private static func locked(at time: Int64) -> Lockout {
    var lockout = Lockout()
    for _ in 1...10 { _ = lockout.fail(at: time) }
    return lockout
  }
}
