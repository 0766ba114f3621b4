import COpenSSL

/// What a responder says about one certificate (RFC 6960 section 2.2).
public enum OCSPStatus: Sendable, Equatable {
  case good
  /// - Parameters:
  ///   - time: seconds since 1970-01-01T00:00:00Z.
  ///   - reason: number of RFC 5280 section 5.3.1.
  case revoked(time: Int64, reason: UInt8)
  case unknown
}

/// Answers without a signature (RFC 6960 section 2.3).
public enum OCSPFailure: Int32, Sendable {
  case malformedRequest = 1
  case internalError = 2
  case tryLater = 3

  /// The whole answer.
  public var der: [UInt8] {
    guard let response = OCSP_response_create(rawValue, nil) else { preconditionFailure("out of memory") }
    defer { OCSP_RESPONSE_free(response) }
    return encoded { i2d_OCSP_RESPONSE(response, $0) } ?? []
  }
}

/// Who signs answers: the issuer's delegate (RFC 6960 section 4.2.2.2).
public struct OCSPSigner: Sendable {
  public let certificate: Certificate
  public let key: PrivateKey
  /// Whether the certificate goes into each answer.
  public var showsCertificate = true

  public init(certificate: Certificate, key: PrivateKey) {
    self.certificate = certificate
    self.key = key
  }

  /// Signs the answer to a request, its nonce in it.
  ///
  /// - Parameters:
  ///   - statuses: one for each question, in its order.
  ///   - thisUpdate: since when this is known, seconds since 1970-01-01T00:00:00Z.
  ///   - nextUpdate: when newer information is there at the latest; nil: always.
  /// - Returns: DER of the OCSPResponse.
  /// - Throws: ``CryptographyError`` where the key refuses.
  public func answer(
    _ request: OCSPRequest, _ statuses: [OCSPStatus], thisUpdate: Int64, nextUpdate: Int64?
  ) throws(CryptographyError) -> [UInt8] {
    precondition(statuses.count == request.questions.count, "one status for each question")
    guard let basic = OCSP_BASICRESP_new() else { throw .openSSL("making an OCSP answer") }
    defer { OCSP_BASICRESP_free(basic) }
    for (index, status) in statuses.enumerated() {
      let asked = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.handle, Int32(index)))
      try Self.add(status, of: asked, to: basic, thisUpdate, nextUpdate)
    }
    guard request.nonce == nil || OCSP_copy_nonce(basic, request.handle) == 1 else {
      throw .openSSL("making an OCSP answer")
    }
    return try signed(basic)
  }

  private static func add(
    _ status: OCSPStatus, of asked: OpaquePointer?, to basic: OpaquePointer, _ thisUpdate: Int64, _ nextUpdate: Int64?
  ) throws(CryptographyError) {
    let from = ASN1_TIME_set(nil, time_t(thisUpdate))
    let until = nextUpdate.flatMap { ASN1_GENERALIZEDTIME_set(nil, time_t($0)) }
    defer {
      ASN1_TIME_free(from)
      ASN1_TIME_free(until)
    }
    let isAdded: Bool
    switch status {
    case .good: isAdded = OCSP_basic_add1_status(basic, asked, V_OCSP_CERTSTATUS_GOOD, 0, nil, from, until) != nil
    case .unknown: isAdded = OCSP_basic_add1_status(basic, asked, V_OCSP_CERTSTATUS_UNKNOWN, 0, nil, from, until) != nil
    case .revoked(let time, let reason):
      let revoked = ASN1_TIME_set(nil, time_t(time))
      defer { ASN1_TIME_free(revoked) }
      isAdded =
        OCSP_basic_add1_status(basic, asked, V_OCSP_CERTSTATUS_REVOKED, Int32(reason), revoked, from, until) != nil
    }
    guard isAdded else { throw .openSSL("making an OCSP answer") }
  }

  private func signed(_ basic: OpaquePointer) throws(CryptographyError) -> [UInt8] {
    guard let context = EVP_MD_CTX_new() else { throw .openSSL("signing an OCSP answer") }
    defer { EVP_MD_CTX_free(context) }
    let flags = OCSP_RESPID_KEY | (showsCertificate ? 0 : OCSP_NOCERTS)
    guard key.beginSigning(context),
      OCSP_basic_sign_ctx(basic, certificate.handle, context, nil, UInt(flags)) == 1,
      let response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic)
    else { throw .openSSL("signing an OCSP answer") }
    defer { OCSP_RESPONSE_free(response) }
    guard let der = encoded({ i2d_OCSP_RESPONSE(response, $0) }) else { throw .openSSL("signing an OCSP answer") }
    return der
  }
}
