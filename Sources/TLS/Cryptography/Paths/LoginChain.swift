/// The certificate check of a login: from the bytes that came to the path.
///
/// Source: docs/security.md, "Certificate paths".
public struct LoginChain: Sendable {
  /// Leaf first; nothing of them is trusted but by ``path``.
  public let certificates: [Certificate]
  /// Where the same chain was found good before and is valid still.
  public let path: VerifiedPath?
  private let key: KnownPaths.Key

  public var leaf: Certificate { certificates[0] }

  /// Reads a chain within its limits, as far as it is not known.
  ///
  /// - Parameters:
  ///   - role: that it will be verified in.
  ///   - time: seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``CertificateRefusal``.
  public init(_ ders: [[UInt8]], role: Role, at time: Int64, known: KnownPaths) throws(CertificateRefusal) {
    key = KnownPaths.Key(ders, role)
    path = known.path(key, at: time)
    certificates = if let path { path.certificates } else { try Self.read(ders, known: known) }
  }

  /// The path of this chain: the kept one, else what `verify` finds from the certificates.
  ///
  /// - Throws: ``CertificateRefusal``, as `verify` does.
  public func path(
    orVerify verify: (_ certificates: [Certificate]) throws(CertificateRefusal) -> VerifiedPath
  ) throws(CertificateRefusal) -> VerifiedPath {
    if let path { path } else { try verify(certificates) }
  }

  /// Keeps the path of this chain, whose leaf's signature was found good.
  public func keep(_ found: VerifiedPath, in known: KnownPaths) {
    if path == nil { known.keep(found, key) }
  }

  /// Reads a chain and verifies that its leaf leads to the anchor in the anchor's role.
  ///
  /// - Parameters:
  ///   - ders: the leaf, then what may lead to an anchor, in any order; each exactly one certificate in DER.
  ///   - time: seconds since 1970-01-01T00:00:00Z.
  ///   - dnsName: nil where no host name is checked.
  /// - Throws: ``CertificateRefusal``.
  public static func verify(
    _ ders: [[UInt8]], anchor: TrustAnchor, at time: Int64, dnsName: String? = nil
  ) throws(CertificateRefusal) -> VerifiedPath {
    try CertificatePath.verify(chain: try read(ders), anchor: anchor, at: time, dnsName: dnsName)
  }

  /// Reads a chain within its limits; nothing of it is trusted yet.
  ///
  /// - Parameter known: issuers' certificates that need not be read again.
  /// - Throws: ``CertificateRefusal``.
  public static func read(
    _ ders: [[UInt8]], known: KnownPaths? = nil
  ) throws(CertificateRefusal) -> [Certificate] {
    let bytes = ders.reduce(0) { $0 + $1.count }
    guard (1...CertificatePath.largestLoginChain).contains(ders.count), bytes <= CertificatePath.largestLoginChainBytes
    else {
      throw CertificateRefusal(
        "chain", 0, "must have 1 to 8 certificates and at most 24 KiB; has \(ders.count) and \(bytes) bytes")
    }
    var chain: [Certificate] = []
    for (index, der) in ders.enumerated() {
      do {
        chain.append(try known?.certificate(der: der) ?? Certificate(der: der))
      } catch {
        throw CertificateRefusal("certificate", index, "\(error)")
      }
    }
    return chain
  }

  /// DER of the certificates in a file: PEM (RFC 7468), or one certificate in DER.
  ///
  /// - Parameter rule: named where OpenSSL cannot read one.
  /// - Throws: ``CertificateRefusal``.
  public static func certificates(inFile bytes: [UInt8], rule: String) throws(CertificateRefusal) -> [[UInt8]] {
    // A certificate in DER begins with a SEQUENCE; PEM is text.
    if bytes.first == 0x30 { return [bytes] }
    do {
      let ders = try Certificate.ders(fromPEM: bytes)
      guard !ders.isEmpty else { throw CryptographyError.openSSL("the file holds no certificate") }
      return ders
    } catch {
      throw CertificateRefusal(rule, 0, "\(error)")
    }
  }
}
