import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.1.2.2: positive and at most 20 octets; an anchor's may be zero.
  static func serial(_ member: PathMember) throws(CertificateRefusal) {
    let number = member.certificate.serial
    let isNegative = ASN1_STRING_type(X509_get0_serialNumber(member.handle)) == V_ASN1_NEG_INTEGER
    // An octet with its highest bit set needs a zero octet before it.
    let octets = number.count + (number.first.map { $0 >> 7 == 1 } ?? false ? 1 : 0)
    let isZero = number.allSatisfy { $0 == 0 }
    guard !isNegative, octets <= 20, !isZero || member.place == .anchor else {
      throw member.refusal("serial", "the serial number must be positive and have at most 20 octets")
    }
  }
}
