import Authority
import Cryptography

/// Whom logins may lead to: the service's own authority, and outside ones for consultants and for companies.
struct Authorities: Sendable {
  /// Anchors of consultants, and of companies, the service's own first.
  let consultants: [TrustAnchor]
  let companies: [TrustAnchor]
  private let outside: [String: OutsideAuthority]

  init(root: Certificate, outside: [OutsideAuthority]) {
    consultants = OutsideAuthority.anchors(.consultant, root: root, outside: outside)
    companies = OutsideAuthority.anchors(.company, root: root, outside: outside)
    self.outside = Dictionary(uniqueKeysWithValues: outside.map { ($0.anchor.name, $0) })
  }

  /// Anchors of one of the two roles that an outside authority may give.
  func anchors(_ role: Role) -> [TrustAnchor] { role == .company ? companies : consultants }

  /// The outside authority of a path; nil for the service's own.
  func outside(_ path: VerifiedPath) -> OutsideAuthority? {
    path.anchor.mark == .own ? nil : outside[path.anchor.name]
  }

  /// For a login's journal record: the outside authority of a path and how its certificates are matched.
  func text(_ path: VerifiedPath) -> String {
    outside(path).map { ", \($0.anchor.role) of authority \($0.anchor.name) matched by \($0.match.rawValue)" } ?? ""
  }
}
