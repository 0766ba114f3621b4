import Authority
import Bytes
import CountersignRPC
import Cryptography
import Ledger
import MessageRuntime
import Messages
import Payments
import Seals

/// The calls of `countersign.v1.Enrolment`: a one-time token becomes a certificate and a profile.
struct EnrolmentCalls: EnrolmentServiceProtocol {
  let sealingKeys: SealingKeyRing
  let profiles: ProfileMaker
  let identity: ServiceIdentity
  let companies: CompanyCertificates
  let authorities: Authorities
  let status: OutsideStatus
  let ledger: Ledger
  let refusals: RefusalJournal
  let lockouts: Lockouts
  let clock: ServiceClock

  func getSealingKey(_ request: GetSealingKeyRequest, context: ServerContext) async throws -> GetSealingKeyReply {
    let key = try sealingKeys.current(now: clock.wall())
    var reply = GetSealingKeyReply()
    reply.sealingKey = key.signed
    reply.serverTimeMs = UInt64(clock.wall())
    return reply
  }

  func enrol(_ request: EnrolRequest, context: ServerContext) async throws -> EnrolReply {
    try await refusals.journaling(.callRefused, context) {
      let now = clock.wall()
      let path = companies.path(of: context.peer)
      let chain = try await lockouts.counting(source: context.source) {
        let secret: EnrolSecret = try open(
          request.box, enc: request.enc, keyID: request.sealingKeyId, associatedData: EnrolmentSeal.associatedData)
        guard secret.certificateChain.isEmpty else { return [try await enrolOutside(secret, path: path, now: now)] }
        let enrolment = try Enrolment(secret)
        let leaf = try await ledger.perform { [issuer = identity.issuer] store in
          try Self.exchange(enrolment, path: path, issuer: issuer, now: now, in: store)
        }
        return [leaf] + identity.issuer.chain.map(\.der)
      }
      return try await reply(chain, path: path, now: now)
    }
  }

  /// The chain of a certificate, and the profile as it is today: the hop is the company's gateway where the request came
  /// through it.
  func reply(_ chain: [[UInt8]], path: Int64?, now: Int64) async throws -> EnrolReply {
    let gateway = try await ledger.perform { store in try path.flatMap { try store.gateway(company: $0) } }
    var reply = EnrolReply()
    reply.chain = chain
    reply.profile = try profiles.make(gateway: gateway, now: now)
    return reply
  }

  /// A terminal comes directly or through its own company's gateway.
  static func check(path: Int64?, of consultant: ConsultantRow) throws {
    guard let path else {
      throw ServiceRefusal(.notRegistered, cause: "consultant \(consultant.id) by a gateway that is not known")
    }
    guard path == CompanyCertificates.direct || path == consultant.company else {
      throw ServiceRefusal(
        .wrongGateway,
        cause: "consultant \(consultant.id) of company \(consultant.company) by the gateway of company \(path)")
    }
  }

  /// What an opened request holds, each part checked by itself.
  private struct Enrolment: Sendable {
    let tokenDigest: Bytes32
    let request: CertificateRequest
    /// SHA-256 of the SubjectPublicKeyInfo: a terminal that asks again signs its request anew.
    let keyDigest: Bytes32
    let macAddress: MACAddress
    let program: String

    init(_ secret: EnrolSecret) throws {
      tokenDigest = SHA256.digest(secret.token)
      request = try EnrolmentCalls.certificateRequest(secret.certificateRequest)
      keyDigest = SHA256.digest(request.publicKey.der)
      macAddress = try EnrolmentCalls.macAddress(secret.macAddress)
      program = try PeerText.program(secret.programVersion)
    }
  }

  /// Opens a single-shot seal to one of the sealing keys.
  func open<Secret: Message>(
    _ box: [UInt8], enc: [UInt8], keyID: [UInt8], associatedData: [UInt8]
  ) throws -> Secret {
    guard let key = sealingKeys.entry(id: keyID) else {
      throw ServiceRefusal(.sealingKeyUnknown, field: "sealing_key_id")
    }
    let preset = PresetInformation(
      serviceName: identity.serviceName, rootFingerprint: identity.root.fingerprint, sealingKeyID: key.id)
    do {
      let context = try HPKE.recipient(enc: enc, key: key.key, info: preset.hpkeInfo)
      let opened = try context.open(aad: associatedData, box: box)
      return try opened.withUnsafeBytes { try Secret(decoding: $0, rules: .signed) }
    } catch {
      throw ServiceRefusal(.enrolmentRejected, field: "box", cause: "\(error)")
    }
  }

  static func macAddress(_ bytes: [UInt8]) throws -> MACAddress {
    guard let mac = MACAddress(bytes) else {
      throw ServiceRefusal(
        .invalidField, field: "mac_address", description: "must be 6 bytes, not all zero, no group address")
    }
    return mac
  }

  static func certificateRequest(_ der: [UInt8]) throws -> CertificateRequest {
    do {
      return try CertificateRequest(der: der)
    } catch {
      throw ServiceRefusal(.enrolmentRejected, field: "certificate_request", description: "\(error)", cause: "\(error)")
    }
  }

  /// Uses the token and issues, in one transaction.
  ///
  /// - Returns: DER of the consultant's certificate.
  private static func exchange(
    _ enrolment: Enrolment, path: Int64?, issuer: Issuer, now: Int64, in store: any Store
  ) throws -> [UInt8] {
    guard let token = try store.token(digest: enrolment.tokenDigest) else { throw ServiceRefusal(.tokenInvalid) }
    guard now <= token.notAfter else {
      throw ServiceRefusal(.tokenExpired, cause: "consultant \(token.consultant)")
    }
    if let consultant = try store.consultant(id: token.consultant) { try check(path: path, of: consultant) }
    if let used = token.request {
      guard used == enrolment.keyDigest, let fingerprint = token.certificate,
        let issued = try store.certificate(fingerprint: fingerprint)
      else { throw ServiceRefusal(.tokenUsed, cause: "consultant \(token.consultant)") }
      return issued.der
    }
    guard let consultant = try store.consultant(id: token.consultant), !consultant.revoked,
      let company = try store.company(id: consultant.company), !company.revoked
    else { throw ServiceRefusal(.revoked, cause: "consultant \(token.consultant)", consultant: token.consultant) }
    guard try !store.isRevoked(device: enrolment.macAddress) else {
      throw ServiceRefusal(.revoked, cause: "device \(enrolment.macAddress)", consultant: consultant.id)
    }
    let leaf = try issuer.issue(
      enrolment.request, role: .consultant, commonName: consultant.name, organisation: company.name, now: now / 1_000)
    try store.insertCertificate(
      CertificateRow(leaf, holder: .consultant(consultant.id), macAddress: enrolment.macAddress))
    try store.useToken(
      digest: enrolment.tokenDigest, request: enrolment.keyDigest, certificate: leaf.fingerprint, time: now)
    try store.insertEvent(
      EventRow(
        kind: .enrolled, consultant: consultant.id, company: company.id, time: now,
        text: "certificate \(Hex.encode(leaf.serial)), MAC address \(enrolment.macAddress), \(enrolment.program)"))
    return leaf.der
  }
}
