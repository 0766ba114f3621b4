import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

extension CompanyCommand {
  /// Changes a policy.
  struct Policy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sets what a company allows its consultants.",
      discussion: """
        The service and the company's gateway hold every login and payment to it. What is given replaces that part of
        the policy, what is not given stays. "none" takes a part away. Amounts are minor units.

        EXAMPLES
          countersign-admin company policy "Acme Tours" --gateway-required --time-zone Asia/Seoul \\
            --open "mon-fri 09:00-18:00" --open "sat 10:00-14:00" --currency KRW \\
            --most-per-payment KRW=3000000 --most-per-day KRW=200000000
          countersign-admin company policy 3 --direct-from 192.0.2.0/24 --open none
        """)

    @Argument(help: "Number or registered name of the company.")
    var company: String

    @Flag(inversion: .prefixedNo, help: "Sessions only through the company's gateway.")
    var gatewayRequired: Bool?

    @Option(help: "Zone of --open and of the day, for example Asia/Seoul; none: UTC.")
    var timeZone: String?

    @Option(help: "When consultants may work: \"mon-fri 09:00-18:00\", \"daily 22:00-06:00\". Can be repeated.")
    var open: [String] = []

    @Option(help: "ISO 4217 code of a currency that is taken. Can be repeated.")
    var currency: [String] = []

    @Option(help: "Highest amount of one payment, CODE=AMOUNT; CODE=0 takes it away. Can be repeated.")
    var mostPerPayment: [String] = []

    @Option(
      help: """
        Highest sum of a day, CODE=AMOUNT; payments are counted from when it is set. CODE=0 takes it away. Can be \
        repeated.
        """)
    var mostPerDay: [String] = []

    @Option(help: "Address or range (192.0.2.0/24) that direct sessions may come from. Can be repeated.")
    var directFrom: [String] = []

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(Self.fields) {
        let administrator = try await options.administrator()
        let question = CompanyCommand.question(company)
        let former = try await administrator.run { try await $0.getCompany(question).company } ?? Company()
        var request = SetCompanyPolicyRequest()
        request.which = .company(former.number)
        request.policy = try changed(former.policy ?? CompanyPolicy())
        let reply = try await administrator.run { [request] in try await $0.setCompanyPolicy(request) }
        CompanyCommand.print(reply.company ?? Company(), as: options.output)
      }
    }

    private static let fields: RequestFields = [
      "which": "COMPANY", "policy.time_zone": "--time-zone", "policy.open_hours": "--open",
      "policy.currencies": "--currency", "policy.limits": "--most-per-payment, --most-per-day",
      "policy.limits.currency": "--most-per-payment, --most-per-day", "policy.direct_sources": "--direct-from",
    ]

    private func changed(_ former: CompanyPolicy) throws -> CompanyPolicy {
      var policy = former
      if let gatewayRequired { policy.gatewayRequired = gatewayRequired }
      if let timeZone { policy.timeZone = timeZone == "none" ? "" : timeZone }
      Self.replace(&policy.openHours, by: open)
      Self.replace(&policy.currencies, by: currency)
      Self.replace(&policy.directSources, by: directFrom)
      for text in mostPerPayment { try Self.limit(&policy, text, "--most-per-payment", \.mostPerPayment) }
      for text in mostPerDay { try Self.limit(&policy, text, "--most-per-day", \.mostPerDay) }
      return policy
    }

    private static func replace(_ part: inout [String], by given: [String]) {
      if !given.isEmpty { part = given == ["none"] ? [] : given }
    }

    private static func limit(
      _ policy: inout CompanyPolicy, _ text: String, _ flag: String, _ field: WritableKeyPath<CurrencyLimit, UInt64>
    ) throws {
      let parts = text.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, let amount = UInt64(digits: parts[1]) else {
        throw ProgramError(.usage, "\(flag) \(text): must be CODE=AMOUNT in minor units, for example KRW=3000000")
      }
      let code = String(parts[0])
      if !policy.limits.contains(where: { $0.currency == code }) {
        var limit = CurrencyLimit()
        limit.currency = code
        policy.limits.append(limit)
      }
      for index in policy.limits.indices where policy.limits[index].currency == code {
        policy.limits[index][keyPath: field] = amount
      }
      policy.limits.removeAll { $0.mostPerPayment == 0 && $0.mostPerDay == 0 }
    }
  }

  /// Shows one company.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows a company: its gateway, its policy, and what today's payments come to where the day is limited.")

    @Argument(help: "Number or registered name of the company.")
    var company: String

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(["which": "COMPANY"]) {
        let question = CompanyCommand.question(company)
        let reply = try await options.administrator().run { try await $0.getCompany(question) }
        CompanyCommand.print(reply.company ?? Company(), as: options.output)
      }
    }
  }

  /// Shows all companies.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists all companies by number, as show does.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run {
        let administrator = try await options.administrator()
        var request = ListCompaniesRequest()
        while true {
          let companies = try await administrator.run { [request] in try await $0.listCompanies(request).companies }
          guard let last = companies.last else { return }
          for company in companies { CompanyCommand.print(company, as: options.output) }
          request.after = last.number
        }
      }
    }
  }

  /// Digits name a number, anything else a name.
  static func question(_ company: String) -> GetCompanyRequest {
    var request = GetCompanyRequest()
    request.which = UInt64(digits: company).map { .company($0) } ?? .name(company)
    return request
  }

  static func print(_ company: Company, as output: OutputFormat) {
    let policy = company.policy ?? CompanyPolicy()
    switch output {
    case .text:
      Console.print("company \(company.number) \(company.name)\(company.revoked ? ", REVOKED" : "")")
      for (name, value) in lines(company, policy) { Console.print("  \(name): \(value)") }
    case .json:
      Console.print(
        JSON.object([
          ("company", .number(Int64(clamping: company.number))), ("name", .text(company.name)),
          ("is_revoked", .truth(company.revoked)), ("gateway", .text(company.gateway)),
          ("is_gateway_required", .truth(policy.gatewayRequired)), ("time_zone", .text(policy.timeZone)),
          ("open_hours", .texts(policy.openHours)),
          ("currencies", .texts(policy.currencies)),
          ("limits", .list(policy.limits.map { limit(of: company, $0) })),
          ("direct_sources", .texts(policy.directSources)),
        ]))
    }
  }

  private static func lines(_ company: Company, _ policy: CompanyPolicy) -> [(String, String)] {
    var lines = [("gateway", company.gateway.isEmpty ? "none" : company.gateway)]
    if policy.gatewayRequired { lines[0].1 += ", required" }
    if !policy.openHours.isEmpty { lines.append(("open", policy.openHours.joined(separator: "; "))) }
    if !policy.timeZone.isEmpty { lines.append(("time zone", policy.timeZone)) }
    if !policy.currencies.isEmpty { lines.append(("currencies", policy.currencies.joined(separator: " "))) }
    for limit in policy.limits {
      if limit.mostPerPayment > 0 {
        lines.append(("most per payment", Money.text(limit.mostPerPayment, limit.currency)))
      }
      if limit.mostPerDay > 0 {
        let today = Money.text(total(of: company, limit.currency), limit.currency)
        lines.append(("most per day", "\(Money.text(limit.mostPerDay, limit.currency)), today \(today)"))
      }
    }
    if !policy.directSources.isEmpty { lines.append(("direct from", policy.directSources.joined(separator: " "))) }
    return lines
  }

  private static func limit(of company: Company, _ limit: CurrencyLimit) -> String {
    JSON.object([
      ("currency", .text(limit.currency)), ("most_per_payment", .number(Int64(clamping: limit.mostPerPayment))),
      ("most_per_day", .number(Int64(clamping: limit.mostPerDay))),
      ("today", .number(Int64(clamping: total(of: company, limit.currency)))),
    ])
  }

  private static func total(of company: Company, _ currency: String) -> UInt64 {
    company.today.first { $0.currency == currency }?.amount ?? 0
  }
}
