import Cryptography

/// Names of a leaf, from the register.
struct LeafNames {
  let commonName: String
  let organisation: String?
  let dnsNames: [String]
}

/// What policy says about one certificate; nothing is checked or signed yet.
///
/// The three steps prepare, lint and sign are three types that cannot be copied, so that nothing is signed that was not
/// linted, and nothing twice.
struct PreparedCertificate: ~Copyable {
  private let contents: CertificateContents
  private let key: PublicKey

  static func root(serviceName: String, key: PublicKey, now: Int64) -> PreparedCertificate {
    PreparedCertificate(
      contents: CertificateContents(
        commonName: serviceName, organisation: authorityOrganisation, serial: freshSerial(),
        notBefore: now - Lifetime.leeway, notAfter: now + Lifetime.root, holder: .authority(pathLength: 1)),
      key: key)
  }

  static func issuing(key: PublicKey, issuer: Certificate, now: Int64) -> PreparedCertificate {
    PreparedCertificate(
      contents: CertificateContents(
        commonName: "\(issuer.commonName ?? "service") issuing", organisation: authorityOrganisation,
        serial: freshSerial(), notBefore: now - Lifetime.leeway,
        notAfter: min(now + Lifetime.issuing, issuer.notAfter), holder: .authority(pathLength: 0)),
      key: key)
  }

  static func leaf(
    _ role: Role, _ names: LeafNames, key: PublicKey, issuer: Certificate, ocspAddress: OCSPAddress?, now: Int64
  ) -> PreparedCertificate {
    PreparedCertificate(
      contents: CertificateContents(
        commonName: names.commonName, organisation: names.organisation, serial: freshSerial(),
        notBefore: now - Lifetime.leeway, notAfter: min(now + Lifetime.of(role), issuer.notAfter), holder: .leaf(role),
        dnsNames: names.dnsNames,
        // Terminals and gateways judge the service's own certificates by the pinned root and their short life.
        ocspAddress: role == .consultant || role == .company ? ocspAddress : nil),
      key: key)
  }

  /// Checks the contents, and a specimen of the whole certificate, signed with a key that is thrown away, against the
  /// rules that every login applies.
  ///
  /// - Parameter issuer: nil for a root.
  /// - Throws: ``IssuingError``.
  consuming func linted(issuer: Certificate?, now: Int64) throws(IssuingError) -> LintedCertificate {
    try Lint.names(contents)
    try Lint.times(contents, issuer: issuer, now: now)
    try Lint.key(key, issuer: issuer)
    do {
      let throwaway = PrivateKey.generate(.p256)
      let specimen = try Certificate.make(
        contents, key: issuer == nil ? throwaway.publicKey : key, issuer: issuer, signer: throwaway)
      try CertificatePath.lint(specimen, role: contents.role, at: now)
    } catch {
      throw IssuingError("\(error)")
    }
    return LintedCertificate(contents: contents, key: key)
  }

  private static let authorityOrganisation = "Countersign"

  /// 16 random bytes, positive and never with a zero in front (RFC 5280 section 4.1.2.2).
  private static func freshSerial() -> [UInt8] {
    var serial = randomBytes(16)
    serial[0] = serial[0] & 0x7f | 0x40
    return serial
  }
}

/// Contents that passed every check; made by ``PreparedCertificate/linted(issuer:now:)`` alone.
struct LintedCertificate: ~Copyable {
  private let contents: CertificateContents
  private let key: PublicKey

  fileprivate init(contents: CertificateContents, key: PublicKey) {
    self.contents = contents
    self.key = key
  }

  /// Signs, once.
  ///
  /// - Parameter issuer: nil for a root, whose own key signs.
  /// - Throws: ``CryptographyError`` where the key refuses.
  consuming func signed(issuer: Certificate?, key signer: PrivateKey) throws(CryptographyError) -> Certificate {
    try Certificate.make(contents, key: key, issuer: issuer, signer: signer)
  }
}

extension CertificateContents {
  /// Nil for an authority.
  fileprivate var role: Role? {
    switch holder {
    case .leaf(let role): role
    case .authority, .outsideLeaf: nil
    }
  }

  fileprivate var isForTLSServer: Bool { role == .server || role == .gateway }
}

/// Checks of contents that no rule of a path makes.
private enum Lint {
  /// RFC 5280 appendix A.1: names have 1 to 64 characters; here none that a terminal would obey.
  static func names(_ contents: CertificateContents) throws(IssuingError) {
    for name in [contents.commonName, contents.organisation].compactMap(\.self) {
      guard (1...64).contains(name.unicodeScalars.count) else {
        throw IssuingError("\"\(name)\" must have 1 to 64 characters")
      }
      guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
        throw IssuingError("a name has control characters")
      }
    }
    guard contents.isForTLSServer != contents.dnsNames.isEmpty else {
      throw IssuingError("servers and gateways need a host name, and nobody else may have one")
    }
    for name in contents.dnsNames where !HostName.isHost(name) {
      throw IssuingError("\"\(name)\" is no host name and no address")
    }
  }

  /// RFC 5280 section 4.1.2.5: the certificate ends after now and not after its issuer.
  static func times(_ contents: CertificateContents, issuer: Certificate?, now: Int64) throws(IssuingError) {
    guard contents.notAfter > now else { throw IssuingError("the authority's own certificate is over") }
    guard now >= issuer?.notBefore ?? now else {
      throw IssuingError("the authority's own certificate is not valid yet")
    }
  }

  /// An authority's key serves the authority alone.
  static func key(_ key: PublicKey, issuer: Certificate?) throws(IssuingError) {
    guard key != issuer?.publicKey else { throw IssuingError("the key is the authority's own") }
  }
}
