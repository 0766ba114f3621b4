import Authority
import Bytes
import CountersignRPC
import Cryptography
import Messages
import Payments
import Seals

/// A certificate that ends soon becomes a new one, with the old key's proof.
///
/// Source: docs/security.md, "Renewal".
extension EnrolmentCalls {
  func renew(_ request: RenewRequest, context: ServerContext) async throws -> EnrolReply {
    try await refusals.journaling(.callRefused, context) {
      let now = clock.wall()
      let path = companies.path(of: context.peer)
      let leaf = try await lockouts.counting(source: context.source) {
        let asked = try open(request)
        return try await ledger.perform { [identity] store in
          try asked.exchange(identity, path: path, now: now, in: store)
        }
      }
      return try await reply([leaf] + identity.issuer.chain.map(\.der), path: path, now: now)
    }
  }

  private func open(_ request: RenewRequest) throws -> AskedRenewal {
    let signed: SignedRenewal = try open(
      request.box, enc: request.enc, keyID: request.sealingKeyId, associatedData: RenewalSeal.associatedData)
    let renewal: Renewal
    do {
      renewal = try Renewal(decoding: signed.renewal, rules: .signed)
    } catch {
      throw ServiceRefusal(.messageInvalid, field: "renewal", cause: "\(error)")
    }
    guard let digest = Bytes32(renewal.certificateDigest) else {
      throw ServiceRefusal(.invalidField, field: "certificate_digest", description: "must be 32 bytes")
    }
    return AskedRenewal(
      signed: signed, certificate: digest, request: try Self.certificateRequest(renewal.certificateRequest),
      macAddress: try Self.macAddress(renewal.macAddress), program: try PeerText.program(renewal.programVersion))
  }
}

/// What an opened request holds; its signature is checked with the registered certificate.
private struct AskedRenewal: Sendable {
  let signed: SignedRenewal
  let certificate: Bytes32
  let request: CertificateRequest
  let macAddress: MACAddress
  let program: String

  /// Compares with the register and issues, in one transaction.
  ///
  /// - Returns: DER of the new certificate.
  func exchange(_ identity: ServiceIdentity, path: Int64?, now: Int64, in store: any Store) throws -> [UInt8] {
    guard let row = try store.certificate(fingerprint: certificate), case .consultant(let id) = row.holder,
      let consultant = try store.consultant(id: id), let company = try store.company(id: consultant.company)
    else { throw ServiceRefusal(.notRegistered, cause: Hex.encode(certificate.bytes)) }
    let old = try Certificate(der: row.der)
    guard old.issuerDER == identity.issuer.certificate.subjectDER else {
      throw ServiceRefusal(
        .enrolmentRejected, field: "certificate_digest",
        description: "another authority issued the certificate; ask it", cause: old.issuerText)
    }
    guard old.publicKey.isValid(signature: signed.signature, for: SigningInput.renewal(signed.renewal)) else {
      throw ServiceRefusal(.signatureInvalid, field: "signature", cause: "consultant \(id)")
    }
    try EnrolmentCalls.check(path: path, of: consultant)
    try checkRegister(row, old, consultant, company, now, store)
    if let issued = try issuedBefore(to: id, in: store) { return issued }
    guard request.publicKey != old.publicKey else {
      throw ServiceRefusal(
        .invalidField, field: "certificate_request", description: "must be for a new key", consultant: id)
    }
    let leaf = try identity.issuer.issue(
      request, role: .consultant, commonName: consultant.name, organisation: company.name, now: now / 1_000)
    try store.insertCertificate(CertificateRow(leaf, holder: .consultant(id), macAddress: macAddress))
    try store.insertEvent(
      EventRow(
        kind: .renewed, consultant: id, company: company.id, time: now,
        text: "certificate \(Hex.encode(old.serial)) by \(Hex.encode(leaf.serial)), \(program)"))
    return leaf.der
  }

  private func checkRegister(
    _ row: CertificateRow, _ old: Certificate, _ consultant: ConsultantRow, _ company: CompanyRow, _ now: Int64,
    _ store: any Store
  ) throws {
    guard row.revocation == nil, !consultant.revoked, !company.revoked, try !store.isRevoked(device: macAddress) else {
      throw ServiceRefusal(.revoked, cause: "consultant \(consultant.id)", consultant: consultant.id)
    }
    guard row.macAddress == macAddress else {
      throw ServiceRefusal(
        .deviceChanged, field: "mac_address", cause: "came \(macAddress)", consultant: consultant.id)
    }
    guard now / 1_000 <= old.notAfter else {
      throw ServiceRefusal(.certificateRefused, field: "certificate_digest", cause: "over", consultant: consultant.id)
    }
    guard now / 1_000 > old.lastThird else {
      throw ServiceRefusal(.renewalTooEarly, field: "certificate_digest", consultant: consultant.id)
    }
  }

  /// The certificate that a former request for the same key brought, where its answer was lost.
  private func issuedBefore(to consultant: Int64, in store: any Store) throws -> [UInt8]? {
    try store.certificates(of: .consultant(consultant)).first { row in
      row.revocation == nil && row.fingerprint != certificate
        && (try? Certificate(der: row.der))?.publicKey == request.publicKey
    }?.der
  }
}
