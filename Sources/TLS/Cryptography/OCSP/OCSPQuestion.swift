import COpenSSL

/// How answers of one authority are judged.
public struct OCSPPolicy: Sendable, Equatable {
  /// What must return of the nonce that was sent (RFC 9654).
  public enum Nonce: String, Sendable, CaseIterable {
    /// The answer must hold it.
    case required
    /// An answer without one is taken, for responders that sign ahead; another one never.
    case ifSupported = "if-supported"
  }
  public var nonce: Nonce
  public var digest: OCSPDigest
  /// Certificates whose answers are trusted by configuration (RFC 6960 section 4.2.2.2).
  public var responders: [Certificate]

  public init(nonce: Nonce = .required, digest: OCSPDigest = .sha1, responders: [Certificate] = []) {
    self.nonce = nonce
    self.digest = digest
    self.responders = responders
  }
}

/// The question about one certificate, and the judgement of its answer.
public struct OCSPQuestion: Sendable {
  /// The certificate and the one that issued it, which was verified before.
  public let certificate: Certificate
  public let issuer: Certificate
  /// Nil where none was sent, or where it is not known which one was: then none is compared.
  public let nonce: [UInt8]?

  public init(certificate: Certificate, issuer: Certificate, nonce: [UInt8]?) {
    self.certificate = certificate
    self.issuer = issuer
    self.nonce = nonce
  }

  /// A question with a fresh nonce of 32 bytes.
  public init(certificate: Certificate, issuer: Certificate) {
    self.init(certificate: certificate, issuer: issuer, nonce: randomBytes(OCSPNonce.count))
  }

  /// DER of the OCSPRequest.
  ///
  /// - Throws: ``CryptographyError`` where OpenSSL cannot make it.
  public func der(_ digest: OCSPDigest) throws(CryptographyError) -> [UInt8] {
    guard let request = OCSP_REQUEST_new(), let identifier = identifier(digest) else {
      throw .openSSL("making an OCSP request")
    }
    defer { OCSP_REQUEST_free(request) }
    guard OCSP_request_add0_id(request, identifier) != nil else {
      OCSP_CERTID_free(identifier)
      throw .openSSL("making an OCSP request")
    }
    if var nonce {
      guard OCSP_request_add1_nonce(request, &nonce, Int32(nonce.count)) == 1 else {
        throw .openSSL("making an OCSP request")
      }
    }
    guard let der = encoded({ i2d_OCSP_REQUEST(request, $0) }) else { throw .openSSL("making an OCSP request") }
    return der
  }

  /// OCSP_CERTID, to be freed.
  func identifier(_ digest: OCSPDigest) -> OpaquePointer? {
    OCSP_cert_to_id(digest.handle, certificate.handle, issuer.handle)
  }

  /// Judges an answer by every rule, in this order: response, signer, extensions, certificate, times, nonce, status.
  ///
  /// - Parameters:
  ///   - answer: the body that came.
  ///   - time: now, seconds since 1970-01-01T00:00:00Z.
  /// - Returns: when the answer ends (nextUpdate), seconds since 1970-01-01T00:00:00Z; nil: at once.
  /// - Throws: ``OCSPRefusal`` where the certificate is not shown to be good.
  @discardableResult
  public func verify(_ answer: [UInt8], policy: OCSPPolicy, at time: Int64) throws(OCSPRefusal) -> Int64? {
    defer { takeErrors() }
    let response = try OCSPResponse(der: answer)
    try OCSPRules.signer(response, issuer: issuer, policy: policy, at: time)
    try OCSPRules.extensions(response)
    let single = try OCSPRules.certificate(response, self)
    let nextUpdate = try OCSPRules.times(response, single, at: time)
    try OCSPRules.nonce(response, self, policy.nonce)
    try OCSPRules.status(single)
    return nextUpdate
  }
}

/// The rules of an answer. Each stands in its own file and names its section.
enum OCSPRules {}
