import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.2.1.12: the leaf has an extended key usage with this one role, not critical, without "any".
  static func role(_ role: Role, of member: PathMember) throws(CertificateRefusal) {
    guard let usages = member.certificate.extendedKeyUsage else {
      throw member.refusal("role", "has no extended key usage; \(role) is needed")
    }
    guard !member.isCritical(NID_ext_key_usage) else {
      throw member.refusal("role", "the extended key usage is critical")
    }
    guard !usages.contains("2.5.29.37.0") else { throw member.refusal("role", "the extended key usage allows any use") }
    guard member.certificate.roles == [role] else {
      let found = member.certificate.roles.map { "\($0)" }.sorted().joined(separator: ", ")
      throw member.refusal("role", "is for \(found.isEmpty ? "no role of this service" : found), not for \(role)")
    }
  }
}
