import Foundation
import TestPrograms
import Testing

@testable import Policy

/// Where a zone's days begin and end, against GNU date.
@Suite struct LocalDayTests {
  /// Among them clocks that go forward and back at midnight, and a minute after it.
  @Test(arguments: [
    "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "Asia/Beirut", "Asia/Seoul", "Europe/Berlin",
    "Pacific/Chatham", "Etc/UTC",
  ])
  func aDayBeginsWithItsFirstSecond(_ name: String) throws {
    let zone = try #require(TimeZoneTable(named: name))
    var days: [String] = []
    for year in [2005, 2010, 2018, 2026] {
      for month in 1...12 { for day in 1...28 { days.append("\(year)-\(Self.two(month))-\(Self.two(day))") } }
    }
    let ranges = try days.map { try #require(LocalDay($0)).milliseconds(in: zone) }
    let edges = ranges.flatMap { range in
      let (first, next) = (range.lowerBound / 1_000, range.upperBound / 1_000)
      return [first - 1, first, next - 1, next]
    }
    let dates = try Self.dates(of: edges, in: name)
    for (index, day) in days.enumerated() {
      let found = dates[index * 4..<index * 4 + 4]
      #expect(Array(found)[1] == day && Array(found)[2] == day, "\(name) \(day): \(found)")
      #expect(found.first != day && found.last != day, "\(name) \(day): \(found)")
    }
  }

  @Test func aDayThatAZoneLeftOutIsEmpty() throws {
    let apia = try #require(TimeZoneTable(named: "Pacific/Apia"))
    let before = try #require(LocalDay("2011-12-29")).milliseconds(in: apia)
    let missing = try #require(LocalDay("2011-12-30")).milliseconds(in: apia)
    let after = try #require(LocalDay("2011-12-31")).milliseconds(in: apia)
    #expect(missing.isEmpty && before.upperBound == missing.lowerBound && missing.upperBound == after.lowerBound)
  }

  @Test(arguments: [
    "", "2026-11", "2026-13-01", "2026-00-01", "2026-02-29", "2026-11-31", "2026-11-00", "26-11-23", "2026-1-1",
    "1969-12-31", "2026-11-23 ", "+026-11-23", "٢٠٢٦-11-23",
  ])
  func whatIsNoDayIsNone(_ text: String) { #expect(LocalDay(text) == nil) }

  @Test func aLeapDayIsOne() { #expect(LocalDay("2028-02-29") != nil) }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func dates(of times: [Int64], in zone: String) throws -> [String] {
    let lines = times.map { "@\($0)\n" }.joined()
    let dates = try runProgram("date", ["-f", "-", "+%Y-%m-%d"], input: lines, environment: ["TZ": zone])
    return try dates.good().lines.map(String.init)
  }
}
