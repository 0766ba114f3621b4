import Authority
import Bytes
import CountersignRPC
import Cryptography
import Files
import Messages
import Seals
import TLS

/// Exchanges a one-time token for a certificate and the preset destination.
///
/// Source: docs/security.md, "Enrolment".
public struct TerminalEnrolment: Sendable {
  public let folder: TerminalFolder
  /// Name or address of the service; the token's root decides whether it is the right one.
  public let host: String
  public let port: UInt16
  /// Program and version, at most 64 bytes.
  public let program: String

  public init(folder: TerminalFolder, host: String, port: UInt16, program: String) {
    self.folder = folder
    self.host = host
    self.port = port
    self.program = program
  }

  /// Makes the key, asks for the certificate, checks everything under the token's root, and stores it.
  ///
  /// A key that was made before is used again, so that an answer lost on the way can be asked for again.
  ///
  /// - Parameters:
  ///   - company: certificate and key of the consultant's company, where this terminal is to countersign itself.
  ///   - isReplacing: an enrolled folder gets a new key and certificate; its open payments stay.
  /// - Returns: the consultant's name and the certificate's end, seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``TerminalError``, `FileError`, or what the token's text lacks.
  public func enrol(
    token: String, passphrase: SecretBytes, interface: NetworkInterface, company: CertificateHolder? = nil,
    isReplacing: Bool = false
  ) async throws -> (consultant: String, notAfter: Int64) {
    guard isReplacing || !folder.isEnrolled else {
      throw TerminalError.folder("\(folder.path) is enrolled already; --replace enrols it anew, or name another folder")
    }
    let token = try EnrolmentToken(parsing: token)
    let (key, reply) = try await ownCertificate(token, passphrase, interface, company)
    let issued = try IssuedCertificate(reply, key: key, pinned: token.root)
    let leaf = issued.chain[0]
    try check(
      company,
      HolderCheck(
        role: .company, pinned: token.root, root: issued.chain.last { $0.fingerprint == token.root },
        organisation: leaf.organisation))
    if let company { try folder.write(company: company) }
    try folder.store(
      profile: issued.profile, chain: issued.chain, key: key, passphrase: passphrase, root: token.root,
      interface: interface)
    return (leaf.holderText, leaf.notAfter)
  }

  /// Makes the key, once the other end has shown the token's root, and has it certified.
  private func ownCertificate(
    _ token: EnrolmentToken, _ passphrase: SecretBytes, _ interface: NetworkInterface, _ company: CertificateHolder?
  ) async throws -> (PrivateKey, EnrolReply) {
    var key: PrivateKey?
    var isNew = false
    do {
      let reply = try await exchange(token, interface) { secret in
        // Not before: a token whose root half is mistyped must not be told as a wrong file.
        try check(company, HolderCheck(role: .company, pinned: token.root))
        let kept = try folder.unfinishedKey(passphrase: passphrase, root: token.root)
        let used = kept ?? PrivateKey.generate(.p256)
        if kept == nil { try folder.store(key: used, passphrase: passphrase, root: token.root) }
        secret.certificateRequest = try CertificateRequest.make(key: used, commonName: "terminal", organisation: nil)
        (key, isNew) = (used, kept == nil)
      }
      guard let key else { throw TerminalError.untrusted("the service answered before it was asked") }
      return (key, reply)
    } catch TerminalError.refused(let status) where isNew && status.issuesNothing {
      // Nothing was issued for the key, and the next try may have another passphrase.
      try folder.dropUnfinishedKey()
      throw TerminalError.refused(status)
    }
  }

  /// A token that was used may be sent again with the same key, so a wrong file costs no token.
  private func check(_ company: CertificateHolder?, _ check: HolderCheck) throws(TerminalError) {
    if let company { try check.check(company) }
  }

  /// Enrols with a certificate and key that an outside authority gave the consultant; an administrator registered the
  /// certificate before.
  ///
  /// - Parameters:
  ///   - holder: chain and key.
  ///   - passphrase: the key is kept encrypted under it.
  ///   - company: certificate and key of the consultant's company, where this terminal is to countersign itself.
  /// - Returns: the consultant's name and the certificate's end, seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``TerminalError``, `FileError`, or what the token's text lacks.
  public func enrol(
    token: String, outside holder: CertificateHolder, passphrase: SecretBytes, interface: NetworkInterface,
    company: CertificateHolder? = nil, isReplacing: Bool = false
  ) async throws -> (consultant: String, notAfter: Int64) {
    guard isReplacing || !folder.isEnrolled else {
      throw TerminalError.folder("\(folder.path) is enrolled already; --replace enrols it anew, or name another folder")
    }
    let token = try EnrolmentToken(parsing: token)
    let leaf = holder.chain[0]
    var companyCheck = HolderCheck(role: .company, pinned: token.root, organisation: leaf.organisation)
    let reply = try await exchange(token, interface) { secret in
      try check(company, companyCheck)
      secret.certificateChain = holder.chain.map(\.der)
      secret.certificateProof = try holder.key.sign(
        SigningInput.outsideEnrolment(token: token.secret, leaf: leaf.fingerprint, macAddress: secret.macAddress))
    }
    guard let profile = reply.profile else { throw TerminalError.untrusted("no profile came") }
    companyCheck.root = try TrustedProfile(profile, pinned: token.root, wall: Wall.milliseconds()).root
    try check(company, companyCheck)
    guard reply.chain == [leaf.der] else {
      throw TerminalError.untrusted("the service answers for another certificate")
    }
    try folder.makeFolders()
    if let company { try folder.write(company: company) }
    try folder.store(
      profile: profile, chain: holder.chain, key: holder.key, passphrase: passphrase, root: token.root,
      interface: interface)
    return (leaf.holderText, leaf.notAfter)
  }

  /// Connects to a service with the token's root, and sends token, MAC address and what `adding` gives, sealed.
  private func exchange(
    _ token: EnrolmentToken, _ interface: NetworkInterface, adding: (inout EnrolSecret) throws -> Void
  ) async throws -> EnrolReply {
    var secret = EnrolSecret()
    secret.token = token.secret
    secret.macAddress = try interface.macAddress()
    secret.programVersion = program
    let channel = try RPCClient(
      host: host, port: port,
      tls: .client(verify: ServerVerification(rootFingerprint: token.root, dnsName: nil, roles: [.server, .gateway])))
    defer { channel.closeSoon() }
    let client = EnrolmentClient(channel)
    do {
      let offered = try await client.getSealingKey(GetSealingKeyRequest())
      try ClockCheck.check(serviceTime: offered.serverTimeMs)
      try adding(&secret)
      let request = try await seal(secret, token, offered, channel)
      return try await client.enrol(request, options: CallOptions(isSealed: true))
    } catch let status as RPCStatus {
      throw TerminalError(status, exchangingTokenAt: host, port)
    }
  }

  private func seal(
    _ secret: EnrolSecret, _ token: EnrolmentToken, _ offered: GetSealingKeyReply, _ channel: RPCClient
  ) async throws -> EnrolRequest {
    guard let root = try await channel.peerCertificates().last(where: { $0.fingerprint == token.root }) else {
      throw TerminalError.untrusted("the server did not show the root that the token names")
    }
    let sealed = try SealedOnce(
      secret.encoded(), associatedData: EnrolmentSeal.associatedData, to: offered, pinned: token.root, root: root)
    var request = EnrolRequest()
    (request.sealingKeyId, request.enc, request.box) = (sealed.keyID, sealed.enc, sealed.box)
    return request
  }
}

/// One message sealed to the service's sealing key (RFC 9180, section 6.1).
package struct SealedOnce {
  package let keyID: [UInt8]
  package let enc: [UInt8]
  package let box: [UInt8]

  /// Verifies the key that was offered and seals.
  ///
  /// - Throws: ``TerminalError/untrusted(_:)``.
  package init(
    _ plaintext: [UInt8], associatedData: [UInt8], to offered: GetSealingKeyReply, pinned: Bytes32, root: Certificate
  ) throws {
    guard let signed = offered.sealingKey else { throw TerminalError.untrusted("no sealing key came") }
    let key = try TrustedSealingKey(signed, pinned: pinned, root: root, wall: Wall.milliseconds())
    let preset = PresetInformation(serviceName: key.serviceName, rootFingerprint: pinned, sealingKeyID: key.id)
    let (enc, context) = try HPKE.sender(to: key.publicKey, info: preset.hpkeInfo)
    self.enc = enc
    keyID = key.id
    box = context.seal(aad: associatedData, plaintext: plaintext)
  }
}

/// What an enrolment or renewal brought, everything checked under the pinned root.
struct IssuedCertificate {
  let profile: SignedProfile
  /// The profile's number, which never decreases.
  let number: UInt64
  /// The consultant's leaf first, the root last.
  let chain: [Certificate]

  /// - Throws: ``TerminalError/untrusted(_:)``.
  init(_ reply: EnrolReply, key: PrivateKey, pinned: Bytes32) throws {
    let wall = Wall.milliseconds()
    guard let profile = reply.profile else { throw TerminalError.untrusted("no profile came") }
    number = try TrustedProfile(profile, pinned: pinned, wall: wall).profile.number
    chain = try reply.chain.prefix(8).map { try Certificate(der: $0) }
    guard let leaf = chain.first, let root = chain.last(where: { $0.fingerprint == pinned }) else {
      throw TerminalError.untrusted("the certificate's chain does not lead to the pinned root")
    }
    do {
      try CertificatePath.verify(chain: chain, anchors: [root], role: .consultant, at: wall / 1_000, dnsName: nil)
    } catch {
      throw TerminalError(error, of: "the certificate that came")
    }
    guard leaf.publicKey == key.publicKey else { throw TerminalError.untrusted("the certificate is for another key") }
    self.profile = profile
  }
}

/// A chain with its leaf's key, from files: a consultant's or company's of an outside authority, or the company's that a
/// terminal without a gateway countersigns with.
public struct CertificateHolder: Sendable {
  /// Leaf first.
  public let chain: [Certificate]
  public let key: PrivateKey
  /// Name of the certificate's file, for errors.
  public let file: String

  init(chain: [Certificate], key: PrivateKey, file: String = "the certificate") {
    self.chain = chain
    self.key = key
    self.file = file
  }

  /// - Parameters:
  ///   - certificate: path of a PEM file: the leaf, then what leads to the authority's anchor.
  ///   - key: path of a PEM file with mode 0600.
  ///   - passphrase: opens the key where it is encrypted.
  /// - Throws: `FileError`, ``TerminalError/invalid(field:_:)`` with the file that is none of its kind,
  ///   ``TerminalError/key(_:)`` where the passphrase is wrong, ``TerminalError/folder(_:)`` where they do not belong
  ///   together.
  public init(certificate: String, key keyPath: String, passphrase: SecretBytes? = nil) throws {
    file = certificate
    let pem = try Files.read(certificate)
    do {
      chain = try LoginChain.read(try Certificate.ders(fromPEM: pem))
    } catch {
      throw TerminalError.invalid(field: certificate, "\(error)")
    }
    let keyPEM = try Files.readSecret(keyPath)
    do {
      key = try PrivateKey(pem: keyPEM, passphrase: passphrase)
    } catch {
      throw error.isOfPassphrase
        ? TerminalError.key("\(keyPath): \(error)") : TerminalError.invalid(field: keyPath, "\(error)")
    }
    guard chain[0].publicKey == key.publicKey else {
      throw TerminalError.folder("\(keyPath) is not the key of \(certificate); name the files that belong together")
    }
  }
}
