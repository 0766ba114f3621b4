import Bytes
import COpenSSL

extension OCSPRules {
  /// Seconds that the responder's clock may be ahead of this one.
  static let leeway: Int64 = 300
  /// Age in seconds of an answer that promises no time for newer information.
  static let oldest: Int64 = 300

  /// RFC 6960 sections 3.2, items 5 and 6, and 4.2.2.1: known since a time that has come, and newer information is not
  /// due yet; where the answer does not tell when it is due, it is at most five minutes old.
  ///
  /// - Returns: nextUpdate, seconds since 1970-01-01T00:00:00Z; nil where there is none.
  static func times(
    _ response: OCSPResponse, _ single: OpaquePointer, at time: Int64
  ) throws(OCSPRefusal) -> Int64? {
    let rule = "ocsp times"
    var from: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
    var until: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
    OCSP_single_get0_status(single, nil, nil, &from, &until)
    guard let thisUpdate = seconds(generalized: from),
      let producedAt = seconds(generalized: OCSP_resp_get0_produced_at(response.basic))
    else { throw OCSPRefusal(rule, "a time is not in the form that RFC 5280 asks for") }
    guard thisUpdate <= time + leeway, producedAt <= time + leeway else {
      throw OCSPRefusal(rule, "is of \(told(max(thisUpdate, producedAt))), which is after now, \(told(time))")
    }
    guard until != nil else {
      guard time - thisUpdate <= oldest else {
        throw OCSPRefusal(rule, "is of \(told(thisUpdate)) and tells no nextUpdate; now is \(told(time))")
      }
      return nil
    }
    guard let nextUpdate = seconds(generalized: until), nextUpdate >= thisUpdate else {
      throw OCSPRefusal(rule, "nextUpdate is malformed or before thisUpdate")
    }
    guard time <= nextUpdate else {
      throw OCSPRefusal(rule, "is stale: ended at \(told(nextUpdate)), now is \(told(time))")
    }
    return nextUpdate
  }

  private static func told(_ seconds: Int64) -> String { RFC3339.text(seconds: seconds) }
}
