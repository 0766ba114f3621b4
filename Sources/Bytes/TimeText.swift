import Glibc

/// Times for people, UTC.
public enum TimeText {
  /// For example "2026-11-23".
  public static func date(_ milliseconds: Int64) -> String { String(instant(milliseconds).prefix(10)) }

  /// For example "2026-11-23 14:05:09.120 UTC".
  public static func instant(_ milliseconds: Int64) -> String {
    // Of times before 1970 too, the second that they are in.
    let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
    let told = RFC3339.text(seconds: rest < 0 ? seconds - 1 : seconds).dropLast()
    // The day after the last one of four digits has a year of five.
    return "\(told.dropLast(9)) \(told.suffix(8)).\(RFC3339.pad(Int32(rest < 0 ? rest + 1_000 : rest), 3)) UTC"
  }

  /// Milliseconds since 1970-01-01T00:00:00Z of a day ("2026-11-01", its beginning) or an instant
  /// ("2026-11-01T09:30:00Z") in UTC, not before 1970.
  ///
  /// - Returns: nil where the text is neither.
  public static func parse(_ text: String) -> Int64? {
    let instant = text.utf8.count == 10 ? "\(text)T00:00:00Z" : text
    let shape = "0000-00-00T00:00:00Z"
    let digits = zip(instant.utf8, shape.utf8).allSatisfy { $0.1 == 0x30 ? (0x30...0x39).contains($0.0) : $0.0 == $0.1 }
    guard instant.utf8.count == shape.utf8.count, digits else { return nil }
    let numbers = instant.split { !$0.isNumber }.compactMap { Int32($0) }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1_900, numbers[1] - 1, numbers[2])
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
    let seconds = timegm(&parts)
    // The C library makes 1 May of 31 April; what was meant comes back as it was given.
    guard seconds >= 0, RFC3339.text(seconds: Int64(seconds)) == instant else { return nil }
    return Int64(seconds) * 1_000
  }
}
