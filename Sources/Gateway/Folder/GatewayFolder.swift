import Authority
import Bytes
import CountersignClient
import Cryptography
import Files
import Messages

/// The gateway's folder.
///
/// ```
/// profile.signed        serialized SignedProfile: where the service is, signed by it
/// company.pem           the company's chain, root last
/// company.key           PKCS#8, encrypted under the passphrase, or instead of it
/// company.uri           PKCS#11 URI of the key in a token, whose PIN is the passphrase
/// tls.pem .key          the chain with role gateway; its key, mode 0600
/// outside.pem .key      optional: a chain of an outside authority for the company, which logins are countersigned with;
///                       its key, encrypted under the passphrase
/// anchors/NAME/         outside authorities, as in the service's folder
/// enrolling-*.key       keys of an enrolment that has not ended
/// ```
public struct GatewayFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Whether a gateway was set up here.
  public var isEnrolled: Bool { Files.exists(file("profile.signed")) }

  private func checkEnrolled() throws {
    guard try Files.isThere(file("profile.signed")) else {
      throw TerminalError.folder("\(path) is no gateway's folder; run countersign-gateway init HOST:PORT TOKEN")
    }
    guard Files.exists(file("tls.pem")) || !Files.exists(file("consultant.pem")) else {
      throw TerminalError.folder("\(path) is a terminal's folder, not a gateway's; name the gateway's with --data")
    }
  }

  /// Reads and verifies everything.
  ///
  /// - Parameters:
  ///   - passphrase: opens the company's key, or is the PIN of its token.
  ///   - now: milliseconds since 1970-01-01T00:00:00Z.
  /// - Throws: `FileError`, `TerminalError`, `CryptographyError`.
  public func identity(passphrase: SecretBytes, now: Int64) throws -> GatewayIdentity {
    try checkEnrolled()
    let tls = Holder(chain: try chain("tls.pem"), key: try key("tls.key", nil))
    let company = Holder(chain: try chain("company.pem"), key: try companyKey(passphrase))
    for (name, holder) in [("company", company), ("tls", tls)] where isEnrolling && !holder.isPair {
      throw TerminalError.folder(
        "\(file("\(name).pem")) is not of its key: an init --replace was cut off; give the same init command with the "
          + "same token and passphrase again, which ends it")
    }
    return try GatewayIdentity(
      profile: try signedProfile(), company: company, tls: tls,
      outside: GatewayIdentity.Outside(
        authorities: try OutsideAuthority.readAll(in: file("anchors"), root: tls.chain.last),
        company: Files.exists(file("outside.pem"))
          ? Holder(chain: try chain("outside.pem"), key: try key("outside.key", passphrase)) : nil),
      now: now)
  }

  /// Puts the company's certificate and key of an outside authority in place; logins are countersigned with it from the
  /// next start or SIGHUP on. A token's PIN is the passphrase that its key file is encrypted under.
  ///
  /// - Throws: `FileError`, `TerminalError`, `CryptographyError`; then nothing was changed.
  public func install(_ holder: CertificateHolder, passphrase: SecretBytes, now: Int64) throws {
    let identity = try identity(passphrase: passphrase, now: now)
    try identity.checkOutside(Holder(chain: holder.chain, key: holder.key), now, file: holder.file)
    try Files.write(try holder.key.pem(passphrase: passphrase), to: file("outside.key"))
    try Files.write(holder.chain.flatMap(\.pem), to: file("outside.pem"), mode: 0o644)
  }

  /// Where the service is, for what needs no key of the company.
  ///
  /// - Throws: `TerminalError`, `FileError`.
  public func trustedProfile() throws -> TrustedProfile {
    try checkEnrolled()
    for name in ["profile.signed", "tls.pem"] {
      guard try Files.isOwn(file(name), orElse: Self.advice) else {
        throw TerminalError.folder("\(file(name)) belongs to another user; run this as that user")
      }
    }
    let root = try chain("tls.pem").last
    guard let root else { throw TerminalError.folder("\(file("tls.pem")) holds no certificate") }
    return try TrustedProfile(try signedProfile(), pinned: root.fingerprint, wall: Wall.milliseconds(), isKept: true)
  }

  /// A chain with its leaf's key.
  struct Holder: Sendable {
    /// Leaf first, root last.
    let chain: [Certificate]
    let key: PrivateKey

    /// Whether the key is the leaf's.
    var isPair: Bool { chain.first?.publicKey == key.publicKey }
  }

  private func signedProfile() throws(FileError) -> SignedProfile { try parts.signedProfile() }

  private func chain(_ name: String) throws(FileError) -> [Certificate] { try parts.chain(name) }

  private var parts: FolderParts { FolderParts(path, advice: Self.advice) }

  private static let advice = "put it back, or set the gateway up anew with a new token and init --replace"

  private func companyKey(_ passphrase: SecretBytes) throws -> PrivateKey {
    guard Files.exists(file("company.uri")) else { return try key("company.key", passphrase) }
    let text = String(decoding: try Files.read(file("company.uri"), limit: 4_096), as: UTF8.self)
    return try Self.tokenKey(text.split(separator: "\n").first.map(String.init) ?? "", pin: passphrase)
  }

  private static func tokenKey(_ uri: String, pin: SecretBytes) throws -> PrivateKey {
    do {
      return try PrivateKey(uri: uri, pin: pin)
    } catch {
      throw TerminalError.key("the company's key in the token: \(error)")
    }
  }

  private func key(_ name: String, _ passphrase: SecretBytes?) throws -> PrivateKey {
    try TerminalError.ofPassphrase { try parts.key(name, passphrase) }
  }
}

// MARK: - Enrolment

extension GatewayFolder {
  private static let names = (company: "enrolling-company.key", tls: "enrolling-tls.key")

  /// Keys that certificates are asked for.
  struct EnrolmentKeys {
    let company: PrivateKey
    let tls: PrivateKey
    /// Whether no enrolment before left one of them.
    let isNew: Bool
  }

  /// The keys of an enrolment that was interrupted, else new ones, written before anything is asked for.
  ///
  /// - Parameter tokenURI: where the company's key is in a token already.
  func enrolmentKeys(passphrase: SecretBytes, tokenURI: String?) throws -> EnrolmentKeys {
    let company = try tokenURI.map { try Self.tokenKey($0, pin: passphrase) }
    let isNew = !isEnrolling
    try Files.makeFolder(path)
    return EnrolmentKeys(
      company: try company ?? kept(Self.names.company, passphrase), tls: try kept(Self.names.tls, nil), isNew: isNew)
  }

  /// Whether keys of an enrolment that has not ended are there.
  private var isEnrolling: Bool { [Self.names.company, Self.names.tls].contains { Files.exists(file($0)) } }

  /// Removes keys that no certificate was issued for.
  func dropEnrolmentKeys() throws {
    try Files.destroy(file(Self.names.company))
    try Files.destroy(file(Self.names.tls))
  }

  private func kept(_ name: String, _ passphrase: SecretBytes?) throws -> PrivateKey {
    if Files.exists(file(name)) { return try key(name, passphrase) }
    let new = PrivateKey.generate(.p256)
    try Files.write(try new.pem(passphrase: passphrase), to: file(name))
    return new
  }

  /// Writes what an enrolment brought; the profile last, since it marks the folder as enrolled.
  func store(
    profile: SignedProfile, company: Holder, tls: Holder, passphrase: SecretBytes, tokenURI: String?
  ) throws {
    try Files.write(company.chain.flatMap(\.pem), to: file("company.pem"), mode: 0o644)
    if let tokenURI {
      try Files.write(Array("\(tokenURI)\n".utf8), to: file("company.uri"))
      try Files.destroy(file("company.key"))
    } else {
      try Files.write(try company.key.pem(passphrase: passphrase), to: file("company.key"))
      try Files.destroy(file("company.uri"))
    }
    try Files.write(tls.chain.flatMap(\.pem), to: file("tls.pem"), mode: 0o644)
    try Files.write(try tls.key.pem(passphrase: nil), to: file("tls.key"))
    try Files.write(profile.encoded(), to: file("profile.signed"))
    try dropEnrolmentKeys()
  }
}
