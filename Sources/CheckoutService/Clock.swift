import Glibc

/// The clocks of the service, so that tests can turn them.
public struct ServiceClock: Sendable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var wall: @Sendable () -> Int64
  /// Milliseconds of a clock that never goes back and counts while the machine sleeps; for deadlines.
  public var monotonic: @Sendable () -> Int64

  public init(wall: @escaping @Sendable () -> Int64, monotonic: @escaping @Sendable () -> Int64) {
    self.wall = wall
    self.monotonic = monotonic
  }

  /// The machine's clocks.
  public static let system = ServiceClock(
    wall: { milliseconds(of: CLOCK_REALTIME) }, monotonic: { milliseconds(of: CLOCK_BOOTTIME) })

  private static func milliseconds(of clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
