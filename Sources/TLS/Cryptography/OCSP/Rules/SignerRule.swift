import COpenSSL

extension OCSPRules {
  /// RFC 6960 section 4.2.2.2: the answer is signed by a configured responder, by the issuer's own key, or by a delegate
  /// that this issuer made itself; with an algorithm from the list for certificates.
  static func signer(
    _ response: OCSPResponse, issuer: Certificate, policy: OCSPPolicy, at time: Int64
  ) throws(OCSPRefusal) {
    try algorithm(response)
    if (policy.responders + [issuer]).contains(where: { hasSigned(response, $0) }) { return }
    for candidate in try response.certificates() where hasSigned(response, candidate) {
      return try delegate(candidate, of: issuer, at: time)
    }
    throw OCSPRefusal("ocsp signer", "is not signed by the issuer, a delegate that came with it, or a configured one")
  }

  private static func algorithm(_ response: OCSPResponse) throws(OCSPRefusal) {
    guard let algorithm = OCSP_resp_get0_tbs_sigalg(response.basic) else {
      throw OCSPRefusal("ocsp signer", "has no signature")
    }
    let number = OBJ_obj2nid(algorithm.pointee.algorithm)
    let digest = number == NID_rsassaPss ? countersign_pss_digest(algorithm) : NID_undef
    guard SignatureAlgorithms.isAllowed(number, pssDigest: digest) else {
      throw OCSPRefusal("ocsp signer", "the signature algorithm \(SignatureAlgorithms.name(number)) is not allowed")
    }
  }

  /// Whether the answer names this certificate as its responder and the signature is good under its key.
  private static func hasSigned(_ response: OCSPResponse, _ certificate: Certificate) -> Bool {
    guard let stack = countersign_x509_stack() else { return false }
    defer {
      countersign_x509_stack_free(stack)
      takeErrors()
    }
    _ = countersign_x509_push(stack, certificate.handle)
    return OCSP_basic_verify(response.basic, stack, nil, UInt(OCSP_NOINTERN | OCSP_TRUSTOTHER)) == 1
  }

  /// id-kp-OCSPSigning, issued directly by the certificate's own issuer, valid, and with id-pkix-ocsp-nocheck, because
  /// nothing else tells of a delegate's revocation (section 4.2.2.2.1).
  private static func delegate(
    _ certificate: Certificate, of issuer: Certificate, at time: Int64
  ) throws(OCSPRefusal) {
    func refusal(_ text: String) -> OCSPRefusal { OCSPRefusal("ocsp signer", "\(certificate.subjectText) \(text)") }
    defer { takeErrors() }
    guard certificate.issuerDER == issuer.subjectDER, X509_verify(certificate.handle, issuer.publicKey.handle) == 1
    else { throw refusal("was not issued by \(issuer.subjectText)") }
    let usages = certificate.extendedKeyUsage ?? []
    guard usages.contains("1.3.6.1.5.5.7.3.9"), !usages.contains("2.5.29.37.0") else {
      throw refusal("may not sign OCSP answers")
    }
    let member = PathMember(certificate: certificate, index: 0, place: .leaf)
    guard member.extension(NID_id_pkix_OCSP_noCheck) != nil else {
      throw refusal("lacks id-pkix-ocsp-nocheck, so its own revocation could not be told")
    }
    do throws(CertificateRefusal) {
      try PathRules.check(member)
      try PathRules.validity(member, at: time)
    } catch {
      throw refusal("breaks rule \(error.rule): \(error.text)")
    }
  }
}
