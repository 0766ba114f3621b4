import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.1.2.1: version 3.
  static func version(_ member: PathMember) throws(CertificateRefusal) {
    let version = X509_get_version(member.handle) + 1
    guard version == 3 else { throw member.refusal("version", "version \(version), must be 3") }
  }
}
