import Authority
import Bytes
import CountersignRPC
import Cryptography
import Ledger
import Messages
import Payments
import Seals

/// The calls of `countersign.v1.Enrolment`: a one-time token becomes a certificate and a profile.
struct EnrolmentCalls: EnrolmentServiceProtocol {
  let sealingKeys: SealingKeyRing
  let profiles: ProfileMaker
  let identity: ServiceIdentity
  let ledger: Ledger
  let refusals: RefusalJournal
  let clock: ServiceClock

  func getSealingKey(_ request: GetSealingKeyRequest, context: ServerContext) async throws -> GetSealingKeyReply {
    guard let key = sealingKeys.current() else { throw ServiceRefusal(.sealingKeyUnknown).status }
    var reply = GetSealingKeyReply()
    reply.sealingKey = key.signed
    reply.serverTimeMs = UInt64(clock.wall())
    return reply
  }

  func enrol(_ request: EnrolRequest, context: ServerContext) async throws -> EnrolReply {
    try await refusals.journaling(.callRefused, context) {
      let enrolment = try open(request)
      let now = clock.wall()
      let leaf = try await ledger.perform { [issuer = identity.issuer] store in
        try Self.exchange(enrolment, issuer: issuer, now: now, in: store)
      }
      var reply = EnrolReply()
      reply.chain = [leaf] + identity.issuer.chain.map(\.der)
      reply.profile = try profiles.make(now: now)
      return reply
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
  }

  private func open(_ request: EnrolRequest) throws -> Enrolment {
    guard let key = sealingKeys.entry(id: request.sealingKeyId) else {
      throw ServiceRefusal(.sealingKeyUnknown, field: "sealing_key_id")
    }
    let preset = PresetInformation(
      serviceName: identity.serviceName, rootFingerprint: identity.root.fingerprint, sealingKeyID: key.id)
    let secret: EnrolSecret
    do {
      let context = try HPKE.recipient(enc: request.enc, key: key.key, info: preset.hpkeInfo)
      let opened = try context.open(aad: EnrolmentSeal.associatedData, box: request.box)
      secret = try opened.withUnsafeBytes { try EnrolSecret(decoding: $0, rules: .signed) }
    } catch {
      throw ServiceRefusal(.enrolmentRejected, field: "box", cause: "\(error)")
    }
    guard let mac = MACAddress(secret.macAddress) else {
      throw ServiceRefusal(
        .invalidField, field: "mac_address", description: "must be 6 bytes, not all zero, no group address")
    }
    do {
      let request = try CertificateRequest(der: secret.certificateRequest)
      return Enrolment(
        tokenDigest: SHA256.digest(secret.token), request: request,
        keyDigest: SHA256.digest(request.publicKey.der), macAddress: mac, program: secret.programVersion)
    } catch {
      throw ServiceRefusal(.enrolmentRejected, field: "certificate_request", description: "\(error)", cause: "\(error)")
    }
  }

  /// Uses the token and issues, in one transaction.
  ///
  /// - Returns: DER of the consultant's certificate.
  private static func exchange(
    _ enrolment: Enrolment, issuer: Issuer, now: Int64, in store: any Store
  ) throws -> [UInt8] {
    guard let token = try store.token(digest: enrolment.tokenDigest) else { throw ServiceRefusal(.tokenInvalid) }
    guard now <= token.notAfter else {
      throw ServiceRefusal(.tokenExpired, cause: "consultant \(token.consultant)")
    }
    if let used = token.request {
      guard used == enrolment.keyDigest, let fingerprint = token.certificate,
        let issued = try store.certificate(fingerprint: fingerprint)
      else { throw ServiceRefusal(.tokenUsed, cause: "consultant \(token.consultant)") }
      return issued.der
    }
    guard let consultant = try store.consultant(id: token.consultant), !consultant.revoked,
      let company = try store.company(id: consultant.company), !company.revoked
    else { throw ServiceRefusal(.revoked, cause: "consultant \(token.consultant)", consultant: token.consultant) }
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

/// Makes the signed preset destination of terminals.
struct ProfileMaker: Sendable {
  /// Milliseconds for which a profile is good: as long as a consultant's certificate.
  static let lifetime: Int64 = 90 * 24 * 3_600_000

  let identity: ServiceIdentity
  let folder: DataFolder
  let destination: PublicDestination

  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z.
  func make(now: Int64) throws -> SignedProfile {
    var profile = Profile()
    profile.serviceName = identity.serviceName
    profile.rootFingerprint = identity.root.fingerprint.bytes
    profile.hopHost = destination.host
    profile.hopPort = UInt32(destination.port)
    profile.hopDnsName = destination.dnsName
    profile.hopRole = .server
    profile.number = destination.number
    profile.notAfterMs = UInt64(now + Self.lifetime)
    let signer = try folder.sealingSigner()
    var signed = SignedProfile()
    signed.profile = profile.encoded()
    signed.signature = try signer.key.sign(SigningInput.profile(signed.profile))
    signed.chain = signer.chain.map(\.der)
    return signed
  }
}

extension CertificateRow {
  /// The register's row of a certificate.
  init(_ leaf: Certificate, holder: Holder, macAddress: MACAddress?) {
    self.init(
      fingerprint: leaf.fingerprint, der: leaf.der, issuer: leaf.issuerDER, serial: leaf.serial,
      issuerText: leaf.issuerText, subjectText: leaf.subjectText, holder: holder, macAddress: macAddress,
      notAfter: leaf.notAfter, revoked: false)
  }
}
