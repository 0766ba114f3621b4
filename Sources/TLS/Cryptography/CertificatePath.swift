import Bytes
import COpenSSL

/// Why a certificate path was refused: the rule, the certificate that broke it and what was found.
public struct CertificateRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  /// Short name of the rule, for example "validity".
  public let rule: String
  /// Place in the path, 0 for the leaf.
  public let index: Int
  /// What was found.
  public let text: String

  init(_ rule: String, _ index: Int, _ text: String) {
    self.rule = rule
    self.index = index
    self.text = text
  }

  public var description: String { "certificate \(index), rule \(rule): \(text)" }
}

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

  /// Verifies that a leaf has the role and leads to an anchor.
  ///
  /// - Parameters:
  ///   - chain: the leaf, then what may lead to an anchor, in any order.
  ///   - anchors: self-signed certificates that are trusted for this role.
  ///   - at: seconds since 1970-01-01T00:00:00Z.
  ///   - dnsName: nil where no host name is checked (RFC 6125 otherwise).
  /// - Throws: ``CertificateRefusal`` of the first path tried, where no path is good.
  public static func verify(
    chain: [Certificate], anchors: [Certificate], role: Role, at time: Int64, dnsName: String?
  ) throws(CertificateRefusal) {
    guard let leaf = chain.first else { throw CertificateRefusal("chain", 0, "no certificate came") }
    guard chain.count <= largestLoginChain else {
      throw CertificateRefusal("chain", 0, "\(chain.count) certificates; at most \(largestLoginChain) are allowed")
    }
    var search = PathSearch(others: Array(chain.dropFirst()), anchors: anchors, budget: searchBudget)
    var first: CertificateRefusal?
    search.eachPath(from: leaf) { path in
      do throws(CertificateRefusal) {
        try check(path, role: role, at: time, dnsName: dnsName)
        first = nil
        return true
      } catch {
        if first == nil { first = error }
        return false
      }
    }
    if let first { throw first }
    guard search.hasFound else {
      throw CertificateRefusal("anchor", 0, "no path from \(leaf.subjectText) leads to a trusted anchor")
    }
  }

  /// Checks one path, leaf first, anchor last.
  private static func check(
    _ path: [Certificate], role: Role, at time: Int64, dnsName: String?
  ) throws(CertificateRefusal) {
    for (index, certificate) in path.enumerated() {
      let isAnchor = index == path.count - 1
      try PathRules.every(certificate, index, isAnchor: isAnchor)
      try PathRules.validity(certificate, index, at: time)
    }
    try PathRules.leaf(path[0], role: role)
    try OpenSSLPath.verify(path, role: role, dnsName: dnsName)
  }
}

/// Finds paths by names and key identifiers, depth first, within a budget.
private struct PathSearch {
  let others: [Certificate]
  let anchors: [Certificate]
  var budget: Int
  private(set) var hasFound = false

  init(others: [Certificate], anchors: [Certificate], budget: Int) {
    self.others = others
    self.anchors = anchors
    self.budget = budget
  }

  /// Calls `body` with each path until it returns true.
  mutating func eachPath(from leaf: Certificate, _ body: ([Certificate]) -> Bool) {
    _ = extend([leaf], body)
  }

  private mutating func extend(_ path: [Certificate], _ body: ([Certificate]) -> Bool) -> Bool {
    guard let last = path.last else { return false }
    for anchor in anchors where anchor.mayHaveIssued(last) && anchor != last {
      hasFound = true
      if body(path + [anchor]) { return true }
    }
    guard path.count < CertificatePath.largestLoginChain else { return false }
    for issuer in others where issuer.mayHaveIssued(last) && !path.contains(issuer) && !anchors.contains(issuer) {
      guard budget > 0 else { return false }
      budget -= 1
      if extend(path + [issuer], body) { return true }
    }
    return false
  }
}

extension Certificate {
  /// Names and key identifiers fit; says nothing about signatures.
  fileprivate func mayHaveIssued(_ other: Certificate) -> Bool {
    defer { takeErrors() }
    return X509_check_issued(handle, other.handle) == X509_V_OK
  }
}

/// One path through OpenSSL's X509_verify_cert, with one anchor and nothing else to choose from.
private enum OpenSSLPath {
  static func verify(_ path: [Certificate], role: Role, dnsName: String?) throws(CertificateRefusal) {
    guard let store = X509_STORE_new(), let context = X509_STORE_CTX_new(), let others = countersign_x509_stack() else {
      throw CertificateRefusal("path", 0, "out of memory")
    }
    defer {
      X509_STORE_CTX_free(context)
      X509_STORE_free(store)
      countersign_x509_stack_free(others)
      takeErrors()
    }
    for certificate in path[1..<(path.count - 1)] { _ = countersign_x509_push(others, certificate.handle) }
    guard X509_STORE_add_cert(store, path[path.count - 1].handle) == 1,
      X509_STORE_CTX_init(context, store, path[0].handle, others) == 1,
      let parameters = X509_STORE_CTX_get0_param(context)
    else { throw CertificateRefusal("path", 0, "OpenSSL could not begin: \(takeErrors())") }
    // The times are compared by ``PathRules/validity(_:_:at:)``: OpenSSL 3.0 ends validity one second early.
    X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_X509_STRICT | X509_V_FLAG_NO_CHECK_TIME))
    X509_VERIFY_PARAM_set_auth_level(parameters, 2)
    X509_VERIFY_PARAM_set_depth(parameters, Int32(CertificatePath.largestLoginChain))
    if let purpose = role.purpose { X509_VERIFY_PARAM_set_purpose(parameters, purpose) }
    if let dnsName {
      X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      guard X509_VERIFY_PARAM_set1_host(parameters, dnsName, dnsName.utf8.count) == 1 else {
        throw CertificateRefusal("name", 0, "\"\(dnsName)\" is no host name")
      }
    }
    guard X509_verify_cert(context) == 1 else {
      let words = X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(context))).map { String(cString: $0) }
      throw CertificateRefusal(
        "path", Int(X509_STORE_CTX_get_error_depth(context)), words ?? "OpenSSL gave no reason")
    }
  }
}

extension Role {
  /// OpenSSL's purpose where the role is used in TLS.
  fileprivate var purpose: Int32? {
    switch self {
    case .server, .gateway: X509_PURPOSE_SSL_SERVER
    case .administrator: X509_PURPOSE_SSL_CLIENT
    case .consultant, .company, .sealing, .ocsp: nil
    }
  }
}
