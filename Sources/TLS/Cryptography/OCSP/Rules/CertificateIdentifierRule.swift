import COpenSSL

extension OCSPRules {
  /// RFC 6960 section 3.2, items 1 and 5: exactly one part of the answer is about the certificate that was asked about,
  /// by issuer and serial number; parts about others are left aside.
  ///
  /// - Returns: OCSP_SINGLERESP.
  static func certificate(_ response: OCSPResponse, _ question: OCSPQuestion) throws(OCSPRefusal) -> OpaquePointer {
    let rule = "ocsp certificate"
    var found: [OpaquePointer] = []
    for digest in OCSPDigest.allCases {
      guard let identifier = question.identifier(digest) else { continue }
      defer { OCSP_CERTID_free(identifier) }
      var last = OCSP_resp_find(response.basic, identifier, -1)
      while last >= 0, found.count < 2 {
        if let single = OCSP_resp_get0(response.basic, last) { found.append(single) }
        last = OCSP_resp_find(response.basic, identifier, last)
      }
    }
    guard let single = found.first else { throw OCSPRefusal(rule, "says nothing about this certificate") }
    guard found.count == 1 else { throw OCSPRefusal(rule, "speaks of this certificate more than once") }
    return single
  }
}
