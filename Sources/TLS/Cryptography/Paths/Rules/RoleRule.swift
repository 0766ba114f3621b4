import COpenSSL

extension PathRules {
  /// The leaf shows its role as its anchor asks.
  static func role(_ role: Role, _ mark: RoleMark, of member: PathMember) throws(CertificateRefusal) {
    switch mark {
    case .own: try ownRole(role, member)
    case .usage(let identifier, let others): try outsideUsage(identifier, others, role, member)
    case .policy(let identifier, let others): try outsidePolicy(identifier, others, role, member)
    }
  }

  /// RFC 5280 section 4.2.1.12: the leaf has an extended key usage with this one role, not critical, without "any".
  private static func ownRole(_ role: Role, _ member: PathMember) throws(CertificateRefusal) {
    guard let usages = member.certificate.extendedKeyUsage else {
      throw member.refusal("role", "has no extended key usage; \(role) is needed")
    }
    guard !member.isCritical(NID_ext_key_usage) else {
      throw member.refusal("role", "the extended key usage is critical")
    }
    guard !usages.contains(anyUsage) else { throw member.refusal("role", "the extended key usage allows any use") }
    guard member.certificate.roles == [role] else {
      let found = member.certificate.roles.map { "\($0)" }.sorted().joined(separator: ", ")
      throw member.refusal("role", "is for \(found.isEmpty ? "no role of this service" : found), not for \(role)")
    }
  }

  /// RFC 5280 section 4.2.1.12: the leaf has the authority's usage for this role, none that gives another role, not
  /// critical, without "any".
  private static func outsideUsage(
    _ identifier: String, _ others: Set<String>, _ role: Role, _ member: PathMember
  ) throws(CertificateRefusal) {
    let usages = member.certificate.extendedKeyUsage ?? []
    guard usages.contains(identifier) else {
      throw member.refusal("role", "lacks the extended key usage \(identifier), which makes it a \(role)'s")
    }
    guard !member.isCritical(NID_ext_key_usage) else {
      throw member.refusal("role", "the extended key usage is critical")
    }
    guard !usages.contains(anyUsage) else { throw member.refusal("role", "the extended key usage allows any use") }
    try noOther(usages, others, role, member)
  }

  /// RFC 5280 section 4.2.1.4: the leaf has the authority's policy for this role and none that gives another role.
  /// Whether the policy is valid for the whole path is OpenSSL's to say.
  private static func outsidePolicy(
    _ identifier: String, _ others: Set<String>, _ role: Role, _ member: PathMember
  ) throws(CertificateRefusal) {
    let policies = member.certificate.policies
    guard policies.contains(identifier) else {
      throw member.refusal("role", "lacks the policy \(identifier), which makes it a \(role)'s")
    }
    try noOther(policies, others, role, member)
  }

  /// No mark of another role stands beside the authority's for this one: neither the authority's nor the service's own.
  private static func noOther(
    _ found: [String], _ others: Set<String>, _ role: Role, _ member: PathMember
  ) throws(CertificateRefusal) {
    let own = member.certificate.roles.subtracting([role]).map(\.identifier).sorted()
    if let other = found.first(where: others.contains) ?? own.first {
      throw member.refusal("role", "\(other) gives it another role beside \(role)")
    }
  }

  /// anyExtendedKeyUsage.
  private static let anyUsage = "2.5.29.37.0"
}
