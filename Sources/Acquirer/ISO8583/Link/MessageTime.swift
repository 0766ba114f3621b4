import Glibc

/// A moment in the forms in which messages carry it; the latest one is kept, since thousands share a second.
struct MessageTime: Sendable {
  private var seconds: Int64 = .min
  /// The end of the year 9999: what a damaged ledger may hold is cut to it.
  private static let latest: Int64 = 253_402_300_799

  private var year: UInt64 = 0
  private var yearDay: UInt64 = 0
  private var date: UInt64 = 0
  private var clock: UInt64 = 0

  /// - Parameter seconds: since 1970-01-01T00:00:00Z, with what local time is ahead already added.
  private mutating func turn(to seconds: Int64) {
    guard seconds != self.seconds else { return }
    self.seconds = seconds
    var time = time_t(min(max(0, seconds), Self.latest))
    var parts = tm()
    gmtime_r(&time, &parts)
    year = UInt64(parts.tm_year)
    yearDay = UInt64(parts.tm_yday + 1)
    date = UInt64(parts.tm_mon + 1) * 100 + UInt64(parts.tm_mday)
    clock = UInt64(parts.tm_hour) * 10_000 + UInt64(parts.tm_min) * 100 + UInt64(parts.tm_sec)
  }

  /// DE7: MMDDhhmmss as a number.
  mutating func transmission(_ seconds: Int64) -> UInt64 {
    turn(to: seconds)
    return date * 1_000_000 + clock
  }

  /// DE13: MMDD.
  mutating func localDate(_ seconds: Int64) -> UInt64 {
    turn(to: seconds)
    return date
  }

  /// DE12 of 1987: hhmmss.
  mutating func localTime(_ seconds: Int64) -> UInt64 {
    turn(to: seconds)
    return clock
  }

  /// DE12 of 1993: YYMMDDhhmmss.
  mutating func localDateTime(_ seconds: Int64) -> UInt64 {
    turn(to: seconds)
    return year % 100 * 10_000_000_000 + date * 1_000_000 + clock
  }

  /// First six digits of a retrieval reference number: last digit of the year, day of the year, hour.
  mutating func retrievalStem(_ seconds: Int64) -> UInt64 {
    turn(to: seconds)
    return year % 10 * 100_000 + yearDay * 100 + clock / 10_000
  }

}
