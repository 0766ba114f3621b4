import Authority
import CountersignClient
import CountersignRPC
import Cryptography
import Messages
import Seals
import TLS

/// Exchanges a gateway's one-time token for the company's certificate and the gateway's TLS certificate. Both keys are
/// made here and never leave this machine.
///
/// Source: docs/operations.md, "Gateway".
public struct GatewayEnrolment: Sendable {
  public let folder: GatewayFolder
  /// Name or address of the service; the token's root decides whether it is the right one.
  public let host: String
  public let port: UInt16
  /// Program and version, at most 64 bytes.
  public let program: String

  public init(folder: GatewayFolder, host: String, port: UInt16, program: String) {
    self.folder = folder
    self.host = host
    self.port = port
    self.program = program
  }

  /// - Parameters:
  ///   - passphrase: the company's key is encrypted under it; with `tokenURI` it is the token's PIN.
  ///   - tokenURI: PKCS#11 URI of the company's key, which was made in the token; nil makes one in the folder.
  ///   - isReplacing: a folder that is set up gets new keys and certificates.
  /// - Throws: `TerminalError`, `FileError`, or what the token's text lacks.
  public func enrol(
    token: String, passphrase: SecretBytes, tokenURI: String? = nil, isReplacing: Bool = false
  ) async throws -> GatewayIdentity {
    guard isReplacing || !folder.isEnrolled else {
      throw TerminalError.folder("\(folder.path) is set up already; --replace sets it up anew, or name another folder")
    }
    let token = try EnrolmentToken(parsing: token)
    let (keys, reply) = try await exchange(token, passphrase, tokenURI)
    guard let profile = reply.profile else { throw TerminalError.untrusted("no profile came") }
    let company = GatewayFolder.Holder(chain: try Self.chain(reply.companyChain), key: keys.company)
    let tls = GatewayFolder.Holder(chain: try Self.chain(reply.tlsChain), key: keys.tls)
    guard tls.chain.last?.fingerprint == token.root else {
      throw TerminalError.untrusted("the certificates that came do not lead to the root that the token names")
    }
    let identity = try GatewayIdentity(profile: profile, company: company, tls: tls, now: Wall.milliseconds())
    try folder.store(profile: profile, company: company, tls: tls, passphrase: passphrase, tokenURI: tokenURI)
    return identity
  }

  /// Makes the keys, once the other end has shown the token's root, and has them certified.
  private func exchange(
    _ token: EnrolmentToken, _ passphrase: SecretBytes, _ tokenURI: String?
  ) async throws -> (GatewayFolder.EnrolmentKeys, EnrolGatewayReply) {
    let channel = try RPCClient(
      host: host, port: port,
      tls: .client(verify: ServerVerification(rootFingerprint: token.root, dnsName: nil, role: .server)))
    defer { channel.closeSoon() }
    let client = EnrolmentClient(channel)
    var keys: GatewayFolder.EnrolmentKeys?
    do {
      let offered = try await client.getSealingKey(GetSealingKeyRequest())
      let made = try folder.enrolmentKeys(passphrase: passphrase, tokenURI: tokenURI)
      keys = made
      let request = try await seal(token, made, offered, channel)
      return (made, try await client.enrolGateway(request, options: CallOptions(isSealed: true)))
    } catch let status as RPCStatus {
      // Nothing was issued for keys made just now, and the next try may have another passphrase.
      if let keys, keys.isNew, status.issuesNothing { try folder.dropEnrolmentKeys() }
      throw TerminalError(status, exchangingTokenAt: host, port)
    }
  }

  private func seal(
    _ token: EnrolmentToken, _ keys: GatewayFolder.EnrolmentKeys, _ offered: GetSealingKeyReply,
    _ channel: RPCClient
  ) async throws -> EnrolRequest {
    guard let root = try await channel.peerCertificates().last(where: { $0.fingerprint == token.root }) else {
      throw TerminalError.untrusted("the server did not show the root that the token names")
    }
    var secret = GatewaySecret()
    secret.token = token.secret
    secret.companyRequest = try CertificateRequest.make(key: keys.company, commonName: "company", organisation: nil)
    secret.tlsRequest = try CertificateRequest.make(key: keys.tls, commonName: "gateway", organisation: nil)
    secret.programVersion = program
    let sealed = try SealedOnce(
      secret.encoded(), associatedData: EnrolmentSeal.gatewayAssociatedData, to: offered, pinned: token.root,
      root: root)
    var request = EnrolRequest()
    (request.sealingKeyId, request.enc, request.box) = (sealed.keyID, sealed.enc, sealed.box)
    return request
  }

  private static func chain(_ ders: [[UInt8]]) throws -> [Certificate] {
    do {
      return try ders.prefix(CertificatePath.largestLoginChain).map { try Certificate(der: $0) }
    } catch {
      throw TerminalError.untrusted("a certificate that came cannot be read: \(error)")
    }
  }
}
