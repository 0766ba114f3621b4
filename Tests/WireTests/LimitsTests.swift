import Testing

@testable import Wire

/// The relations between limits that `Limits.swift` names.
@Suite struct LimitsTests {
  @Test func framesLeaveTheTopByteOfLengthZero() {
    #expect(FrameLimits.largestMaxLength < 1 << 24)
  }

  @Test func everyMetaFitsInTheSmallestFrame() {
    #expect(FrameLimits.maxMeta <= FrameLimits.smallestMaxLength)
    #expect(FrameLimits.maxMeta <= UInt16.max)
  }

  @Test func aConfiguredFrameLiesBetweenSmallestAndLargest() {
    #expect(FrameLimits.smallestMaxLength <= FrameLimits.defaultMaxLength)
    #expect(FrameLimits.defaultMaxLength <= FrameLimits.largestMaxLength)
  }

  @Test func aClientThatWaitsForHelloSendsNothingTooLarge() {
    #expect(ConnectionLimits.maxBytesBeforeHello <= Int(FrameLimits.smallestMaxLength))
    #expect(ConnectionLimits.maxOpenCallsBeforeHello <= ConnectionLimits.maxOpenCalls)
  }

  @Test func oneConnectionHoldsAtMost64MiBOfRequests() {
    #expect(ConnectionLimits.worstMemory == 64 << 20)
  }

  @Test func theLargestFrameFitsInTheOutputLimit() {
    #expect(ConnectionLimits.maxUnreadOutput >= Int(FrameLimits.largestMaxLength))
    #expect(ConnectionLimits.resumeUnreadOutput < ConnectionLimits.maxUnreadOutput)
  }

  @Test func timeIsLookedAtTenTimesInTheShortestTimeout() {
    let shortest =
      [
        ConnectionLimits.helloTimeout, ConnectionLimits.frameTimeout, ConnectionLimits.unreadOutputTimeout,
        ConnectionLimits.closeTimeout,
      ].min() ?? 0
    #expect(ConnectionLimits.tick * 10 <= shortest)
  }

  @Test func anIdleConnectionOutlivesEveryPingInterval() {
    #expect(UInt64(ConnectionLimits.minPingIntervalMilliseconds) * 1_000_000 < ConnectionLimits.idleTimeout)
  }

  @Test func theDefaultTimeoutOfACallIsLegal() {
    #expect(CallLimits.defaultTimeoutMicroseconds <= CallLimits.maxTimeoutMicroseconds)
  }
}
