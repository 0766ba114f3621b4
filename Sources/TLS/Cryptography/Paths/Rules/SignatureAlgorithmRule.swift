import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.1.1.2: signature algorithms from a list, none with SHA-1, SHA-224 or MD5.
  static func signatureAlgorithm(_ member: PathMember) throws(CertificateRefusal) {
    let algorithm = X509_get_signature_nid(member.handle)
    let allowed = [
      NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA256,
      NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512, NID_ED25519,
    ]
    if allowed.contains(algorithm) { return }
    var digest: Int32 = 0
    let isPSS =
      algorithm == NID_rsassaPss && X509_get_signature_info(member.handle, &digest, nil, nil, nil) == 1
      && [NID_sha256, NID_sha384, NID_sha512].contains(digest)
    takeErrors()
    guard isPSS else {
      let name = OBJ_nid2sn(algorithm).map { String(cString: $0) } ?? "unknown"
      throw member.refusal("signature algorithm", "\(name) is not allowed")
    }
  }
}
