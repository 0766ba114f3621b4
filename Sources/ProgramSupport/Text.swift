import Bytes
import Glibc

/// JSON for programs that read our output.
public typealias JSON = Bytes.JSON

/// Times for people, UTC.
public enum TimeText {
  /// For example "2026-11-23".
  public static func date(_ milliseconds: Int64) -> String { String(instant(milliseconds).prefix(10)) }

  /// For example "2026-11-23 14:05:09.120 UTC".
  public static func instant(_ milliseconds: Int64) -> String {
    var seconds = time_t(milliseconds / 1_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let date = "\(parts.tm_year + 1_900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))"
    let time = "\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec))"
    return "\(date) \(time).\(pad(Int32(milliseconds % 1_000), 3)) UTC"
  }

  private static func pad(_ number: Int32, _ width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// `HOST:PORT` as people write it; an IPv6 address stands in brackets.
public enum Address {
  public static func parse(_ text: String) throws -> (host: String, port: UInt16) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
      throw ProgramError(.usage, "\"\(text)\" must be HOST:PORT, for example pay.example:7443")
    }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { throw ProgramError(.usage, "\"\(text)\" has no host") }
    return (String(host), port)
  }
}
