import Wire

/// The timers that both sides of a connection keep. No clock: time comes in, nanoseconds of one monotonic clock.
struct ConnectionTimers {
  enum Expiry: Equatable {
    case violation(ProtocolViolation)
    case idle
  }

  private var lastFrame: UInt64
  /// When the first byte of an unfinished frame came; nil between frames.
  private var frameBegan: UInt64?
  /// When this side stopped reading; nil while it reads. While set, `frameBegan` does not age.
  private var pausedSince: UInt64?
  /// When output went over its limit; nil while it is below.
  private var blockedSince: UInt64?

  init(now: UInt64) {
    lastFrame = now
  }

  /// A whole frame was taken from the input.
  mutating func frameReceived(now: UInt64) {
    lastFrame = now
    frameBegan = nil
  }

  /// All whole frames have been taken; `isPartial`: bytes of another are left.
  mutating func inputConsumed(isPartial: Bool, now: UInt64) {
    if !isPartial {
      frameBegan = nil
    } else if frameBegan == nil {
      frameBegan = now
    }
  }

  mutating func readingPaused(now: UInt64) {
    if pausedSince == nil { pausedSince = now }
  }

  mutating func readingResumed(now: UInt64) {
    guard let since = pausedSince else { return }
    pausedSince = nil
    frameBegan = frameBegan.map { $0 &+ elapsed(since, now) }
  }

  mutating func outputChanged(isOverLimit: Bool, now: UInt64) {
    if !isOverLimit {
      blockedSince = nil
    } else if blockedSince == nil {
      blockedSince = now
    }
  }

  /// What has run out. An open call keeps a connection from being idle.
  func expiry(now: UInt64, hasOpenCalls: Bool, limits: ConnectionConfiguration) -> Expiry? {
    if let since = blockedSince, elapsed(since, now) >= limits.unreadOutputTimeout { return .violation(.outputUnread) }
    if pausedSince == nil, let since = frameBegan, elapsed(since, now) >= limits.frameTimeout {
      return .violation(.frameTimeout)
    }
    return !hasOpenCalls && elapsed(lastFrame, now) >= limits.idleTimeout ? .idle : nil
  }

  /// Nanoseconds without any frame.
  func silence(now: UInt64) -> UInt64 { elapsed(lastFrame, now) }
}

/// Nanoseconds from `start` to `now`; 0 where the two were taken in the other order.
@inline(__always)
func elapsed(_ start: UInt64, _ now: UInt64) -> UInt64 {
  now > start ? now - start : 0
}
