import Cryptography
import Files

/// Whom logins may lead to: the service's own authority, and outside ones for consultants and for companies.
struct Authorities: Sendable {
  /// Anchors of consultants, and of companies, the service's own first.
  let consultants: [TrustAnchor]
  let companies: [TrustAnchor]
  private let outside: [String: OutsideAuthority]

  /// - Throws: `FileError` where an outside authority has the service's root, whose roles it would give anew.
  init(root: Certificate, outside: [OutsideAuthority], folder: String) throws(FileError) {
    for authority in outside where authority.anchor.certificates.contains(root) {
      throw FileError(
        path: "\(folder)/\(authority.anchor.name)/anchor.pem", doing: "use", cause: "is the service's own root")
    }
    func anchors(_ role: Role) -> [TrustAnchor] {
      [TrustAnchor(name: TrustAnchor.builtIn, certificates: [root], role: role)]
        + outside.map(\.anchor).filter { $0.role == role }
    }
    consultants = anchors(.consultant)
    companies = anchors(.company)
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
