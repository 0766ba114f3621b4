extension PathRules {
  /// RFC 5280 section 4.1.2.5: both ends count, although OpenSSL 3.0 ends validity one second early.
  ///
  /// - Parameter time: seconds since 1970-01-01T00:00:00Z.
  static func validity(_ member: PathMember, at time: Int64) throws(CertificateRefusal) {
    let certificate = member.certificate
    guard time >= certificate.notBefore else {
      throw member.refusal("validity", "is not valid before \(certificate.notBefore), now is \(time)")
    }
    guard time <= certificate.notAfter else {
      throw member.refusal("validity", "ended at \(certificate.notAfter), now is \(time)")
    }
  }
}
