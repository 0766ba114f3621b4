import CountersignRPC
import Foundation
import Messages
import Testing

@testable import CountersignClient

/// What a company allows, enforced at the service and at the company's gateway. Source: docs/security.md, "Company
/// policy".
@Suite struct CompanyPolicyTests {
  // MARK: Logins

  @Test func directSessionsCanBeForbidden() async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.gatewayRequired = true }
      try await site.refused("GATEWAY_REQUIRED", cause: "login from 127.0.0.1") { _ = try await site.kim.login() }
    }
  }

  @Test func directSessionsThatLiveWhenTheyAreForbiddenPayNoMore() async throws {
    try await Site.with(.direct) { site in
      let session = try await site.kim.login()
      try await site.set { $0.gatewayRequired = true }
      try await site.refused("GATEWAY_REQUIRED") { _ = try await session.pay(.test, card: .test()) }
    }
  }

  @Test func sessionsThroughTheGatewayAreNotDirect() async throws {
    try await Site.with(.gateway) { site in
      try await site.set {
        $0.gatewayRequired = true
        $0.directSources = ["192.0.2.0/24"]
      }
      let outcome = try await site.kim.login().pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
    }
  }

  @Test func directSessionsComeFromTheAddressesAllowed() async throws {
    try await Site.with(.direct) { site in
      let session = try await site.kim.login()
      try await site.set { $0.directSources = ["127.0.0.0/8"] }
      let outcome = try await session.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
      try await site.set { $0.directSources = ["192.0.2.0/24", "2001:db8::/32"] }
      try await site.refused("SOURCE_REFUSED") { _ = try await session.pay(.test, card: .test()) }
      try await site.refused("SOURCE_REFUSED", cause: "login from 127.0.0.1") { _ = try await site.kim.login() }
    }
  }

  @Test(arguments: Path.allCases) func noLoginOutsideHours(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.set { $0.openHours = [Self.closedNow] }
      try await site.refused("OUTSIDE_HOURS", by: path == .direct ? .service : .gateway) {
        _ = try await site.kim.login()
      }
      try await site.set { $0.openHours = ["daily 00:00-24:00"] }
      _ = try await site.kim.login()
    }
  }

  /// The gateway's own clock decides nothing: one that countersigns all the same is refused by the service.
  @Test func noLoginOutsideHoursThroughAGatewayThatDoesNotLook() async throws {
    try await MaliciousGateway.withKim { _, service, kim in
      _ = try await service.setPolicy { $0.openHours = [Self.closedNow] }
      await expectRefusal("OUTSIDE_HOURS") { _ = try await kim.login() }
      #expect(try service.journal().contains { $0.contains("OUTSIDE_HOURS") })
      #expect(try service.sessions().isEmpty)
    }
  }

  @Test func closedHoursDoNotCountTowardsALockout() async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.openHours = [Self.closedNow] }
      for _ in 0..<12 { await expectRefusal("OUTSIDE_HOURS") { _ = try await site.kim.login() } }
      try await site.set { _ in }
      _ = try await site.kim.login()
    }
  }

  // MARK: Payments

  @Test(arguments: Path.allCases) func noPaymentOutsideHours(_ path: Path) async throws {
    try await payment(path, "OUTSIDE_HOURS") { $0.openHours = [Self.closedNow] }
  }

  @Test(arguments: Path.allCases) func noPaymentInAnotherCurrency(_ path: Path) async throws {
    try await payment(path, "CURRENCY_REFUSED") { $0.currencies = ["USD", "EUR"] }
  }

  @Test(arguments: Path.allCases) func noPaymentOverTheAmount(_ path: Path) async throws {
    try await payment(path, "AMOUNT_OVER_LIMIT") { $0.limits = [Self.limit(12_899, 0)] }
  }

  @Test(arguments: Path.allCases) func theRefusalTellsTheLimit(_ path: Path) async throws {
    try await Site.with(path) { site in
      let kim = try await site.kim.login()
      for (limit, told) in [(Self.limit(12_899, 0), "at most 12899"), (Self.limit(0, 12_898), "at most 12898")] {
        try await site.set { $0.limits = [limit] }
        let error = await #expect(throws: TerminalError.self) { try await kim.pay(.test, card: .test()) }
        #expect(error.map { "\($0)".contains("order.amount") && "\($0)".contains(told) } == true, "\(error as Any)")
      }
    }
  }

  @Test(arguments: Path.allCases) func noPaymentOverTheDaysLimitAlone(_ path: Path) async throws {
    try await payment(path, "DAY_LIMIT_REACHED") { $0.limits = [Self.limit(0, 12_899)] }
  }

  /// The day's sum is counted by the service alone.
  @Test(arguments: Path.allCases) func theDaysPaymentsAreCountedTogether(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.set { $0.limits = [Self.limit(0, 30_000)] }
      let kim = try await site.kim.login()
      let lee = try await site.lee.login()
      let key = kim.makeKey()
      let first = try await kim.pay(.test, card: .test(), key: key)
      _ = try await lee.pay(.test, card: .test())
      await expectRefusal("DAY_LIMIT_REACHED") { _ = try await kim.pay(.test, card: .test()) }
      #expect(try site.service.journal().contains { $0.contains("DAY_LIMIT_REACHED") })
      // What exists is told, and not counted again.
      let again = try await kim.pay(.test, card: .test(), key: key)
      #expect(again == first)
      var small = Order.test
      small.amount = 30_000 - 2 * 12_900
      _ = try await kim.pay(small, card: .test())
      let total = try await site.total()
      #expect(total == 30_000)
      small.amount = 1
      await expectRefusal("DAY_LIMIT_REACHED") { [small] in _ = try await kim.pay(small, card: .test()) }
    }
  }

  @Test func theDaysSumOutlivesTheProcess() async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.limits = [Self.limit(0, 20_000)] }
      _ = try await site.kim.login().pay(.test, card: .test())
      await site.service.stop()
      try await site.service.start()
      let session = try await site.kim.login()
      await expectRefusal("DAY_LIMIT_REACHED") { _ = try await session.pay(.test, card: .test()) }
      let total = try await site.total()
      #expect(total == 12_900)
    }
  }

  @Test(arguments: ["4000000000000515", "4000000000009003"])
  func whatIsNotChargedIsNotCounted(_ card: String) async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.limits = [Self.limit(0, 20_000)] }
      let session = try await site.kim.login()
      for _ in 0..<3 {
        let outcome = try await session.pay(.test, card: .test(card)).outcome
        #expect(outcome == .declined || outcome == .notCharged)
      }
      let none = try await site.total()
      #expect(none == 0)
      _ = try await session.pay(.test, card: .test())
      let one = try await site.total()
      #expect(one == 12_900)
    }
  }

  @Test func manyAtOnceNeverPassTheDaysLimit() async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.limits = [Self.limit(0, 25_000)] }
      let session = try await site.kim.login()
      var order = Order.test
      order.amount = 1_000
      let paid = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<60 {
          group.addTask { [order] in
            await refusal { _ = try await session.pay(order, card: .test()) } == nil
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(paid == 25)
      #expect(try site.service.payments().count == 25)
      let total = try await site.total()
      #expect(total == 25_000)
    }
  }

  /// A payment whose answer was lost is told after closing time, never refused: it was made.
  @Test(arguments: Path.allCases) func aRecordedPaymentIsToldWhateverThePolicySaysNow(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login()
      let key = session.makeKey()
      let first = try await session.pay(.test, card: .test(), key: key)
      try await site.set {
        $0.openHours = [Self.closedNow]
        $0.limits = [Self.limit(1, 1)]
      }
      let again = try await session.pay(.test, card: .test(), key: key)
      #expect(again == first)
    }
  }

  @Test func otherCompaniesNoticeNothing() async throws {
    try await Site.with(.direct) { site in
      try await site.service.addCompany("Other")
      let token = try await site.service.addConsultant("Ann", company: "Other").token
      let ann = try await site.service.enrol("ann", token: token, holding: "Other").login()
      try await site.set { $0.limits = [Self.limit(1, 1)] }
      let outcome = try await ann.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
    }
  }

  // MARK: Administration

  @Test func thePolicyIsJournaledShownAndOutlivesTheProcess() async throws {
    try await Site.with(.direct) { site in
      let set = try await site.set {
        $0.timeZone = "Asia/Seoul"
        $0.openHours = ["daily 00:00-24:00"]
        $0.limits = [Self.limit(50_000, 0)]
      }
      #expect(
        try site.service.journal().contains {
          $0.contains("POLICY_SET|open daily 00:00-24:00 Asia/Seoul; at most 50000 KRW a payment, by CN=tester")
        })
      await site.service.stop()
      try await site.service.start()
      let companies = try await site.service.administrator().run { try await $0.listCompanies(.init()).companies }
      #expect(companies == [set])
      #expect(companies.first?.policy?.timeZone == "Asia/Seoul")
    }
  }

  @Test func aPolicyThatCannotBeUsedIsRefusedAndTheFormerOneStays() async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.gatewayRequired = true }
      await expectRefusal("INVALID_FIELD") { try await site.set { $0.timeZone = "Asia/Nowhere" } }
      await expectRefusal("INVALID_FIELD") {
        try await site.set { $0.currencies = Array(repeating: "KRW", count: 33) }
      }
      await expectRefusal("COMPANY_NOT_FOUND") { _ = try await site.service.setPolicy(of: 99) { _ in } }
      await expectRefusal("GATEWAY_REQUIRED") { _ = try await site.kim.login() }
    }
  }

  @Test func onlyACompanysConnectionLearnsThePolicy() async throws {
    try await Site.with(.direct) { site in
      try await site.set { $0.gatewayRequired = true }
      await expectRefusal("GATEWAY_ONLY") { _ = try await CompanyGatewayClient(site.channel).getPolicy(.init()) }
      let company = try site.falseGateway()
      let policy = try await CompanyGatewayClient(company).getPolicy(.init()).policy
      #expect(policy?.gatewayRequired == true)
      await company.close()
    }
  }

  // MARK: - Helpers

  /// A payment of 12,900 KRW is refused; the gateway tells it at once and for good.
  private func payment(
    _ path: Path, _ reason: String, _ change: @escaping @Sendable (inout CompanyPolicy) -> Void
  ) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login()
      try await site.set(change)
      try await site.refused(reason, by: path == .direct ? .service : .gateway) {
        _ = try await session.pay(.test, card: .test())
      }
      // A gateway that lets it through changes nothing.
      let late = try await session.sealed(.test)
      if path == .gateway {
        let service = try site.falseGateway()
        let reply = try await CheckoutClient(service).submitPayment(late.request)
        guard case .refusal(let refusal)? = await session.open(reply, to: late, key: late.key) else {
          Issue.record("the service did not refuse")
          return
        }
        #expect(refusal.reason == reason)
        await service.close()
      }
      #expect(try site.service.payments().isEmpty)
      try await site.set { _ in }
      let outcome = try await session.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
    }
  }

  /// Hours that lie two days ahead in UTC.
  private static var closedNow: String {
    let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    let day = Int(Date().timeIntervalSince1970 / 86_400)
    return "\(names[(day + 4 + 2) % 7]) 10:00-11:00"
  }

  private static func limit(_ payment: UInt64, _ day: UInt64) -> CurrencyLimit {
    var limit = CurrencyLimit()
    (limit.currency, limit.mostPerPayment, limit.mostPerDay) = ("KRW", payment, day)
    return limit
  }
}

extension TestService {
  func setPolicy(of company: UInt64 = 1, _ change: (inout CompanyPolicy) -> Void) async throws -> Company {
    var request = SetCompanyPolicyRequest()
    var policy = CompanyPolicy()
    change(&policy)
    (request.which, request.policy) = (.company(company), policy)
    let reply = try await administrator().run { [request] in try await $0.setCompanyPolicy(request) }
    return try #require(reply.company)
  }
}

extension Site {
  /// Sets Acme's policy, and waits until the gateway knows it.
  @discardableResult
  func set(_ change: (inout CompanyPolicy) -> Void) async throws -> Company {
    let company = try await service.setPolicy(change)
    try await gateway?.waitUntil(knowing: company.policy)
    return company
  }

  /// Expects a refusal, by whom it is due, without session or payment.
  func refused(
    _ reason: String, by refuser: Refuser = .service, cause: String = "",
    sourceLocation: SourceLocation = #_sourceLocation, _ attempt: () async throws -> Void
  ) async throws {
    let before = try (service.sessions(), service.payments())
    await expectRefusal(reason, sourceLocation: sourceLocation) { try await attempt() }
    let after = try (service.sessions(), service.payments())
    #expect(after == before, sourceLocation: sourceLocation)
    let isJournaled = try service.journal().contains { $0.contains(reason) && (cause.isEmpty || $0.contains(cause)) }
    let isLogged = gateway?.log.lines.contains { $0.contains(reason) } ?? false
    #expect(isJournaled == (refuser == .service), sourceLocation: sourceLocation)
    #expect(isLogged == (refuser == .gateway), sourceLocation: sourceLocation)
  }

  /// What today's payments of Acme come to.
  func total() async throws -> UInt64? {
    var request = GetCompanyRequest()
    request.which = .name("Acme")
    return try await service.administrator().run { [request] in try await $0.getCompany(request).company?.today.first }?
      .amount
  }
}
