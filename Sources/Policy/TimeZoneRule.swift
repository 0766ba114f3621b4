/// The rule that a zone follows after its last listed change: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3".
///
/// Source: POSIX.1-2024, "TZ"; RFC 9636 section 3.3.1 (times of -167 to 167 hours).
struct TimeZoneRule: Sendable, Equatable {
  /// Seconds east of UTC.
  private let standard: Int64
  private let summer: Summer?

  private struct Summer: Sendable, Equatable {
    let offset: Int64
    let start: Change
    let end: Change
  }

  /// When the clocks change in a year.
  private struct Change: Sendable, Equatable {
    enum Day: Sendable, Equatable {
      /// 1 to 365; 29 February is never counted.
      case julian(Int64)
      /// 0 to 365; 29 February is counted.
      case zeroBased(Int64)
      /// Weekday (0 is Sunday) of the week (5 is the last) of a month.
      case week(month: Int64, week: Int64, weekday: Int64)
    }
    let day: Day
    /// Seconds of local time.
    let time: Int64

    /// Seconds of local time since 1970-01-01T00:00:00.
    func local(in year: Int64) -> Int64 { days(in: year) * 86_400 + time }

    private func days(in year: Int64) -> Int64 {
      let newYear = CivilDate.days(year: year, month: 1, day: 1)
      switch day {
      case .julian(let day): return newYear + day - 1 + (day >= 60 && CivilDate.isLeap(year) ? 1 : 0)
      case .zeroBased(let day): return newYear + day
      case .week(let month, let week, let weekday):
        let first = CivilDate.days(year: year, month: month, day: 1)
        let next =
          month == 12
          ? newYear + (CivilDate.isLeap(year) ? 366 : 365) : CivilDate.days(year: year, month: month + 1, day: 1)
        var day = first + (weekday - CivilDate.weekday(days: first) + 7) % 7 + (week - 1) * 7
        while day >= next { day -= 7 }
        return day
      }
    }
  }

  /// Seconds that local time is ahead of UTC at `time`, seconds since 1970-01-01T00:00:00Z.
  func offset(at time: Int64) -> Int64 {
    guard let summer else { return standard }
    let year = CivilDate(days: (time + standard).floorDivided(by: 86_400)).year
    let start = summer.start.local(in: year) - standard
    let end = summer.end.local(in: year) - summer.offset
    let isSummer = start < end ? start <= time && time < end : !(end <= time && time < start)
    return isSummer ? summer.offset : standard
  }
}

// MARK: - Reading

extension TimeZoneRule {
  /// - Returns: nil where the text is no such rule.
  init?(_ text: [UInt8]) {
    var reader = Reader(text: text)
    guard reader.skipName(), let standard = reader.time() else { return nil }
    self.standard = -standard
    guard !reader.isAtEnd else {
      summer = nil
      return
    }
    guard reader.skipName() else { return nil }
    var offset = self.standard + 3_600
    if reader.peek != UInt8(ascii: ",") {
      guard let given = reader.time() else { return nil }
      offset = -given
    }
    guard reader.skip(","), let start = reader.change(), reader.skip(","), let end = reader.change(), reader.isAtEnd
    else { return nil }
    summer = Summer(offset: offset, start: start, end: end)
  }

  private struct Reader {
    let text: [UInt8]
    private var next = 0

    init(text: [UInt8]) { self.text = text }

    var isAtEnd: Bool { next == text.count }
    var peek: UInt8? { next < text.count ? text[next] : nil }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
      guard peek == UInt8(ascii: character) else { return false }
      next += 1
      return true
    }

    /// At least three letters, or anything in angle brackets.
    mutating func skipName() -> Bool {
      let start = next
      if skip("<") {
        while let byte = peek, byte != UInt8(ascii: ">") {
          guard byte > 0x20 else { return false }
          next += 1
        }
        return skip(">")
      }
      while let byte = peek, (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) { next += 1 }
      return next - start >= 3
    }

    /// At most three digits.
    mutating func number(_ range: ClosedRange<Int64>) -> Int64? {
      var value: Int64 = 0
      let start = next
      while let byte = peek, (0x30...0x39).contains(byte), next - start < 3 {
        value = value * 10 + Int64(byte - 0x30)
        next += 1
      }
      return next > start && range.contains(value) ? value : nil
    }

    /// [+-]hours[:minutes[:seconds]] in seconds.
    mutating func time() -> Int64? {
      let isNegative = skip("-")
      if !isNegative { _ = skip("+") }
      guard let hours = number(0...167) else { return nil }
      var seconds = hours * 3_600
      for unit: Int64 in [60, 1] {
        guard skip(":") else { break }
        guard let part = number(0...59) else { return nil }
        seconds += part * unit
      }
      return isNegative ? -seconds : seconds
    }

    mutating func change() -> Change? {
      guard let day = day() else { return nil }
      guard skip("/") else { return Change(day: day, time: 7_200) }
      return time().map { Change(day: day, time: $0) }
    }

    private mutating func day() -> Change.Day? {
      if skip("J") { return number(1...365).map { .julian($0) } }
      guard skip("M") else { return number(0...365).map { .zeroBased($0) } }
      guard let month = number(1...12), skip("."), let week = number(1...5), skip("."), let weekday = number(0...6)
      else {
        return nil
      }
      return .week(month: month, week: week, weekday: weekday)
    }
  }
}
