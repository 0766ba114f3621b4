/// Limits of the frame layer, each with the reason for its value. Times are nanoseconds unless the name says otherwise.
/// `LimitsTests` asserts the relations named here.
public enum FrameLimits {
  /// Largest `length` before configuration: a Login with two chains of 24 KiB fits, and a gateway with 1,024 open calls
  /// of this size holds 64 MiB at worst.
  public static let defaultMaxLength: UInt32 = 64 << 10

  /// Largest `length` that can be configured. Below 2^24, so that the top byte of `length` stays 0 and bytes of other
  /// protocols are told from frames by their first byte.
  public static let largestMaxLength: UInt32 = 1 << 20

  /// Smallest `length` that a side may announce: what a client keeps to before it knows the server's HELLO, so that
  /// nothing it has sent can turn out too large.
  public static let smallestMaxLength: UInt32 = 16 << 10

  /// Largest meta: 64 metadata entries of 200 bytes and a path. Fits in the smallest frame that may be announced.
  public static let maxMeta = 16 << 10
}

/// Limits of one connection.
public enum ConnectionLimits {
  /// Calls that one client may keep open. With frames of 64 KiB: 64 MiB of requests at worst on one connection.
  public static let maxOpenCalls: UInt32 = 1_024

  /// Calls and bytes that a client may send before it has the server's HELLO: at most one socket buffer.
  public static let maxOpenCallsBeforeHello: UInt32 = 16
  /// Bytes of frames that a client may send before it has the server's HELLO.
  public static let maxBytesBeforeHello = 16 << 10

  /// Longest TLS handshake and wait for the HELLO: several round trips over a bad mobile line.
  public static let helloTimeout: UInt64 = 5_000_000_000

  /// A frame that has begun must be whole by then: 64 KiB at 52 kbit/s. Stands still while the receiver does not read.
  public static let frameTimeout: UInt64 = 10_000_000_000

  /// A connection without any frame is closed: longer than a telephone sale with a pause, shorter than a shift.
  public static let idleTimeout: UInt64 = 15 * 60 * 1_000_000_000

  /// Output that a peer may leave unread: one frame of the largest configurable size.
  public static let maxUnreadOutput = 1 << 20
  /// Reading goes on when unread output has fallen to this.
  public static let resumeUnreadOutput = 256 << 10
  /// A peer that leaves more than `maxUnreadOutput` unread for this long is cut off. As long as `frameTimeout`: the same
  /// line in the other direction.
  public static let unreadOutputTimeout: UInt64 = 10_000_000_000

  /// Shortest time between two PINGs that a server tolerates.
  public static let minPingIntervalMilliseconds: UInt32 = 10_000
  /// PINGs that may come at once, because a stalled line delivers several together.
  public static let pingBurst = 3

  /// How often time is looked at. Below a tenth of the shortest timeout.
  public static let tick: UInt64 = 100_000_000

  /// A server that drains closes what is left by then. Longer than a call may take in the acquirer's slowest case.
  public static let drainTime: UInt64 = 30_000_000_000
  /// After the last frame, a peer has this long to close its side.
  public static let closeTimeout: UInt64 = 2_000_000_000

  /// A client gives up its connection rather than wrap stream ids.
  public static let lastStream: UInt32 = .max - 2

  /// Memory that requests and replies of one connection can hold at worst, in bytes.
  public static let worstMemory = Int(maxOpenCalls) * Int(FrameLimits.defaultMaxLength)
}

/// Limits of one call.
public enum CallLimits {
  /// A timeout above this means this.
  public static let maxTimeoutMicroseconds: UInt64 = 3_600_000_000
  /// Holds where the client sends no timeout: a payment with its inquiry.
  public static let defaultTimeoutMicroseconds: UInt64 = 60_000_000
  /// Entries of metadata in a request or response.
  public static let maxMetadata = 64
  /// Bytes of a metadata key.
  public static let maxMetadataKey = 64
  /// Bytes of a status text.
  public static let maxStatusText = 1_024
  /// Bytes of the program name in HELLO.
  public static let maxProgramName = 64
  /// What a client is told to wait when its calls are over the limit: a few payments' time.
  public static let retryAfterMilliseconds: UInt64 = 50
}
