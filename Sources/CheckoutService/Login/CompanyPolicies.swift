import Ledger
import Messages
import Payments
import Policy
import Synchronization

/// The rules of each company, as sessions and event loops ask for them.
///
/// Source: docs/security.md, "Company policy".
final class CompanyPolicies: Sendable {
  private let companies: Mutex<[Int64: CurrentRules]> = Mutex([:])

  /// One object for the life of the process: sessions keep it and see changes at once.
  func rules(of company: Int64) -> CurrentRules {
    companies.withLock { companies in
      if let known = companies[company] { return known }
      let rules = CurrentRules()
      companies[company] = rules
      return rules
    }
  }

  /// Reads what a former process was told.
  ///
  /// - Throws: ``PolicyFault`` where a zone is gone from this machine: a policy must not be forgotten silently.
  func read(from ledger: Ledger) async throws {
    for (company, bytes) in try await ledger.perform({ store in try store.policies() }) {
      rules(of: company).use(try CompanyRules(try CompanyPolicy(decoding: bytes)))
    }
  }
}

extension CompanyRules.Path {
  /// - Parameter path: 0 for direct, else the company whose gateway authenticated the connection.
  init(_ path: Int64, from address: String) {
    self = path == CompanyCertificates.direct ? .direct(address) : .gateway
  }
}
