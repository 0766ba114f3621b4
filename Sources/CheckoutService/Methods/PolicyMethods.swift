import Bytes
import CountersignRPC
import Ledger
import Messages
import Payments
import Policy

/// What companies allow their consultants.
extension AdminCalls {
  func setCompanyPolicy(
    _ request: SetCompanyPolicyRequest, context: ServerContext
  ) async throws -> SetCompanyPolicyReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let which = try AskedCompany(request.which)
      let policy = request.policy ?? CompanyPolicy()
      let rules = try rules(policy)
      let now = clock.wall()
      let company = try await ledger.perform { store in
        let company = try which.find(in: store)
        try store.setPolicy(company: company.id, rules?.policy.encoded())
        try store.insertEvent(
          EventRow(
            kind: .policySet, company: company.id, time: now, text: "\(policy.journalText), by \(administrator)"))
        return company
      }
      // Every payment that is received from here on is held to it.
      policies.rules(of: company.id).use(rules)
      var reply = SetCompanyPolicyReply()
      reply.company = try await ledger.perform { [policies] store in
        try Company(company, policies: policies, now: now, in: store)
      }
      return reply
    }
  }

  func getCompany(_ request: GetCompanyRequest, context: ServerContext) async throws -> GetCompanyReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      let which = try AskedCompany(request.which)
      let now = clock.wall()
      var reply = GetCompanyReply()
      reply.company = try await ledger.perform { [policies] store in
        try Company(which.find(in: store), policies: policies, now: now, in: store)
      }
      return reply
    }
  }

  /// Companies told in one reply.
  private static let companiesPerReply = 32

  func listCompanies(_ request: ListCompaniesRequest, context: ServerContext) async throws -> ListCompaniesReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      let now = clock.wall()
      var reply = ListCompaniesReply()
      reply.companies = try await ledger.perform { [policies] store in
        try store.companies(after: Int64(clamping: request.after), limit: Self.companiesPerReply)
          .map { try Company($0, policies: policies, now: now, in: store) }
      }
      return reply
    }
  }

  /// Nil for a policy that forbids nothing.
  private func rules(_ policy: CompanyPolicy) throws -> CompanyRules? {
    for (field, count) in [
      ("open_hours", policy.openHours.count), ("currencies", policy.currencies.count),
      ("limits", policy.limits.count), ("direct_sources", policy.directSources.count),
    ] where count > CompanyPolicy.most {
      throw ServiceRefusal(.invalidField, field: "policy.\(field)", description: "at most \(CompanyPolicy.most)")
    }
    do {
      let rules = try CompanyRules(policy)
      return policy == CompanyPolicy() ? nil : rules
    } catch {
      throw ServiceRefusal(.invalidField, field: "policy.\(error.field)", description: error.description)
    }
  }
}

/// Calls of companies' gateways.
struct GatewayCalls: CompanyGatewayServiceProtocol {
  let ledger: Ledger
  let companies: CompanyCertificates
  let policies: CompanyPolicies
  let refusals: RefusalJournal

  func getPolicy(_ request: GetPolicyRequest, context: ServerContext) async throws -> GetPolicyReply {
    try await refusals.journaling(.callRefused, context) {
      guard let company = companies.path(of: context.peer) else { throw try await unknown(context.peer) }
      guard company != CompanyCertificates.direct else { throw ServiceRefusal(.gatewayOnly, cause: context.method) }
      var reply = GetPolicyReply()
      reply.policy = policies.rules(of: company).current?.policy
      return reply
    }
  }

  /// Why a company's certificate is good for nothing.
  private func unknown(_ peer: Peer) async throws -> ServiceRefusal {
    let fingerprint = peer.certificates.first?.fingerprint
    let row = try await ledger.perform { store in try fingerprint.flatMap { try store.certificate(fingerprint: $0) } }
    return ServiceRefusal(
      row?.revocation == nil ? .notRegistered : .revoked, cause: "the connection's company certificate")
  }
}

/// A company by number or name.
private enum AskedCompany: Sendable {
  case number(Int64)
  case name(String)

  init(_ which: SetCompanyPolicyRequest.Which?) throws {
    switch which {
    case .company(let number): self = .number(Int64(clamping: number))
    case .name(let name): self = .name(name)
    case nil: throw Self.unnamed
    }
  }

  init(_ which: GetCompanyRequest.Which?) throws {
    switch which {
    case .company(let number): self = .number(Int64(clamping: number))
    case .name(let name): self = .name(name)
    case nil: throw Self.unnamed
    }
  }

  private static var unnamed: ServiceRefusal {
    ServiceRefusal(.invalidField, field: "which", description: "name a company or give its number")
  }

  func find(in store: any Store) throws -> CompanyRow {
    let found =
      switch self {
      case .number(let number): try store.company(id: number)
      case .name(let name): try store.company(name: name)
      }
    guard let found else { throw ServiceRefusal(.companyNotFound, field: "which") }
    return found
  }
}

extension Company {
  fileprivate init(_ row: CompanyRow, policies: CompanyPolicies, now: Int64, in store: any Store) throws {
    self.init()
    (number, name, revoked) = (UInt64(row.id), row.name, row.revoked)
    if let place = try store.gateway(company: row.id) {
      gateway = place.host.contains(":") ? "[\(place.host)]:\(place.port)" : "\(place.host):\(place.port)"
    }
    guard let rules = policies.rules(of: row.id).current else { return }
    policy = rules.policy
    for limit in rules.policy.limits {
      guard let currency = Currency(limit.currency.utf8), let limit = rules.dayLimit(of: currency, at: now) else {
        continue
      }
      var total = DayTotal()
      total.currency = currency.text
      total.amount = UInt64(
        clamping: try store.dayTotal(company: row.id, currency: currency, day: limit.day))
      today.append(total)
    }
  }
}

extension CompanyPolicy {
  /// Most entries of each list.
  fileprivate static let most = 32

  /// All of it on one line.
  fileprivate var journalText: String {
    var parts: [String] = []
    if gatewayRequired { parts.append("gateway required") }
    if !openHours.isEmpty { parts.append("open \(openHours.joined(separator: ", ")) \(zoneText)") }
    if !currencies.isEmpty { parts.append("currencies \(currencies.joined(separator: " "))") }
    for limit in limits {
      if limit.mostPerPayment > 0 { parts.append("at most \(limit.mostPerPayment) \(limit.currency) a payment") }
      if limit.mostPerDay > 0 { parts.append("at most \(limit.mostPerDay) \(limit.currency) a day of \(zoneText)") }
    }
    if !directSources.isEmpty { parts.append("direct from \(directSources.joined(separator: " "))") }
    return parts.isEmpty ? "everything allowed" : parts.joined(separator: "; ")
  }

  private var zoneText: String { timeZone.isEmpty ? "UTC" : timeZone }
}
