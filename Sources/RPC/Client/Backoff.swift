/// Times between attempts to connect: doubled each time, spread so that many clients do not come at once.
public struct Backoff: Sendable {
  /// Before the second attempt, nanoseconds.
  public var first: UInt64 = 100_000_000
  /// Never more than this, nanoseconds.
  public var longest: UInt64 = 10_000_000_000

  /// The default times.
  public init() {}

  /// The wait after this many failures in a row, nanoseconds.
  ///
  /// - Parameters:
  ///   - failures: at least 1.
  ///   - random: 0 to 1; the wait lies between half and all of the doubled time.
  public func delay(failures: Int, random: Double) -> UInt64 {
    var delay = first
    for _ in 1..<max(failures, 1) where delay < longest { delay = min(delay * 2, longest) }
    return delay / 2 + UInt64(Double(delay / 2) * random)
  }
}
