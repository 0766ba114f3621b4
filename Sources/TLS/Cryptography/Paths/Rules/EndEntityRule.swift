import COpenSSL

extension PathRules {
  /// RFC 5280 sections 4.2.1.3 and 4.2.1.9: the leaf is no authority and may sign.
  static func endEntity(_ member: PathMember) throws(CertificateRefusal) {
    guard !member.certificate.isAuthority else {
      throw member.refusal("end entity", "is an authority's certificate")
    }
    let usage = X509_get_key_usage(member.handle)
    guard usage == UInt32.max || usage & UInt32(KU_DIGITAL_SIGNATURE) != 0 else {
      throw member.refusal("end entity", "the key usage lacks digitalSignature")
    }
  }
}
