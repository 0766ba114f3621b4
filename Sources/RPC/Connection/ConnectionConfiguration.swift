import Wire

/// Limits of a server's or client's connections; the defaults and their reasons stand in `Wire/Limits.swift`.
public struct ConnectionConfiguration: Sendable {
  /// Largest `length` of a frame, bytes.
  public var maxLength: UInt32 = FrameLimits.defaultMaxLength
  /// Calls that a client may keep open on one connection; at least the 16 that it may send before it knows this number.
  public var maxOpenCalls: UInt32 = ConnectionLimits.maxOpenCalls
  /// Longest wait for the peer's HELLO, nanoseconds.
  public var helloTimeout: UInt64 = ConnectionLimits.helloTimeout
  /// Longest time from the first to the last byte of a frame, nanoseconds.
  public var frameTimeout: UInt64 = ConnectionLimits.frameTimeout
  /// Longest time without any frame, nanoseconds.
  public var idleTimeout: UInt64 = ConnectionLimits.idleTimeout
  /// Longest time with more than 1 MiB of unread output, nanoseconds.
  public var unreadOutputTimeout: UInt64 = ConnectionLimits.unreadOutputTimeout
  /// Shortest time between two PINGs of the peer, milliseconds.
  public var minPingIntervalMilliseconds: UInt32 = ConnectionLimits.minPingIntervalMilliseconds
  /// Program name and version for HELLO, at most 64 bytes.
  public var program: String

  /// The default limits.
  public init(program: String) {
    self.program = program
  }
}
