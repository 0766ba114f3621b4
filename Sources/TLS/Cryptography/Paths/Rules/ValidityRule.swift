import Bytes

extension PathRules {
  /// Name of the rule.
  static let validityName = "validity"

  /// RFC 5280 section 4.1.2.5: both ends count, although OpenSSL 3.0 ends validity one second early.
  ///
  /// - Parameter time: seconds since 1970-01-01T00:00:00Z.
  static func validity(_ member: PathMember, at time: Int64) throws(CertificateRefusal) {
    let certificate = member.certificate
    guard time >= certificate.notBefore else {
      throw member.refusal(
        validityName,
        "is not valid before \(RFC3339.text(seconds: certificate.notBefore)), now is \(RFC3339.text(seconds: time))")
    }
    guard time <= certificate.notAfter else {
      throw member.refusal(
        validityName, "ended at \(RFC3339.text(seconds: certificate.notAfter)), now is \(RFC3339.text(seconds: time))")
    }
  }
}
