import Payments
import Testing

@Suite struct SessionClockTests {
  static let idle = Limits.sessionIdleMilliseconds
  static let lifetime = Limits.sessionLifetimeMilliseconds

  @Test func aSessionIsIdleAfterFifteenMinutes() {
    let clock = SessionClock(login: 1_000)
    #expect(clock.end(at: 1_000 + Self.idle - 1) == nil)
    #expect(clock.end(at: 1_000 + Self.idle) == .idle)
    #expect(clock.expiry == 1_000 + Self.idle)
  }

  @Test func eachCallKeepsItAlive() {
    var clock = SessionClock(login: 0)
    let refusals = (1...10).compactMap { clock.call(at: Int64($0) * (Self.idle - 1)) }
    #expect(refusals.isEmpty)
    #expect(clock.lastCall == 10 * (Self.idle - 1))
  }

  @Test func noCallKeepsItAliveBeyondTwelveHours() {
    var clock = SessionClock(login: 0)
    var now: Int64 = 0
    while now + Self.idle / 2 < Self.lifetime {
      now += Self.idle / 2
      if let end = clock.call(at: now) { Issue.record("over at \(now): \(end)") }
    }
    #expect(clock.expiry == Self.lifetime)
    let end = clock.call(at: Self.lifetime)
    #expect(end == .lifetime)
  }

  @Test func aCallThatIsRefusedKeepsNothingAlive() {
    var clock = SessionClock(login: 0)
    let ends = [clock.call(at: Self.idle), clock.call(at: 1)]
    #expect(ends == [.idle, .idle])
    #expect(clock.lastCall == 0)
  }

  @Test func theFirstReasonStays() {
    var clock = SessionClock(login: 0)
    clock.end(.newLogin, at: 10)
    clock.end(.logout, at: 20)
    #expect(clock.end(at: Self.lifetime) == .newLogin)
  }

  @Test func aSessionThatIsOverIsNotEndedByLogout() {
    var clock = SessionClock(login: 0)
    clock.end(.logout, at: Self.idle)
    #expect(clock.end(at: Self.idle) == .idle)
  }

  @Test func aCallThatWasMeasuredEarlierDoesNotTurnItBack() {
    var clock = SessionClock(login: 0)
    _ = clock.call(at: 100)
    _ = clock.call(at: 50)
    #expect(clock.lastCall == 100)
  }

  @Test func aSessionThatAnotherProcessBeganGoesOnFromItsLastCall() {
    let clock = SessionClock(login: 0, lastCall: 5_000)
    #expect(clock.expiry == 5_000 + Self.idle)
  }
}
