import Bytes
import COpenSSL

/// The house rules of a path, on top of OpenSSL's. Each names its section of RFC 5280.
enum PathRules {
  /// Rules of every certificate of the path, anchor included.
  static func every(_ certificate: Certificate, _ index: Int, isAnchor: Bool) throws(CertificateRefusal) {
    try version(certificate, index)
    try serial(certificate, index, isAnchor)
    try algorithm(certificate, index)
    try extensions(certificate, index)
    try authorityKeyIdentifier(certificate, index)
  }

  /// Section 4.1.2.1: version 3.
  private static func version(_ certificate: Certificate, _ index: Int) throws(CertificateRefusal) {
    let version = X509_get_version(certificate.handle) + 1
    guard version == 3 else { throw CertificateRefusal("version", index, "version \(version), must be 3") }
  }

  /// Section 4.1.2.2: positive and at most 20 octets; an anchor's may be zero.
  private static func serial(_ certificate: Certificate, _ index: Int, _ isAnchor: Bool) throws(CertificateRefusal) {
    let number = certificate.serial
    let isNegative = ASN1_STRING_type(X509_get0_serialNumber(certificate.handle)) == V_ASN1_NEG_INTEGER
    guard !isNegative, number.count <= 20, isAnchor || number.contains(where: { $0 != 0 }) else {
      throw CertificateRefusal("serial", index, "the serial number must be positive and at most 20 bytes")
    }
  }

  /// Section 4.1.1.2: signature algorithms from a list. The key's kind was checked when it was read.
  private static func algorithm(_ certificate: Certificate, _ index: Int) throws(CertificateRefusal) {
    let signature = X509_get_signature_nid(certificate.handle)
    let allowed = [
      NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA256,
      NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512, NID_ED25519,
    ]
    if allowed.contains(signature) { return }
    var digest: Int32 = 0
    let isPSS =
      signature == NID_rsassaPss
      && X509_get_signature_info(certificate.handle, &digest, nil, nil, nil) == 1
      && [NID_sha256, NID_sha384, NID_sha512].contains(digest)
    guard isPSS else {
      let name = OBJ_nid2sn(signature).map { String(cString: $0) } ?? "unknown"
      throw CertificateRefusal("algorithm", index, "the signature algorithm \(name) is not allowed")
    }
  }

  /// Section 4.2: every known extension parses, and none comes twice.
  private static func extensions(_ certificate: Certificate, _ index: Int) throws(CertificateRefusal) {
    guard X509_get_extension_flags(certificate.handle) & UInt32(EXFLAG_INVALID) == 0 else {
      throw CertificateRefusal("extensions", index, "an extension is malformed or comes twice")
    }
  }

  /// Section 4.2.1.1: present with keyIdentifier, unless signed by its own key; then equal to the subject's.
  private static func authorityKeyIdentifier(_ certificate: Certificate, _ index: Int) throws(CertificateRefusal) {
    let identifier = X509_get0_authority_key_id(certificate.handle)
    let isSelfSigned = X509_get_extension_flags(certificate.handle) & UInt32(EXFLAG_SS) != 0
    guard isSelfSigned else {
      guard identifier != nil else {
        throw CertificateRefusal("authority key identifier", index, "the authority key identifier is missing")
      }
      return
    }
    let own = X509_get0_subject_key_id(certificate.handle)
    guard identifier == nil || own != nil && ASN1_OCTET_STRING_cmp(identifier, own) == 0 else {
      throw CertificateRefusal("authority key identifier", index, "a self-signed certificate names another key")
    }
  }

  /// Section 4.1.2.5: both ends count.
  static func validity(_ certificate: Certificate, _ index: Int, at time: Int64) throws(CertificateRefusal) {
    guard time >= certificate.notBefore else {
      throw CertificateRefusal("validity", index, "is not valid before \(certificate.notBefore), now is \(time)")
    }
    guard time <= certificate.notAfter else {
      throw CertificateRefusal("validity", index, "ended at \(certificate.notAfter), now is \(time)")
    }
  }

  /// Sections 4.2.1.3, 4.2.1.9, 4.2.1.12: an end entity that signs, with one role, not critical, without "any".
  static func leaf(_ certificate: Certificate, role: Role) throws(CertificateRefusal) {
    guard X509_get_extension_flags(certificate.handle) & UInt32(EXFLAG_CA) == 0 else {
      throw CertificateRefusal("leaf", 0, "is an authority's certificate")
    }
    let usage = X509_get_key_usage(certificate.handle)
    guard usage == UInt32.max || usage & UInt32(KU_DIGITAL_SIGNATURE) != 0 else {
      throw CertificateRefusal("key usage", 0, "digitalSignature is missing")
    }
    let place = X509_get_ext_by_NID(certificate.handle, NID_ext_key_usage, -1)
    guard place >= 0, let usages = certificate.extendedKeyUsage else {
      throw CertificateRefusal("role", 0, "has no extended key usage; \(role) is needed")
    }
    guard X509_EXTENSION_get_critical(X509_get_ext(certificate.handle, place)) == 0 else {
      throw CertificateRefusal("role", 0, "the extended key usage is critical")
    }
    guard !usages.contains("2.5.29.37.0") else {
      throw CertificateRefusal("role", 0, "the extended key usage allows any use")
    }
    guard certificate.roles == [role] else {
      let found = certificate.roles.map { "\($0)" }.sorted().joined(separator: ", ")
      throw CertificateRefusal(
        "role", 0, "is for \(found.isEmpty ? "no role of this service" : found), not for \(role)")
    }
  }
}
