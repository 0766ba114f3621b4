import Glibc

/// Milliseconds since 1970-01-01T00:00:00Z.
package enum Wall {
  package static func milliseconds() -> Int64 { clockMilliseconds(CLOCK_REALTIME) }
}

/// Milliseconds of a clock that never goes back and counts while the machine sleeps, as the service's clock does.
enum Monotonic {
  static func milliseconds() -> Int64 { clockMilliseconds(CLOCK_BOOTTIME) }
}

private func clockMilliseconds(_ clock: clockid_t) -> Int64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
