import Cryptography
import Files

/// An accredited authority that is not the service's own, trusted for one role: its anchors, how its leaves show the
/// role, how they are matched with the register, and where and how their status is asked.
///
/// Source: docs/operations.md, "Outside authorities".
public struct OutsideAuthority: Sendable {
  /// How a certificate is found in the register.
  public enum Match: String, Sendable, CaseIterable {
    /// By issuer and serial number: every certificate is registered by an administrator.
    case serial
    /// Also by issuer and subject: a newer certificate of a registered subject is registered at its first login.
    case subject
  }

  public var anchor: TrustAnchor
  public let match: Match
  /// Nil: the address in the certificate.
  public let ocspAddress: OCSPAddress?
  public let policy: OCSPPolicy
  /// Milliseconds for which a good answer serves other logins, at most; 0: every login asks.
  public let cached: Int64
  /// Milliseconds for a whole answer.
  public let timeout: Int64

  /// Longest time for which a good answer may serve, milliseconds.
  static let longestCached: Int64 = 60_000

  /// Reads every authority of `DATA/anchors`; none where there is no such folder.
  ///
  /// - Parameter root: the service's, which no outside authority may have: it would give its roles anew.
  /// - Throws: `FileError` that names file and line.
  public static func readAll(in path: String, root: Certificate? = nil) throws(FileError) -> [OutsideAuthority] {
    guard Files.exists(path) else { return [] }
    let authorities = try list(path) { _, error throws(FileError) in throw error }
    for authority in authorities where authority.anchor.certificates.contains(where: { $0 == root }) {
      throw FileError(
        path: "\(path)/\(authority.anchor.name)/anchor.pem", doing: "use", cause: "is the service's own root",
        isOfFolder: true)
    }
    return try authorities.map { authority throws(FileError) in try authority.apart(from: authorities, in: path) }
  }

  /// Anchors of a role: the service's own first, then the outside ones.
  public static func anchors(_ role: Role, root: Certificate, outside: [OutsideAuthority]) -> [TrustAnchor] {
    [TrustAnchor(name: TrustAnchor.builtIn, certificates: [root], role: role)]
      + outside.map(\.anchor).filter { $0.role == role }
  }

  /// Reads the folder of one authority, apart from those beside it as ``readAll(in:root:)`` does.
  ///
  /// - Parameter leftOut: told of a folder beside it that cannot be used; no service starts with it, and its mark is not
  ///   known.
  /// - Throws: `FileError` that names file and line.
  public static func read(_ path: String, leftOut: (FileError) -> Void) throws(FileError) -> OutsideAuthority {
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    let name = parts.last.map(String.init) ?? ""
    let authority = try read(path, name: name.isEmpty ? "/" : name)
    // By the names in the path and not by "..": a folder may be a link to another place.
    let isNamed = !name.isEmpty && name != "." && name != ".."
    let parent = isNamed ? (path.hasPrefix("/") ? "/" : "./") + parts.dropLast().joined(separator: "/") : "\(path)/.."
    let beside = try? list(parent) { folder, error in
      // Another folder than an authority's.
      if Files.exists("\(folder)/authority.conf") { leftOut(error) }
    }
    return try authority.apart(from: beside ?? [], in: parent)
  }

  /// Reads every authority of a folder by itself, in the order of their names.
  ///
  /// - Parameter leftOut: told of a folder that cannot be used; what it throws ends the reading.
  private static func list(
    _ path: String, leftOut: (_ folder: String, FileError) throws(FileError) -> Void
  ) throws(FileError) -> [OutsideAuthority] {
    var authorities: [OutsideAuthority] = []
    for name in try Files.names(in: path) {
      let folder = "\(path)/\(name)"
      do throws(FileError) {
        authorities.append(try read(folder, name: name))
      } catch {
        try leftOut(folder, error)
      }
    }
    return authorities
  }

  /// Reads the folder of one authority by itself.
  ///
  /// - Throws: `FileError` that names file and line.
  private static func read(_ path: String, name: String) throws(FileError) -> OutsideAuthority {
    var settings = try FolderSettings(reading: "\(path)/authority.conf")
    let parts = FolderParts(
      path,
      advice: "put the certificates there as docs/operations.md has them, or move the authority's folder elsewhere")
    let certificates = try parts.chain("anchor.pem")
    // Nothing else ends a path, so that every login would be refused without a word of this file.
    if let other = certificates.first(where: { !$0.isSelfSigned || !$0.isAuthority }) {
      throw FileError(
        path: "\(path)/anchor.pem", doing: "use",
        cause: "\(other.subjectText) is no self-signed certificate of an authority", isOfFolder: true)
    }
    let role: Role = try settings.required("role", among: ["consultant": .consultant, "company": .company])
    let mark = try settings.mark()
    let nonce = try settings.value("nonce", among: OCSPPolicy.Nonce.self) ?? .required
    let digest = try settings.value("certificate-id", among: OCSPDigest.self) ?? .sha1
    let responders = Files.exists("\(path)/responder.pem") ? try parts.chain("responder.pem") : []
    let authority = OutsideAuthority(
      anchor: TrustAnchor(name: name, certificates: certificates, role: role, mark: mark),
      match: try settings.value("match", among: Match.self) ?? .serial, ocspAddress: try settings.address("ocsp"),
      policy: OCSPPolicy(nonce: nonce, digest: digest, responders: responders),
      cached: try settings.number("cache", in: 0...longestCached / 1_000, default: longestCached / 1_000) * 1_000,
      timeout: try settings.number("timeout", in: 100...30_000, default: 5_000))
    try settings.end()
    return authority
  }

  /// Where one anchor serves several roles, what marks one of them must not mark another, and no leaf may show two.
  ///
  /// - Parameter authorities: of the folder `path`; this one may be among them.
  private func apart(from authorities: [OutsideAuthority], in path: String) throws(FileError) -> OutsideAuthority {
    let others = authorities.filter { other in
      other.anchor.role != anchor.role && other.anchor.certificates.contains(where: anchor.certificates.contains)
    }
    if let same = others.first(where: { $0.anchor.mark == anchor.mark }) {
      throw FileError(
        path: "\(path)/\(anchor.name)/authority.conf", doing: "use",
        cause: "marks \(anchor.role) by what marks \(same.anchor.role) in \(same.anchor.name)", isOfFolder: true)
    }
    var result = self
    result.anchor = anchor.apart(from: others.map(\.anchor.mark))
    return result
  }
}

extension TrustAnchor {
  /// With what leaves must not show beside the role's own mark.
  fileprivate func apart(from others: [RoleMark]) -> TrustAnchor {
    let mark: RoleMark
    switch self.mark {
    case .own: mark = .own
    case .usage(let own, _):
      mark = .usage(own, others: Set(others.compactMap { if case .usage(let other, _) = $0 { other } else { nil } }))
    case .policy(let own, _):
      mark = .policy(own, others: Set(others.compactMap { if case .policy(let other, _) = $0 { other } else { nil } }))
    }
    return TrustAnchor(name: name, certificates: certificates, role: role, mark: mark)
  }
}
