import COpenSSL
import Glibc

/// A basic OCSP answer (RFC 6960 section 4.2), read by OpenSSL; nothing of it is trusted yet.
final class OCSPResponse {
  /// Most bytes of an answer: a few certificates have room.
  static let largestBytes = 64 * 1_024

  /// OCSP_BASICRESP.
  let basic: OpaquePointer

  /// - Throws: ``OCSPRefusal`` where this is not exactly one successful basic answer in DER.
  init(der: [UInt8]) throws(OCSPRefusal) {
    let rule = "ocsp response"
    guard der.count <= Self.largestBytes else {
      throw OCSPRefusal(rule, "has \(der.count) bytes; at most \(Self.largestBytes) are taken")
    }
    let response = der.withUnsafeBufferPointer { der -> OpaquePointer? in
      var next = der.baseAddress
      guard let response = d2i_OCSP_RESPONSE(nil, &next, der.count) else { return nil }
      guard next == der.baseAddress?.advanced(by: der.count) else {
        OCSP_RESPONSE_free(response)
        return nil
      }
      return response
    }
    guard let response else { throw OCSPRefusal(rule, "is not exactly one OCSP answer in DER: \(takeErrors())") }
    defer { OCSP_RESPONSE_free(response) }
    let status = OCSP_response_status(response)
    guard status == OCSP_RESPONSE_STATUS_SUCCESSFUL else {
      let name = OCSP_response_status_str(Int(status)).map { String(cString: $0) } ?? "status \(status)"
      throw OCSPRefusal(rule, "the responder answers \(name)")
    }
    guard let basic = OCSP_response_get1_basic(response) else {
      throw OCSPRefusal(rule, "is no basic answer: \(takeErrors())")
    }
    // The basic answer stands last in the response: bytes behind it would be between it and the end.
    guard let own = encoded({ i2d_OCSP_BASICRESP(basic, $0) }), der.suffix(own.count).elementsEqual(own) else {
      OCSP_BASICRESP_free(basic)
      throw OCSPRefusal(rule, "has bytes behind it or is not DER")
    }
    self.basic = basic
  }

  deinit { OCSP_BASICRESP_free(basic) }

  /// Certificates that came with the answer, at most 8.
  ///
  /// - Throws: ``OCSPRefusal`` where there are more or one cannot be read.
  func certificates() throws(OCSPRefusal) -> [Certificate] {
    let stack = OCSP_resp_get0_certs(basic)
    let count = countersign_x509_count(stack)
    guard count <= CertificatePath.largestLoginChain else {
      throw OCSPRefusal("ocsp signer", "\(count) certificates came with the answer")
    }
    var certificates: [Certificate] = []
    for index in 0..<count {
      let handle = countersign_x509(stack, index)
      do throws(CryptographyError) {
        certificates.append(try Certificate(der: encoded { i2d_X509(handle, $0) } ?? []))
      } catch {
        throw OCSPRefusal("ocsp signer", "a certificate that came with the answer cannot be read: \(error)")
      }
    }
    return certificates
  }
}

/// Seconds since 1970-01-01T00:00:00Z of a GeneralizedTime in the form of RFC 5280 section 4.1.2.5.2: with seconds, no
/// fractions, in Z; nil for another form.
func seconds(generalized time: UnsafePointer<ASN1_GENERALIZEDTIME>?) -> Int64? {
  var parts = tm()
  guard let time, ASN1_STRING_type(time) == V_ASN1_GENERALIZEDTIME, ASN1_STRING_length(time) == 15,
    ASN1_TIME_to_tm(time, &parts) == 1
  else { return nil }
  return Int64(timegm(&parts))
}
