import Glibc

/// Milliseconds since 1970-01-01T00:00:00Z.
package enum Wall {
  package static func milliseconds() -> Int64 { clockMilliseconds(CLOCK_REALTIME) }
}

/// Milliseconds of a clock that never goes back and counts while the machine sleeps, as the service's clock does.
enum Monotonic {
  static func milliseconds() -> Int64 { clockMilliseconds(CLOCK_BOOTTIME) }
}

/// Certificates and deadlines need a clock that is about right.
enum ClockCheck {
  /// Milliseconds by which the clock may differ.
  private static let leeway: Int64 = 300_000

  /// - Parameter serviceTime: milliseconds since 1970-01-01T00:00:00Z, as the service has just told it.
  /// - Throws: ``TerminalError/clock(_:)`` that tells the difference.
  static func check(serviceTime: UInt64) throws(TerminalError) {
    let difference = Wall.milliseconds() - Int64(clamping: serviceTime)
    guard difference.magnitude > leeway else { return }
    throw .clock(
      "this machine's clock is \(difference.magnitude / 1_000) seconds \(difference > 0 ? "ahead of" : "behind") the "
        + "service's; set it right and try again")
  }
}

private func clockMilliseconds(_ clock: clockid_t) -> Int64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
