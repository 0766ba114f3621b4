import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.2.1.12: a self-signed anchor has no extended key usage.
  static func anchorUsage(_ member: PathMember) throws(CertificateRefusal) {
    guard member.extension(NID_ext_key_usage) == nil || !member.certificate.isSelfSigned else {
      throw member.refusal("anchor usage", "a self-signed anchor has an extended key usage")
    }
  }
}
