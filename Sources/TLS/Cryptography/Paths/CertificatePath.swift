/// Path validation: RFC 5280 section 6 by OpenSSL, with its strict checks, and the house rules on top.
///
/// Source: docs/security.md, "Certificate paths".
public enum CertificatePath {
  /// Most certificates of one chain in a login.
  public static let largestLoginChain = 8
  /// Most bytes of one chain in a login.
  public static let largestLoginChainBytes = 24 * 1_024
  /// Issuers tried while paths are built; a chain made to keep the server busy ends here.
  static let searchBudget = 64

  /// Verifies that a leaf has the role, as this service's own authority marks it, and leads to an anchor.
  ///
  /// - Parameters:
  ///   - chain: the leaf, then what may lead to an anchor, in any order.
  ///   - anchors: self-signed certificates that are trusted for this role.
  ///   - at: seconds since 1970-01-01T00:00:00Z.
  ///   - dnsName: nil where no host name is checked (RFC 6125 otherwise).
  /// - Throws: ``CertificateRefusal`` of the first path tried, where no path is good.
  @discardableResult
  public static func verify(
    chain: [Certificate], anchors: [Certificate], role: Role, at time: Int64, dnsName: String?
  ) throws(CertificateRefusal) -> VerifiedPath {
    let anchor = TrustAnchor(name: TrustAnchor.builtIn, certificates: anchors, role: role)
    do {
      return try verify(chain: chain, anchor: anchor, at: time, dnsName: dnsName)
    } catch {
      let begin = (chain + anchors).map(\.notBefore).max() ?? time
      let end = (chain + anchors).map(\.notAfter).min() ?? time
      let nearest = time < begin ? begin : min(time, end)
      guard error.rule == PathRules.validityName, nearest != time,
        (try? verify(chain: chain, anchor: anchor, at: nearest, dnsName: dnsName)) != nil
      else { throw error }
      throw CertificateRefusal(error.rule, error.index, error.text, offset: nearest - time)
    }
  }

  /// Verifies that a leaf leads to one of several anchors and shows its role as that anchor asks.
  ///
  /// - Throws: ``CertificateRefusal`` of the first anchor that the names of a path lead to.
  public static func verify(
    chain: [Certificate], anchors: [TrustAnchor], at time: Int64
  ) throws(CertificateRefusal) -> VerifiedPath {
    var first: CertificateRefusal?
    for anchor in anchors where anchors.count == 1 || leads(chain, to: anchor) {
      do throws(CertificateRefusal) {
        return try verify(chain: chain, anchor: anchor, at: time)
      } catch {
        first = first ?? error
      }
    }
    throw first ?? noAnchor(chain)
  }

  /// Verifies that a leaf leads to this anchor and shows its role as the anchor asks.
  ///
  /// - Parameter dnsName: nil where no host name is checked.
  /// - Throws: ``CertificateRefusal`` of the first path tried, where no path is good.
  public static func verify(
    chain: [Certificate], anchor: TrustAnchor, at time: Int64, dnsName: String? = nil
  ) throws(CertificateRefusal) -> VerifiedPath {
    guard let leaf = chain.first else { throw CertificateRefusal("chain", 0, "no certificate came") }
    guard chain.count <= largestLoginChain else {
      throw CertificateRefusal("chain", 0, "\(chain.count) certificates; at most \(largestLoginChain) are allowed")
    }
    let member = PathMember(certificate: leaf, index: 0, place: .leaf)
    try check(member, at: time)
    try PathRules.role(anchor.role, anchor.mark, of: member)
    var search = PathSearch(others: Array(chain.dropFirst()), anchors: anchor.certificates, budget: searchBudget)
    var first: CertificateRefusal?
    var found: VerifiedPath?
    _ = search.anyPath(from: leaf) { path in
      do throws(CertificateRefusal) {
        try check(path, anchor, at: time, dnsName: dnsName)
        found = VerifiedPath(certificates: path, anchor: anchor)
        return true
      } catch {
        first = first ?? error
        return false
      }
    }
    guard let found else { throw first ?? noAnchor(chain) }
    return found
  }

  private static func noAnchor(_ chain: [Certificate]) -> CertificateRefusal {
    CertificateRefusal("anchor", 0, "no path from \(chain.first?.subjectText ?? "nothing") leads to a trusted anchor")
  }

  /// Whether the names of a path lead to the anchor.
  private static func leads(_ chain: [Certificate], to anchor: TrustAnchor) -> Bool {
    guard let leaf = chain.first, chain.count <= largestLoginChain else { return false }
    var search = PathSearch(others: Array(chain.dropFirst()), anchors: anchor.certificates, budget: searchBudget)
    return search.anyPath(from: leaf) { _ in true }
  }

  /// Checks one path, anchor last, behind a leaf that was checked by itself.
  private static func check(
    _ path: [Certificate], _ anchor: TrustAnchor, at time: Int64, dnsName: String?
  ) throws(CertificateRefusal) {
    let members = path.enumerated().map { index, certificate in
      PathMember(
        certificate: certificate, index: index, place: index == 0 ? .leaf : index < path.count - 1 ? .between : .anchor)
    }
    for member in members.dropFirst() { try check(member, at: time) }
    try PathRules.excludedWildcards(members)
    try OpenSSLPath.verify(path, role: anchor.role, mark: anchor.mark, dnsName: dnsName)
  }

  private static func check(_ member: PathMember, at time: Int64) throws(CertificateRefusal) {
    try PathRules.check(member)
    try PathRules.validity(member, at: time)
  }

  /// Checks one certificate by itself, before or without its path: for an authority that is about to sign it.
  ///
  /// - Parameters:
  ///   - role: nil for an authority's certificate.
  ///   - at: seconds since 1970-01-01T00:00:00Z.
  public static func lint(_ certificate: Certificate, role: Role?, at time: Int64) throws(CertificateRefusal) {
    let isRoot = certificate.issuerDER == certificate.subjectDER
    let member = PathMember(
      certificate: certificate, index: 0, place: role != nil ? .leaf : isRoot ? .anchor : .between)
    try check(member, at: time)
    if let role { try PathRules.role(role, .own, of: member) }
  }
}
