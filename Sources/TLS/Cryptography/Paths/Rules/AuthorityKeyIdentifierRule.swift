import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.2.1.1: present with keyIdentifier, unless signed by its own key; there, where present, equal to
  /// the subject key identifier and without issuer and serial.
  static func authorityKeyIdentifier(_ member: PathMember) throws(CertificateRefusal) {
    let rule = "authority key identifier"
    let identifier = X509_get0_authority_key_id(member.handle)
    guard member.certificate.isSelfSigned else {
      guard identifier != nil else { throw member.refusal(rule, "is missing") }
      return
    }
    guard member.extension(NID_authority_key_identifier) != nil else { return }
    guard let identifier, let own = X509_get0_subject_key_id(member.handle), ASN1_OCTET_STRING_cmp(identifier, own) == 0
    else { throw member.refusal(rule, "is self-signed but names another key") }
    guard X509_get0_authority_issuer(member.handle) == nil, X509_get0_authority_serial(member.handle) == nil else {
      throw member.refusal(rule, "is self-signed but names its issuer and serial number")
    }
  }
}
