/// A time of the week in which a company works, for example "mon-fri 09:00-18:00".
///
/// Hours whose end is not after their beginning go on into the next day: "fri 22:00-06:00" ends on Saturday.
public struct OpenHours: Sendable, Equatable {
  /// Monday is bit 0.
  private let weekdays: UInt8
  /// Minutes of the local day; the last one does not count, and 1,440 is its end.
  private let from: Int
  private let to: Int

  private static let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  /// Whether a local time lies in these hours.
  ///
  /// - Parameters:
  ///   - weekday: 0 is Monday.
  ///   - minute: of the day, from 0.
  func contains(weekday: Int, minute: Int) -> Bool {
    if from < to { return isOn(weekday) && (from..<to).contains(minute) }
    return isOn(weekday) && minute >= from || isOn((weekday + 6) % 7) && minute < to
  }

  private func isOn(_ weekday: Int) -> Bool { weekdays >> UInt8(weekday) & 1 == 1 }
}

extension OpenHours {
  /// Reads days ("daily", or days and ranges of days with commas between) and a range of times, for example
  /// "mon-thu,sat 08:30-24:00".
  ///
  /// - Returns: nil where the text is nothing of the kind.
  public init?(_ text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == 2, let weekdays = Self.weekdays(parts[0]) else { return nil }
    let times = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    guard times.count == 2, let from = Self.minute(times[0]), let to = Self.minute(times[1]), from < 1_440, to > 0,
      from != to
    else { return nil }
    (self.weekdays, self.from, self.to) = (weekdays, from, to)
  }

  private static func weekdays(_ text: Substring) -> UInt8? {
    if text == "daily" { return 0x7F }
    var days: UInt8 = 0
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { names.firstIndex(of: String($0)) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
      var day = first
      days |= 1 << UInt8(day)
      while day != last {
        day = (day + 1) % 7
        days |= 1 << UInt8(day)
      }
    }
    return days
  }

  /// HH:MM, 00:00 to 24:00.
  private static func minute(_ text: Substring) -> Int? {
    let digits = text.split(separator: ":", omittingEmptySubsequences: false)
    guard digits.count == 2, digits.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(isDigit) }),
      let hour = Int(digits[0]), let minute = Int(digits[1]), minute < 60, hour * 60 + minute <= 1_440
    else { return nil }
    return hour * 60 + minute
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
