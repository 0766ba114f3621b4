/// When a session is over. Pure: the monotonic time in milliseconds comes in. Trivial.
public struct SessionClock: Sendable, BitwiseCopyable {
  /// Monotonic milliseconds of the login.
  public let login: Int64
  /// Monotonic milliseconds of the last sealed call.
  public private(set) var lastCall: Int64
  private var ending: SessionEnd?

  /// - Parameter lastCall: nil: the login; later for a session that another process began.
  public init(login: Int64, lastCall: Int64? = nil) {
    self.login = login
    self.lastCall = lastCall ?? login
  }

  /// Why the session is over at `now`, or nil while it lives. The first reason stays.
  public func end(at now: Int64) -> SessionEnd? {
    if let ending { return ending }
    if now - login >= Limits.sessionLifetimeMilliseconds { return .lifetime }
    return now - lastCall >= Limits.sessionIdleMilliseconds ? .idle : nil
  }

  /// Counts a sealed call whose seals verified.
  ///
  /// - Returns: why it must be refused, or nil.
  public mutating func call(at now: Int64) -> SessionEnd? {
    ending = end(at: now)
    if ending == nil { lastCall = max(lastCall, now) }
    return ending
  }

  /// Ends the session, unless it is over already.
  public mutating func end(_ reason: SessionEnd, at now: Int64) { ending = end(at: now) ?? reason }

  /// Monotonic milliseconds at which the session ends if no call comes.
  public var expiry: Int64 {
    min(login + Limits.sessionLifetimeMilliseconds, lastCall + Limits.sessionIdleMilliseconds)
  }
}
