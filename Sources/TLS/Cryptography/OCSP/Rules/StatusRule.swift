import COpenSSL

extension OCSPRules {
  /// RFC 6960 section 2.2: good alone is good.
  static func status(_ single: OpaquePointer) throws(OCSPRefusal) {
    let rule = "ocsp status"
    var reason: Int32 = -1
    var time: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
    switch OCSP_single_get0_status(single, &reason, &time, nil, nil) {
    case V_OCSP_CERTSTATUS_GOOD: return
    case V_OCSP_CERTSTATUS_REVOKED:
      let since = seconds(generalized: time).map { " at \($0)" } ?? ""
      let why = reason < 0 ? "" : OCSP_crl_reason_str(Int(reason)).map { ", \(String(cString: $0))" } ?? ""
      throw OCSPRefusal(rule, "the authority revoked the certificate\(since)\(why)", .revoked)
    default: throw OCSPRefusal(rule, "the authority does not know the certificate", .unknown)
    }
  }
}
