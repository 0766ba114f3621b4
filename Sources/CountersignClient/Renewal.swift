import Authority
import Bytes
import CountersignRPC
import Cryptography
import Messages
import Seals

/// Renewal of the consultant's certificate, by the terminal itself.
///
/// Source: docs/security.md, "Renewal".
extension Terminal {
  /// When the consultant's certificate ends, seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64 { consultantChain[0].notAfter }

  /// Whether the certificate is in the last third of its life and of the service's own authority; another one renews its
  /// certificates itself.
  public var isRenewalDue: Bool {
    Wall.milliseconds() / 1_000 > consultantChain[0].lastThird
      && consultantChain.contains { $0.fingerprint == trusted.rootFingerprint }
  }

  /// Makes a new key and exchanges the certificate for one of that key; the old key proves who asks.
  ///
  /// The new key is written before anything is asked for, and used again where an answer was lost. Until the new
  /// certificate is in place the old one is used.
  ///
  /// - Parameter passphrase: the one that opened this terminal; the new key is encrypted under it.
  /// - Returns: the terminal with its new certificate.
  /// - Throws: ``TerminalError``, `FileError`; this terminal can still be used then.
  public func renewed(passphrase: SecretBytes) async throws -> Terminal {
    let root = trusted.root.fingerprint
    let key = try folder.unfinishedKey(passphrase: passphrase, root: root) ?? newKey(passphrase, root)
    let channel = try connect()
    defer { channel.closeSoon() }
    let client = EnrolmentClient(channel)
    let reply = try await TerminalError.mapping {
      let offered = try await client.getSealingKey(GetSealingKeyRequest())
      return try await client.renew(try renewal(key, offered), options: CallOptions(isSealed: true))
    }
    let issued = try IssuedCertificate(reply, key: key, pinned: root)
    guard issued.number >= trusted.profile.number else {
      throw TerminalError.untrusted(
        "the profile that came has number \(issued.number), lower than the present \(trusted.profile.number): an old one "
          + "was sent again, or the service was started with a lower --profile")
    }
    try folder.store(
      profile: issued.profile, chain: issued.chain, key: key, passphrase: passphrase, root: root, interface: interface)
    return try Terminal(folder: folder, passphrase: passphrase, program: program)
  }

  private func newKey(_ passphrase: SecretBytes, _ root: Bytes32) throws -> PrivateKey {
    let key = PrivateKey.generate(.p256)
    try folder.store(key: key, passphrase: passphrase, root: root)
    return key
  }

  private func renewal(_ key: PrivateKey, _ offered: GetSealingKeyReply) throws -> RenewRequest {
    var renewal = Renewal()
    renewal.certificateDigest = consultantChain[0].fingerprint.bytes
    renewal.certificateRequest = try CertificateRequest.make(key: key, commonName: "terminal", organisation: nil)
    renewal.macAddress = try interface.macAddress()
    renewal.programVersion = program
    var signed = SignedRenewal()
    signed.renewal = renewal.encoded()
    signed.signature = try consultantKey.sign(SigningInput.renewal(signed.renewal))
    let sealed = try SealedOnce(
      signed.encoded(), associatedData: RenewalSeal.associatedData, to: offered, pinned: trusted.root.fingerprint,
      root: trusted.root)
    var request = RenewRequest()
    (request.sealingKeyId, request.enc, request.box) = (sealed.keyID, sealed.enc, sealed.box)
    return request
  }
}
