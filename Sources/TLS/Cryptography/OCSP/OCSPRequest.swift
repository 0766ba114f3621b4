import COpenSSL

/// A question to an OCSP responder, as it came (RFC 6960 section 4.1). A signature on it is not looked at: everybody may
/// ask.
///
/// Immutable after `init`, which is why it may be shared.
public final class OCSPRequest: @unchecked Sendable {
  /// Most certificates in one question.
  public static let largestQuestions = 16
  /// Most bytes of one request.
  public static let largestBytes = 8 * 1_024

  /// One certificate that is asked about.
  public struct Question: Sendable, Hashable {
    /// Nil for a hash that is not known here.
    public let digest: OCSPDigest?
    public let issuerNameHash: [UInt8]
    public let issuerKeyHash: [UInt8]
    /// Big-endian; nil where it is negative, which no certificate of ours has.
    public let serial: [UInt8]?
  }

  let handle: OpaquePointer
  public let questions: [Question]
  /// 1 to 128 bytes; nil: none was sent.
  public let nonce: [UInt8]?

  /// - Throws: ``CryptographyError`` where this is not exactly one request in DER with 1 to 16 questions, or its nonce is
  ///   empty or longer than 128 bytes (RFC 9654 section 2.1).
  public init(der: [UInt8]) throws(CryptographyError) {
    guard der.count <= Self.largestBytes else { throw CryptographyError("the request has \(der.count) bytes") }
    let handle = der.withUnsafeBufferPointer { der -> OpaquePointer? in
      var next = der.baseAddress
      guard let request = d2i_OCSP_REQUEST(nil, &next, der.count) else { return nil }
      guard next == der.baseAddress?.advanced(by: der.count) else {
        OCSP_REQUEST_free(request)
        return nil
      }
      return request
    }
    guard let handle else { throw .openSSL("is not exactly one OCSP request in DER") }
    do throws(CryptographyError) {
      questions = try Self.questions(handle)
      nonce = try Self.nonce(handle)
    } catch {
      OCSP_REQUEST_free(handle)
      throw error
    }
    self.handle = handle
  }

  deinit { OCSP_REQUEST_free(handle) }

  private static func questions(_ handle: OpaquePointer) throws(CryptographyError) -> [Question] {
    let count = OCSP_request_onereq_count(handle)
    guard (1...Int32(largestQuestions)).contains(count) else {
      throw CryptographyError("the request asks about \(count) certificates")
    }
    return (0..<count).map { Question(OCSP_onereq_get0_id(OCSP_request_onereq_get0(handle, $0))) }
  }

  private static func nonce(_ handle: OpaquePointer) throws(CryptographyError) -> [UInt8]? {
    let place = OCSP_REQUEST_get_ext_by_NID(handle, NID_id_pkix_OCSP_Nonce, -1)
    guard place >= 0 else { return nil }
    defer { takeErrors() }
    guard let nonce = OCSPNonce.contents(of: OCSP_REQUEST_get_ext(handle, place)) else {
      throw CryptographyError("the nonce must be an OCTET STRING of 1 to \(OCSPNonce.largest) bytes")
    }
    return nonce
  }
}

extension OCSPRequest.Question {
  init(_ identifier: OpaquePointer?) {
    var name: UnsafeMutablePointer<ASN1_OCTET_STRING>?
    var object: OpaquePointer?
    var key: UnsafeMutablePointer<ASN1_OCTET_STRING>?
    var number: UnsafeMutablePointer<ASN1_INTEGER>?
    OCSP_id_get0_info(&name, &object, &key, &number, identifier)
    func bytes(_ string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
      [UInt8](UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string))))
    }
    digest = OCSPDigest(object: object)
    issuerNameHash = bytes(name)
    issuerKeyHash = bytes(key)
    serial = ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER ? nil : bytes(number)
  }

  /// Whether the question is about a certificate of this issuer.
  public func isOf(issuer: Certificate) -> Bool {
    guard let digest, let serial = ASN1_INTEGER_new() else { return false }
    defer { ASN1_INTEGER_free(serial) }
    guard
      let identifier = OCSP_cert_id_new(
        digest.handle, X509_get_subject_name(issuer.handle), X509_get0_pubkey_bitstr(issuer.handle), serial)
    else { return false }
    defer { OCSP_CERTID_free(identifier) }
    let own = OCSPRequest.Question(identifier)
    return own.issuerNameHash == issuerNameHash && own.issuerKeyHash == issuerKeyHash
  }
}
