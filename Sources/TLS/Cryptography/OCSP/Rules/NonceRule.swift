import COpenSSL

extension OCSPRules {
  /// RFC 9654 section 2.1: the nonce that was sent comes back, exactly.
  static func nonce(
    _ response: OCSPResponse, _ question: OCSPQuestion, _ policy: OCSPPolicy.Nonce
  ) throws(OCSPRefusal) {
    guard let sent = question.nonce else { return }
    let place = OCSP_BASICRESP_get_ext_by_NID(response.basic, NID_id_pkix_OCSP_Nonce, -1)
    guard place >= 0 else {
      guard policy == .ifSupported else { throw OCSPRefusal("ocsp nonce", "does not hold the nonce that was sent") }
      return
    }
    guard OCSPNonce.contents(of: OCSP_BASICRESP_get_ext(response.basic, place)) == sent else {
      throw OCSPRefusal("ocsp nonce", "holds another nonce than was sent")
    }
  }
}
