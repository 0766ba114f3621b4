import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.1.1.2: signature algorithms from a list, none with SHA-1, SHA-224 or MD5.
  static func signatureAlgorithm(_ member: PathMember) throws(CertificateRefusal) {
    let algorithm = X509_get_signature_nid(member.handle)
    var digest: Int32 = 0
    if algorithm == NID_rsassaPss { X509_get_signature_info(member.handle, &digest, nil, nil, nil) }
    takeErrors()
    guard SignatureAlgorithms.isAllowed(algorithm, pssDigest: digest) else {
      throw member.refusal("signature algorithm", "\(SignatureAlgorithms.name(algorithm)) is not allowed")
    }
  }
}

/// Signature algorithms of certificates and OCSP answers: RSA, RSA-PSS and ECDSA with SHA-256, 384 or 512, Ed25519.
enum SignatureAlgorithms {
  private static let allowed = [
    NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA256,
    NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512, NID_ED25519,
  ]

  /// - Parameters:
  ///   - algorithm: OpenSSL's number of the algorithm.
  ///   - pssDigest: OpenSSL's number of the digest; looked at for RSASSA-PSS alone.
  static func isAllowed(_ algorithm: Int32, pssDigest: Int32) -> Bool {
    allowed.contains(algorithm)
      || algorithm == NID_rsassaPss && [NID_sha256, NID_sha384, NID_sha512].contains(pssDigest)
  }

  static func name(_ algorithm: Int32) -> String { OBJ_nid2sn(algorithm).map { String(cString: $0) } ?? "unknown" }
}
