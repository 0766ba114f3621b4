import COpenSSL

extension PathRules {
  /// RFC 5280 sections 4.2.1.11 and 4.2.1.14: policyConstraints and inhibitAnyPolicy are critical.
  static func policies(_ member: PathMember) throws(CertificateRefusal) {
    for (kind, name) in [
      (NID_policy_constraints, "policyConstraints"), (NID_inhibit_any_policy, "inhibitAnyPolicy"),
    ] where member.extension(kind) != nil && !member.isCritical(kind) {
      throw member.refusal("policies", "\(name) is not critical")
    }
  }
}
