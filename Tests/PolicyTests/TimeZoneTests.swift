import Foundation
import TestPrograms
import Testing

@testable import Policy

/// The machine's zones, against the C library's reading of them.
@Suite struct TimeZoneTests {
  /// Two changes a year in both hemispheres, half an hour of summer time, a winter time below the standard, a change of
  /// day, none at all.
  private static let zones = [
    "Africa/Casablanca", "America/New_York", "America/Santiago", "America/St_Johns", "Asia/Kathmandu", "Asia/Seoul",
    "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Apia", "Pacific/Chatham", "Etc/UTC",
  ]

  @Test(arguments: zones) func offsetsAreThoseOfDate(_ name: String) throws {
    let zone = try #require(TimeZoneTable(named: name))
    var generator = SystemRandomNumberGenerator()
    let times = (0..<3_000).map { _ in Int64.random(in: -1_000_000_000...6_000_000_000, using: &generator) }
    for (time, offset) in zip(times, try Self.offsets(by: "date", of: times, in: name)) {
      #expect(zone.offset(at: time) == offset, "\(name) at \(time)")
    }
  }

  /// The last second of summer time and the first of winter time, and the other way round, this year and in 40 years.
  @Test(arguments: ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
  func changesComeAtTheSecond(_ name: String) throws {
    let zone = try #require(TimeZoneTable(named: name))
    var times: [Int64] = []
    for start: Int64 in [1_767_225_600, 3_029_529_600] {
      for hour in 0..<8_760
      where zone.offset(at: start + Int64(hour) * 3_600) != zone.offset(at: start + Int64(hour + 1) * 3_600) {
        var (low, high) = (start + Int64(hour) * 3_600, start + Int64(hour + 1) * 3_600)
        while high - low > 1 {
          let middle = (low + high) / 2
          if zone.offset(at: middle) == zone.offset(at: low) { low = middle } else { high = middle }
        }
        times += [low, high]
      }
    }
    #expect(times.count == 8)
    #expect(try Self.offsets(by: "date", of: times, in: name) == times.map { zone.offset(at: $0) })
  }

  @Test(arguments: [
    "", "../../../etc/passwd", "Europe", "Asia/Nowhere", "/etc/localtime", "Europe/Ber lin", "posixrules/../x",
  ])
  func whatIsNoZoneIsNone(_ name: String) { #expect(TimeZoneTable(named: name) == nil) }

  @Test func noCutOrAlteredFileTraps() throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Berlin")))
    for count in 0..<bytes.count { _ = TimeZoneTable(Array(bytes[..<count])) }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var altered = bytes
      for _ in 0..<4 {
        altered[Int.random(in: 0..<altered.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      _ = TimeZoneTable(altered)?.offset(at: 1_795_000_000)
    }
  }

  /// What the database holds no case of, again against the C library, which takes such a rule in TZ.
  @Test(arguments: [
    "AAA3", "AAA-3:30:15", "<+0330>-3:30<+0430>,J79/24,J263/24", "CET-1CEST,M3.5.0,M10.5.0/3",
    "XXX-2YYY-4,59,300/-3:30", "NZST-12NZDT,M9.5.0,M4.1.0/3", "GMT0IST,M3.5.0/-2,M10.5.0/-1",
  ])
  func rulesAreReadAsTheCLibraryReadsThem(_ text: String) throws {
    let rule = try #require(TimeZoneRule(Array(text.utf8)))
    var generator = SystemRandomNumberGenerator()
    let times = (0..<2_000).map { _ in Int64.random(in: 0...4_000_000_000, using: &generator) }
    for (time, offset) in zip(times, try Self.offsets(by: "date", of: times, in: text)) {
      #expect(rule.offset(at: time) == offset, "\(text) at \(time)")
    }
  }

  /// RFC 9636 section 3.3.1 writes summer time without an end so. (The C library drops out of it for the year's last
  /// hour.)
  @Test func summerTimeWithoutAnEnd() throws {
    let rule = try #require(TimeZoneRule(Array("XXX3EDT4,0/0,J365/23".utf8)))
    for hour: Int64 in 0..<3 * 8_784 { #expect(rule.offset(at: 1_795_000_000 + hour * 3_600) == -4 * 3_600) }
  }

  @Test(arguments: [
    "", "A", "AB3", "AAA", "AAA3BBB", "AAA3BBB,", "AAA3BBB,M3.5.0", "AAA3BBB,M13.1.0,M1.1.0", "AAA3BBB,M1.6.0,M2.1.0",
    "AAA999", "<AAA3", "AAA3 ", "AAA3BBB,J0,J1", "AAA3BBB,366,1", "AAA3BBB,M3.5.0,M10.5.0x",
  ])
  func whatIsNoRuleIsNone(_ text: String) { #expect(TimeZoneRule(Array(text.utf8)) == nil) }

  /// Seconds east of UTC, as GNU date says.
  private static func offsets(by program: String, of times: [Int64], in zone: String) throws -> [Int64] {
    let lines = times.map { "@\($0)\n" }.joined()
    let offsets = try runProgram(program, ["-f", "-", "+%::z"], input: lines, environment: ["TZ": zone])
    return try offsets.good().lines.map { line in
      let parts = line.dropFirst().split(separator: ":").compactMap { Int64($0) }
      return (line.hasPrefix("-") ? -1 : 1) * (parts[0] * 3_600 + parts[1] * 60 + parts[2])
    }
  }
}
