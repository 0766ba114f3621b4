import Bytes
import Cryptography
import TLS

/// A root and an issuing authority for one test run.
public struct TestAuthority: Sendable {
  /// The pinned certificate.
  public let root: Certificate
  private let issuing: Certificate
  private let issuingKey: PrivateKey
  private let now: Int64

  /// Makes fresh keys.
  public init(now: Int64 = TLSContext.wallClock()) throws {
    self.now = now
    let rootKey = PrivateKey.generate(.p256)
    issuingKey = PrivateKey.generate(.p256)
    let year: Int64 = 365 * 86_400
    root = try Certificate.make(
      CertificateContents(
        commonName: "Test root", serial: [0x51], notBefore: now - 3_600, notAfter: now + 10 * year,
        holder: .authority(pathLength: 1)),
      key: rootKey.publicKey, issuer: nil, signer: rootKey)
    issuing = try Certificate.make(
      CertificateContents(
        commonName: "Test issuing", serial: [0x52], notBefore: now - 3_600, notAfter: now + 5 * year,
        holder: .authority(pathLength: 0)),
      key: issuingKey.publicKey, issuer: root, signer: rootKey)
  }

  /// Issues a leaf.
  ///
  /// - Parameter days: of validity, from an hour ago; negative: it is over.
  public func issue(_ role: Role, dnsNames: [String] = [], days: Int64 = 1) throws -> TestIdentity {
    let key = PrivateKey.generate(.p256)
    let (begin, end) = (now - 3_600, now + days * 86_400)
    let leaf = try Certificate.make(
      CertificateContents(
        commonName: "Test \(role)", serial: [0x53], notBefore: min(begin, end - 3_600), notAfter: end,
        holder: .leaf(role), dnsNames: dnsNames),
      key: key.publicKey, issuer: issuing, signer: issuingKey)
    return TestIdentity(chain: [leaf, issuing, root], key: key)
  }

  /// What a client of this authority's server demands.
  public func verification(dnsName: String? = nil, role: Role = .server) -> ServerVerification {
    ServerVerification(rootFingerprint: root.fingerprint, dnsName: dnsName, role: role)
  }
}

/// A leaf with its chain and key.
public struct TestIdentity: Sendable {
  /// Leaf first, root last.
  public let chain: [Certificate]
  /// The leaf's key.
  public let key: PrivateKey

  /// A server's context with this identity.
  public func server(clientAnchors: [Certificate] = [], clientRoles: [Role] = [.administrator]) throws -> TLSContext {
    try TLSContext.server(chain: chain, key: key, clientAnchors: clientAnchors, clientRoles: clientRoles)
  }
}
