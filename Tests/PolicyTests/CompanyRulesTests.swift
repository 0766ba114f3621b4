import Messages
import Payments
import Testing

@testable import Policy

/// What a policy allows, without clocks and sockets. Source: docs/security.md, "Company policy".
@Suite struct CompanyRulesTests {
  /// 2026-11-23 is a Monday.
  private static func time(_ day: Int64, _ hour: Int64, _ minute: Int64 = 0, second: Int64 = 0) -> Int64 {
    ((CivilDate.days(year: 2026, month: 11, day: day) * 24 + hour) * 3_600 + minute * 60 + second) * 1_000
  }

  private static func rules(_ change: (inout CompanyPolicy) -> Void) throws -> CompanyRules {
    var policy = CompanyPolicy()
    change(&policy)
    return try CompanyRules(policy)
  }

  private static let krw = Currency("KRW".utf8)!
  private static let usd = Currency("USD".utf8)!

  @Test func anEmptyPolicyForbidsNothing() throws {
    let rules = try Self.rules { _ in }
    #expect(rules.refusal(of: .direct("192.0.2.7"), at: 0) == nil)
    #expect(rules.refusal(payment: .max, Self.usd, by: .gateway, at: 0) == nil)
    #expect(rules.dayLimit(of: Self.usd, at: 0) == nil)
  }

  @Test(
    arguments: [
      (23, 8, 59, true), (23, 9, 0, false), (23, 17, 59, false), (23, 18, 0, true), (27, 12, 0, false),
      (28, 12, 0, true), (28, 10, 0, false), (29, 10, 0, true),
    ] as [(Int64, Int64, Int64, Bool)])
  func hoursHoldToTheMinuteAndDay(_ day: Int64, _ hour: Int64, _ minute: Int64, _ isRefused: Bool) throws {
    let rules = try Self.rules { $0.openHours = ["mon-fri 09:00-18:00", "sat 10:00-11:30"] }
    #expect(rules.refusal(of: .gateway, at: Self.time(day, hour, minute)) == (isRefused ? .outsideHours : nil))
  }

  @Test(
    arguments: [
      (27, 21, 59, true), (27, 22, 0, false), (28, 5, 59, false), (28, 6, 0, true), (28, 22, 0, true),
    ] as [(Int64, Int64, Int64, Bool)])
  func aNightBelongsToItsEvening(_ day: Int64, _ hour: Int64, _ minute: Int64, _ isRefused: Bool) throws {
    let rules = try Self.rules { $0.openHours = ["fri 22:00-06:00"] }
    #expect(rules.refusal(of: .gateway, at: Self.time(day, hour, minute)) == (isRefused ? .outsideHours : nil))
  }

  @Test func hoursAreThoseOfTheZone() throws {
    let rules = try Self.rules {
      $0.timeZone = "Asia/Seoul"
      $0.openHours = ["mon 09:00-18:00"]
    }
    #expect(rules.refusal(of: .gateway, at: Self.time(23, 0) - 1) == .outsideHours)
    #expect(rules.refusal(of: .gateway, at: Self.time(23, 0)) == nil)
    #expect(rules.refusal(of: .gateway, at: Self.time(23, 9)) == .outsideHours)
  }

  /// Berlin, 25 October 2026: at 01:00 UTC the clocks go from 03:00 back to 02:00.
  @Test func hoursFollowSummerTime() throws {
    let rules = try Self.rules {
      $0.timeZone = "Europe/Berlin"
      $0.openHours = ["daily 09:00-18:00"]
    }
    let saturday = CivilDate.days(year: 2026, month: 10, day: 24) * 86_400_000
    #expect(rules.refusal(of: .gateway, at: saturday + 7 * 3_600_000) == nil)
    #expect(rules.refusal(of: .gateway, at: saturday + 7 * 3_600_000 - 1) == .outsideHours)
    #expect(rules.refusal(of: .gateway, at: saturday + 31 * 3_600_000) == .outsideHours)
    #expect(rules.refusal(of: .gateway, at: saturday + 32 * 3_600_000) == nil)
  }

  @Test func theDayIsThatOfTheZone() throws {
    let rules = try Self.rules {
      $0.timeZone = "Asia/Seoul"
      $0.limits = [Self.limit("KRW", 0, 1_000)]
    }
    let before = try #require(rules.dayLimit(of: Self.krw, at: Self.time(23, 15) - 1))
    let after = try #require(rules.dayLimit(of: Self.krw, at: Self.time(23, 15)))
    #expect(after.day == before.day + 1 && after.most == 1_000)
    #expect(Int64(after.day) == CivilDate.days(year: 2026, month: 11, day: 24))
  }

  @Test func amountsAreLimitedCurrencyByCurrency() throws {
    let rules = try Self.rules { $0.limits = [Self.limit("KRW", 500, 700)] }
    #expect(rules.refusal(payment: 500, Self.krw, by: .gateway, at: 0) == nil)
    #expect(rules.refusal(payment: 501, Self.krw, by: .gateway, at: 0) == .amountOverLimit(most: 500))
    #expect(rules.refusal(payment: 501, Self.usd, by: .gateway, at: 0) == nil)
    let dayOnly = try Self.rules { $0.limits = [Self.limit("KRW", 0, 700)] }
    #expect(dayOnly.refusal(payment: 701, Self.krw, by: .gateway, at: 0) == .dayLimitReached(most: 700))
  }

  @Test func onlyListedCurrenciesAreTaken() throws {
    let rules = try Self.rules { $0.currencies = ["KRW"] }
    #expect(rules.refusal(payment: 1, Self.krw, by: .gateway, at: 0) == nil)
    #expect(rules.refusal(payment: 1, Self.usd, by: .gateway, at: 0) == .currencyRefused)
  }

  @Test func aGatewayCanBeRequired() throws {
    let rules = try Self.rules { $0.gatewayRequired = true }
    #expect(rules.refusal(of: .gateway, at: 0) == nil)
    #expect(rules.refusal(of: .direct("192.0.2.7"), at: 0) == .gatewayRequired)
  }

  private static let wrong: [(String, CompanyPolicy)] = [
    wrong("open_hours") { $0.openHours = ["mon"] }, wrong("open_hours") { $0.openHours = ["mon 9:00-18:00"] },
    wrong("open_hours") { $0.openHours = ["mon 09:00-09:00"] },
    wrong("open_hours") { $0.openHours = ["mon 24:00-09:00"] },
    wrong("open_hours") { $0.openHours = ["mon 09:00-24:01"] },
    wrong("open_hours") { $0.openHours = ["noday 09:00-18:00"] },
    wrong("open_hours") { $0.openHours = ["mon- 09:00-18:00"] }, wrong("open_hours") { $0.openHours = [""] },
    wrong("time_zone") { $0.timeZone = "Asia/Nowhere" }, wrong("currencies") { $0.currencies = ["krw"] },
    wrong("currencies") { $0.currencies = ["XXQ"] }, wrong("limits.currency") { $0.limits = [limit("", 1, 1)] },
    wrong("limits") { $0.limits = [limit("KRW", 1, .max)] },
    wrong("limits") { $0.limits = [limit("KRW", 1, 1), limit("KRW", 2, 2)] },
    wrong("direct_sources") { $0.directSources = ["192.0.2.1/24"] },
    wrong("direct_sources") { $0.directSources = ["host"] },
    wrong("direct_sources") { $0.directSources = ["192.0.2.0/33"] },
    wrong("direct_sources") { $0.directSources = ["::/129"] },
    wrong("direct_sources") { $0.directSources = ["192.0.2.0/"] },
    wrong("direct_sources") { $0.directSources = ["192.0.2.0/+8"] },
  ]

  @Test(arguments: wrong) func aFieldThatCannotBeUsedIsNamed(_ field: String, _ policy: CompanyPolicy) {
    let fault = #expect(throws: PolicyFault.self) { try CompanyRules(policy) }
    #expect(fault?.field == field)
  }

  private static func wrong(_ field: String, _ change: (inout CompanyPolicy) -> Void) -> (String, CompanyPolicy) {
    var policy = CompanyPolicy()
    change(&policy)
    return (field, policy)
  }

  private static func limit(_ currency: String, _ payment: UInt64, _ day: UInt64) -> CurrencyLimit {
    var limit = CurrencyLimit()
    (limit.currency, limit.mostPerPayment, limit.mostPerDay) = (currency, payment, day)
    return limit
  }
}
