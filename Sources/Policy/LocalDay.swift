import Bytes

/// A day of a calendar, as a zone's clocks have it.
public struct LocalDay: Sendable, Equatable {
  /// Since 1970-01-01.
  private let days: Int64

  /// - Parameter text: "YYYY-MM-DD".
  /// - Returns: nil where it is no day of 1970 to 9999.
  public init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy(\.isDigits),
      let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]), year >= 1970,
      (1...12).contains(month), day >= 1
    else { return nil }
    days = CivilDate.days(year: year, month: month, day: day)
    let civil = CivilDate(days: days)
    guard civil.year == year, civil.month == month, civil.day == day else { return nil }
  }

  /// From its first moment to the next day's first, milliseconds since 1970-01-01T00:00:00Z. Has 23 or 25 hours where
  /// the clocks change.
  public func milliseconds(in zone: TimeZoneTable) -> Range<Int64> {
    Self.beginning(days, zone) * 1_000..<Self.beginning(days + 1, zone) * 1_000
  }

  /// Seconds since 1970-01-01T00:00:00Z. Where the clocks go over midnight, the moment of the change.
  private static func beginning(_ days: Int64, _ zone: TimeZoneTable) -> Int64 {
    let midnight = days * 86_400
    let offsets = [midnight - 86_400, midnight + 86_400].map { zone.offset(at: $0) }
    let moments = offsets.map { midnight - $0 }
    return moments.filter { $0 + zone.offset(at: $0) == midnight }.min() ?? moments[0]
  }
}
