import Bytes
import Cryptography

/// A certificate authority of the service: its certificate, its key, and the chain up to the root.
///
/// Pure: knows no file and no clock.
public struct Issuer: Sendable {
  public let certificate: Certificate
  public let key: PrivateKey
  /// This certificate first, the root last.
  public let chain: [Certificate]
  /// Goes into consultants' and companies' certificates; nil: none does.
  public var ocspAddress: OCSPAddress?

  public init(certificate: Certificate, key: PrivateKey, chain: [Certificate], ocspAddress: OCSPAddress? = nil) {
    self.certificate = certificate
    self.key = key
    self.chain = chain
    self.ocspAddress = ocspAddress
  }

  /// Makes a root on P-256, which OpenSSL verifies ten times as fast as P-384.
  ///
  /// - Parameters:
  ///   - serviceName: becomes the root's common name.
  ///   - now: seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``IssuingError``, or ``CryptographyError`` where the name does not fit.
  public static func makeRoot(serviceName: String, now: Int64) throws -> Issuer {
    let key = PrivateKey.generate(.p256)
    let certificate = try PreparedCertificate.root(serviceName: serviceName, key: key.publicKey, now: now)
      .linted(issuer: nil, now: now)
      .signed(issuer: nil, key: key)
    return Issuer(certificate: certificate, key: key, chain: [certificate])
  }

  /// Makes an issuing authority on P-256 under this one.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``IssuingError``.
  public func makeIssuing(now: Int64) throws -> Issuer {
    let key = PrivateKey.generate(.p256)
    let made = try PreparedCertificate.issuing(key: key.publicKey, issuer: certificate, now: now)
      .linted(issuer: certificate, now: now)
      .signed(issuer: certificate, key: self.key)
    return Issuer(certificate: made, key: key, chain: [made] + chain)
  }

  /// Issues a leaf for the key of a request; its names come from the register, never from the request.
  ///
  /// - Parameters:
  ///   - dnsNames: for server and gateway, which must have one.
  ///   - now: seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``IssuingError`` where the certificate would break a rule; nothing is signed then.
  public func issue(
    _ request: CertificateRequest, role: Role, commonName: String, organisation: String?, dnsNames: [String] = [],
    now: Int64
  ) throws -> Certificate {
    let names = LeafNames(commonName: commonName, organisation: organisation, dnsNames: dnsNames)
    let leaf = try PreparedCertificate.leaf(
      role, names, key: request.publicKey, issuer: certificate, ocspAddress: ocspAddress, now: now
    )
    .linted(issuer: certificate, now: now)
    .signed(issuer: certificate, key: key)
    do {
      try CertificatePath.verify(
        chain: [leaf] + chain, anchors: chain.suffix(1), role: role, at: now, dnsName: dnsNames.first)
    } catch {
      throw IssuingError("the finished certificate would be refused: \(error)")
    }
    return leaf
  }
}

/// Why nothing was issued.
public struct IssuingError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
