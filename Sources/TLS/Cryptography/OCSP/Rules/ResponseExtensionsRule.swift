import COpenSSL

extension OCSPRules {
  /// RFC 6960 section 4.4: an answer with a critical extension that is not understood is not used. None that this program
  /// understands is critical.
  static func extensions(_ response: OCSPResponse) throws(OCSPRefusal) {
    var isCritical = OCSP_BASICRESP_get_ext_by_critical(response.basic, 1, -1) >= 0
    for index in 0..<max(0, OCSP_resp_count(response.basic)) {
      let single = OCSP_resp_get0(response.basic, index)
      isCritical = isCritical || OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0
    }
    guard !isCritical else { throw OCSPRefusal("ocsp extensions", "a critical extension is not understood") }
  }
}
