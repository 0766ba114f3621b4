import Bytes
import Cryptography

/// A certificate authority of the service: its certificate, its key, and the chain up to the root.
///
/// Issuing goes through three steps: contents are prepared from policy, linted against the same rules that a login
/// checks, and only then signed. Pure: knows no file and no clock.
public struct Issuer: Sendable {
  public let certificate: Certificate
  public let key: PrivateKey
  /// This certificate first, the root last.
  public let chain: [Certificate]

  public init(certificate: Certificate, key: PrivateKey, chain: [Certificate]) {
    self.certificate = certificate
    self.key = key
    self.chain = chain
  }

  /// Makes a root on P-384.
  ///
  /// - Parameters:
  ///   - serviceName: becomes the root's common name.
  ///   - now: seconds since 1970-01-01T00:00:00Z.
  public static func makeRoot(serviceName: String, now: Int64) throws(CryptographyError) -> Issuer {
    let key = PrivateKey.generate(.p384)
    let contents = CertificateContents(
      commonName: serviceName, organisation: "Countersign", serial: Self.freshSerial(),
      notBefore: now - Lifetime.leeway,
      notAfter: now + Lifetime.root, holder: .authority(pathLength: 1))
    let certificate = try Certificate.make(contents, key: key.publicKey, issuer: nil, signer: key)
    return Issuer(certificate: certificate, key: key, chain: [certificate])
  }

  /// Makes an issuing authority on P-384 under this one.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  public func makeIssuing(now: Int64) throws(CryptographyError) -> Issuer {
    let key = PrivateKey.generate(.p384)
    let contents = CertificateContents(
      commonName: "\(certificate.commonName ?? "service") issuing", organisation: "Countersign",
      serial: Self.freshSerial(), notBefore: now - Lifetime.leeway,
      notAfter: min(now + Lifetime.issuing, certificate.notAfter), holder: .authority(pathLength: 0))
    let made = try Certificate.make(contents, key: key.publicKey, issuer: certificate, signer: self.key)
    return Issuer(certificate: made, key: key, chain: [made] + chain)
  }

  /// Issues a leaf for the key of a request; its names come from the register, never from the request.
  ///
  /// - Parameters:
  ///   - dnsNames: for server and gateway.
  ///   - now: seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``IssuingError`` where the finished contents break a rule; nothing is signed then.
  public func issue(
    _ request: CertificateRequest, role: Role, commonName: String, organisation: String?, dnsNames: [String] = [],
    now: Int64
  ) throws -> Certificate {
    let contents = CertificateContents(
      commonName: commonName, organisation: organisation, serial: Self.freshSerial(),
      notBefore: now - Lifetime.leeway, notAfter: min(now + Lifetime.of(role), certificate.notAfter),
      holder: .leaf(role), dnsNames: dnsNames)
    try lint(contents, now: now)
    let leaf = try Certificate.make(contents, key: request.publicKey, issuer: certificate, signer: key)
    do {
      try CertificatePath.verify(
        chain: [leaf] + chain, anchors: [chain[chain.count - 1]], role: role, at: now, dnsName: dnsNames.first)
    } catch {
      throw IssuingError("the finished certificate would be refused: \(error)")
    }
    return leaf
  }

  private func lint(_ contents: CertificateContents, now: Int64) throws(IssuingError) {
    guard (1...64).contains(contents.commonName.unicodeScalars.count) else {
      throw IssuingError("the common name must have 1 to 64 characters")
    }
    guard contents.notAfter > now else { throw IssuingError("the authority's own certificate is over") }
    for name in contents.dnsNames {
      guard HostName.isValid(name) else { throw IssuingError("\"\(name)\" is no host name") }
    }
  }

  /// 16 random bytes, positive (RFC 5280 section 4.1.2.2).
  private static func freshSerial() -> [UInt8] {
    var serial = randomBytes(16)
    serial[0] = serial[0] & 0x7f | 0x40
    return serial
  }
}

/// How long certificates live, in seconds.
public enum Lifetime {
  static let day: Int64 = 86_400
  /// Certificates begin this long before they are made, for terminals with slow clocks.
  public static let leeway: Int64 = 300
  public static let root: Int64 = 10 * 365 * day
  public static let issuing: Int64 = 5 * 365 * day

  /// Of a leaf.
  public static func of(_ role: Role) -> Int64 {
    switch role {
    case .consultant, .server, .gateway: 90 * day
    case .company, .administrator: 365 * day
    case .sealing, .ocsp: 30 * day
    }
  }
}

/// Why nothing was issued.
public struct IssuingError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// Host names as certificates may hold them (RFC 1123 section 2.1).
public enum HostName {
  /// Labels of 1 to 63 letters, digits and inner hyphens, at most 253 bytes together.
  public static func isValid(_ name: String) -> Bool {
    let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return name.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen && label.allSatisfy(isAllowed)
      }
  }

  private static let hyphen = UInt8(ascii: "-")

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen:
      true
    default: false
    }
  }
}
