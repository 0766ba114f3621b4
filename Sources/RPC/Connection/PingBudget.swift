import Wire

/// How many PINGs a peer may still send: a few at once, then one an interval.
struct PingBudget {
  private var left = ConnectionLimits.pingBurst
  /// When the budget was last filled by one.
  private var filledAt: UInt64

  init(now: UInt64) {
    filledAt = now
  }

  /// Takes one PING; false: the peer floods.
  mutating func take(now: UInt64, intervalMilliseconds: UInt32) -> Bool {
    let interval = max(1, UInt64(intervalMilliseconds) * 1_000_000)
    let earned = elapsed(filledAt, now) / interval
    if earned > 0 {
      left = min(ConnectionLimits.pingBurst, left + Int(min(earned, UInt64(ConnectionLimits.pingBurst))))
      filledAt = now
    }
    guard left > 0 else { return false }
    left -= 1
    return true
  }
}
