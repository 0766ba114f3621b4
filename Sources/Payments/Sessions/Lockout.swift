/// Whose logins are counted.
public enum LockoutSubject: Sendable, Hashable {
  /// Failures after a good signature of this consultant.
  case consultant(Int64)
  /// Earlier failures, by address.
  case source(String)
}

/// Failed logins of one subject, and until when it is locked out. Pure: times in milliseconds since
/// 1970-01-01T00:00:00Z come in, so that a lockout outlives the process.
///
/// PCI DSS 4.0.1, requirement 8.3.4: at most 10 attempts, at least 30 minutes.
public struct Lockout: Sendable, Equatable, BitwiseCopyable {
  /// Failures since ``since``.
  public private(set) var failures: UInt32
  /// Time of the first failure that counts.
  public private(set) var since: Int64
  /// Time at which a lockout ends; 0: not locked out.
  public private(set) var until: Int64

  public init(failures: UInt32 = 0, since: Int64 = 0, until: Int64 = 0) {
    self.failures = failures
    self.since = since
    self.until = until
  }

  /// Milliseconds until the subject may try again, or nil where it may.
  public func remaining(at now: Int64) -> Int64? { now < until ? until - now : nil }

  /// Counts a failure. Failures are forgotten after ``Limits/lockoutMilliseconds``, as lockouts are.
  ///
  /// - Returns: whether this failure locks the subject out.
  public mutating func fail(at now: Int64) -> Bool {
    if now >= until, until > 0 || now - since >= Limits.lockoutMilliseconds { self = Lockout(since: now) }
    failures += 1
    guard until == 0, failures >= Limits.lockoutFailures else { return false }
    until = now + Limits.lockoutMilliseconds
    return true
  }

  /// Whether nothing is left to remember.
  public func isOver(at now: Int64) -> Bool {
    until > 0 ? now >= until : now - since >= Limits.lockoutMilliseconds
  }
}
