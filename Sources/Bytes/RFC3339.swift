import Glibc

/// Times as RFC 3339 writes them, in UTC.
public enum RFC3339 {
  /// For example "2026-11-23T14:05:09Z".
  ///
  /// - Parameter seconds: since 1970-01-01T00:00:00Z; years 0 to 9999.
  public static func text(seconds: Int64) -> String {
    var (time, parts) = (time_t(seconds), tm())
    gmtime_r(&time, &parts)
    let date = [pad(parts.tm_year + 1_900, 4), pad(parts.tm_mon + 1), pad(parts.tm_mday)]
    let clock = [pad(parts.tm_hour), pad(parts.tm_min), pad(parts.tm_sec)]
    return "\(date.joined(separator: "-"))T\(clock.joined(separator: ":"))Z"
  }

  static func pad(_ number: Int32, _ width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
