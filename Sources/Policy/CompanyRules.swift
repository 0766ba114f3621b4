import Messages
import Payments

/// A company's policy, ready to be asked. The same rules hold at the company's gateway and at the service.
///
/// Source: docs/security.md, "Company policy".
public final class CompanyRules: Sendable {
  /// Which way a call comes.
  public enum Path: Sendable {
    case gateway
    /// From this numeric address.
    case direct(String)
  }

  /// What the rules were made of.
  public let policy: CompanyPolicy
  private let zone: TimeZoneTable
  private let hours: [OpenHours]
  private let currencies: [Currency]
  private let limits: [Currency: CurrencyLimit]
  private let sources: [AddressRange]

  /// - Throws: ``PolicyFault`` that names the field.
  public init(_ policy: CompanyPolicy) throws(PolicyFault) {
    self.policy = policy
    hours = try policy.openHours.map { text throws(PolicyFault) in
      guard let hours = OpenHours(text) else {
        throw PolicyFault("open_hours", "\"\(text)\" must be like \"mon-fri 09:00-18:00\" or \"daily 08:00-24:00\"")
      }
      return hours
    }
    zone = try Self.zone(policy.timeZone)
    currencies = try policy.currencies.map { code throws(PolicyFault) in try Self.currency(code, "currencies") }
    var limits: [Currency: CurrencyLimit] = [:]
    for limit in policy.limits {
      let currency = try Self.currency(limit.currency, "limits.currency")
      guard limit.mostPerPayment <= Self.mostPerDay, limit.mostPerDay <= Self.mostPerDay else {
        throw PolicyFault("limits", "amounts must be at most \(Self.mostPerDay) minor units")
      }
      guard limits.updateValue(limit, forKey: currency) == nil else {
        throw PolicyFault("limits", "\(limit.currency) comes twice")
      }
    }
    self.limits = limits
    sources = try policy.directSources.map { text throws(PolicyFault) in
      guard let range = AddressRange(text) else {
        throw PolicyFault(
          "direct_sources", "\"\(text)\" must be an address or a range like 192.0.2.0/24 without bits behind it")
      }
      return range
    }
  }

  /// Minor units; leaves room to add any payment in 64 bits.
  private static let mostPerDay: UInt64 = 1_000_000_000_000_000

  private static func zone(_ name: String) throws(PolicyFault) -> TimeZoneTable {
    if name.isEmpty { return .utc }
    guard let zone = TimeZoneTable(named: name) else {
      throw PolicyFault("time_zone", "\"\(name)\" is no zone of /usr/share/zoneinfo; one is Asia/Seoul")
    }
    return zone
  }

  private static func currency(_ code: String, _ field: String) throws(PolicyFault) -> Currency {
    guard let currency = Currency(code.utf8), Currencies.minorUnits(of: currency) != nil else {
      throw PolicyFault(field, "\"\(code)\" is not a currency of ISO 4217 in which cards are charged")
    }
    return currency
  }
}

/// A field of a policy that cannot be used.
public struct PolicyFault: Error, Sendable, CustomStringConvertible {
  /// As in `CompanyPolicy`.
  public let field: String
  public let description: String

  init(_ field: String, _ description: String) {
    self.field = field
    self.description = description
  }
}

// MARK: - Questions

extension CompanyRules {
  /// Why a consultant may not log in now, and a session may not go on; nil where they may.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  public func refusal(of path: Path, at time: Int64) -> PolicyRefusal? {
    if case .direct(let address) = path {
      if policy.gatewayRequired { return .gatewayRequired }
      if !sources.isEmpty, !sources.contains(where: { $0.contains(address) }) { return .sourceRefused }
    }
    return isOpen(at: time) ? nil : .outsideHours
  }

  /// Why a new payment is not taken; nil where it is, as far as the day's total does not say otherwise.
  ///
  /// - Parameters:
  ///   - amount: minor units.
  ///   - time: milliseconds since 1970-01-01T00:00:00Z.
  public func refusal(payment amount: UInt64, _ currency: Currency, by path: Path, at time: Int64) -> PolicyRefusal? {
    if let refusal = refusal(of: path, at: time) { return refusal }
    guard currencies.isEmpty || currencies.contains(currency) else { return .currencyRefused }
    guard let limit = limits[currency] else { return nil }
    if limit.mostPerPayment > 0, amount > limit.mostPerPayment { return .amountOverLimit(most: limit.mostPerPayment) }
    return limit.mostPerDay > 0 && amount > limit.mostPerDay ? .dayLimitReached(most: limit.mostPerDay) : nil
  }

  /// What a day's payments in one currency may come to, and the day by the company's clocks; nil where there is no
  /// limit.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  public func dayLimit(of currency: Currency, at time: Int64) -> DayLimit? {
    guard let most = limits[currency]?.mostPerDay, most > 0 else { return nil }
    return DayLimit(day: Int32(clamping: local(time).floorDivided(by: 86_400)), most: Int64(clamping: most))
  }

  private func isOpen(at time: Int64) -> Bool {
    guard !hours.isEmpty else { return true }
    let local = local(time)
    let days = local.floorDivided(by: 86_400)
    let weekday = Int((CivilDate.weekday(days: days) + 6) % 7)
    let minute = Int((local - days * 86_400) / 60)
    return hours.contains { $0.contains(weekday: weekday, minute: minute) }
  }

  /// Seconds of the company's clocks since 1970-01-01T00:00:00.
  private func local(_ milliseconds: Int64) -> Int64 {
    let seconds = milliseconds.floorDivided(by: 1_000)
    return seconds + zone.offset(at: seconds)
  }
}
