/// The house rules of a path, on top of OpenSSL's. Each stands in its own file and names its section of RFC 5280.
///
/// Keys are no rule here: a certificate with a key that ``KeyKind`` does not allow cannot be read at all.
enum PathRules {
  /// Rules of one certificate by itself.
  static func check(_ member: PathMember) throws(CertificateRefusal) {
    try version(member)
    try serial(member)
    try signatureAlgorithm(member)
    try extensions(member)
    try authorityKeyIdentifier(member)
    try nameConstraints(member)
    try policies(member)
    try alternativeNames(member)
    switch member.place {
    case .leaf: try endEntity(member)
    case .between: break
    case .anchor: try anchorUsage(member)
    }
  }
}
