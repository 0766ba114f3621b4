import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.2.1.10: critical, not empty, host names without a leading dot, never in a leaf.
  static func nameConstraints(_ member: PathMember) throws(CertificateRefusal) {
    guard member.extension(NID_name_constraints) != nil else { return }
    let rule = "name constraints"
    guard member.place != .leaf else { throw member.refusal(rule, "only an authority may constrain names") }
    guard member.isCritical(NID_name_constraints) else { throw member.refusal(rule, "are not critical") }
    let constraints = NameConstraints(of: member.certificate)
    guard let permitted = constraints.permitted, let excluded = constraints.excluded,
      permitted + excluded > 0
    else { throw member.refusal(rule, "are empty") }
    for name in constraints.hostNames where !HostName.isValid(name) {
      throw member.refusal(rule, "\"\(name)\" is no host name")
    }
  }

  /// A wildcard of a certificate below must not span a host name that an authority excludes: OpenSSL compares only the
  /// wildcard's own letters.
  static func excludedWildcards(_ path: [PathMember]) throws(CertificateRefusal) {
    for authority in path.dropFirst() {
      for excluded in NameConstraints(of: authority.certificate).excludedHostNames {
        for member in path.prefix(authority.index) {
          for name in member.certificate.dnsNames where HostName.wildcard(name, spans: excluded) {
            throw member.refusal("name constraints", "\"\(name)\" spans \"\(excluded)\", which its authority excludes")
          }
        }
      }
    }
  }
}

/// A certificate's name constraints, copied out.
private struct NameConstraints {
  /// Number of subtrees; nil where the list is there but empty.
  private(set) var permitted: Int? = 0
  private(set) var excluded: Int? = 0
  private(set) var hostNames: [String] = []
  private(set) var excludedHostNames: [String] = []

  init(of certificate: Certificate) {
    guard let found = X509_get_ext_d2i(certificate.handle, NID_name_constraints, nil, nil) else { return }
    let constraints = found.assumingMemoryBound(to: NAME_CONSTRAINTS.self)
    defer { NAME_CONSTRAINTS_free(constraints) }
    let permittedNames = Self.names(constraints.pointee.permittedSubtrees)
    excludedHostNames = Self.names(constraints.pointee.excludedSubtrees)
    hostNames = permittedNames + excludedHostNames
    permitted = Self.count(constraints.pointee.permittedSubtrees)
    excluded = Self.count(constraints.pointee.excludedSubtrees)
  }

  private static func count(_ subtrees: OpaquePointer?) -> Int? {
    guard let subtrees else { return 0 }
    let count = Int(countersign_subtree_count(subtrees))
    return count > 0 ? count : nil
  }

  private static func names(_ subtrees: OpaquePointer?) -> [String] {
    (0..<countersign_subtree_count(subtrees)).compactMap { index in
      guard let name = countersign_subtree_base(subtrees, index)?.pointee.text, name.kind == GEN_DNS else { return nil }
      return String(decoding: name.bytes, as: UTF8.self)
    }
  }
}
