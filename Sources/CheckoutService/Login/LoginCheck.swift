import Bytes
import Cryptography
import MessageRuntime
import Messages
import Payments
import Seals

/// A login whose statement, chains and both signatures were found good. Made by ``LoginCheck`` alone.
struct VerifiedLogin: Sendable {
  let statement: LoginStatement
  /// SHA-256 of the serialized statement.
  let statementDigest: Bytes32
  let challenge: Bytes32
  let enc: Bytes32
  let macAddress: MACAddress
  let consultant: [Certificate]
  let company: [Certificate]
  let sealingKey: SealingKeyRing.Entry
}

/// The checks of a login up to both signatures and status, in the order that `docs/security.md` fixes: fields,
/// challenge, chains, consultant's signature, countersignature, status. Stops at the first failure; touches no database.
struct LoginCheck: Sendable {
  let challenges: Challenges
  let sealingKeys: SealingKeyRing
  let serviceName: String
  let rootFingerprint: Bytes32
  let anchors: LoginAnchors
  let status: any CertificateStatusSource

  /// - Parameters:
  ///   - monotonic: milliseconds, for the challenge.
  ///   - wall: milliseconds since 1970-01-01T00:00:00Z, for certificates.
  /// - Throws: ``ServiceRefusal``.
  func verify(_ request: LoginRequest, monotonic: Int64, wall: Int64) async throws -> VerifiedLogin {
    let login = try checkFields(request)
    guard challenges.isGood(login.challenge, now: monotonic) else {
      throw ServiceRefusal(.challengeInvalid, field: "statement.challenge", cause: "made up or older than 60 s")
    }
    try checkChain(login.consultant, anchors.consultants, .consultant, "consultant_chain", wall)
    try checkChain(login.company, anchors.companies, .company, "company_chain", wall)
    try checkSignature(request, login)
    do {
      try checkCountersignature(request, login)
      try await status.check(chain: login.consultant, role: .consultant)
      try await status.check(chain: login.company, role: .company)
    } catch var refusal as ServiceRefusal {
      refusal.signer = login.consultant[0]
      throw refusal
    }
    return login
  }

  private func checkFields(_ request: LoginRequest) throws -> VerifiedLogin {
    guard !request.companyChain.isEmpty, !request.countersignature.isEmpty else {
      throw ServiceRefusal(.companyCertificateRequired, field: "company_chain", cause: "no company chain or signature")
    }
    let statement: LoginStatement
    do {
      statement = try LoginStatement(decoding: request.statement, rules: .signed)
    } catch {
      throw ServiceRefusal(.messageInvalid, field: "statement", description: "\(error)", cause: "\(error)")
    }
    guard let challenge = Bytes32(statement.challenge) else { throw wrongLength("challenge", 32) }
    guard let enc = Bytes32(statement.enc) else { throw wrongLength("enc", 32) }
    guard let mac = MACAddress(statement.macAddress) else {
      throw ServiceRefusal(
        .invalidField, field: "statement.mac_address", description: "must be 6 bytes, not all zero, no group address")
    }
    guard statement.serviceName == serviceName, statement.rootFingerprint == rootFingerprint.bytes else {
      throw ServiceRefusal(
        .wrongDestination, field: "statement.service_name", cause: "statement is for \(statement.serviceName)")
    }
    guard let key = sealingKeys.entry(id: statement.sealingKeyId) else {
      throw ServiceRefusal(.sealingKeyUnknown, field: "statement.sealing_key_id")
    }
    let consultant = try certificates(request.consultantChain, "consultant_chain")
    let company = try certificates(request.companyChain, "company_chain")
    guard statement.certificateDigest == consultant[0].fingerprint.bytes else {
      throw ServiceRefusal(
        .signatureInvalid, field: "statement.certificate_digest", cause: "statement is for another certificate")
    }
    return VerifiedLogin(
      statement: statement, statementDigest: SHA256.digest(request.statement), challenge: challenge, enc: enc,
      macAddress: mac, consultant: consultant, company: company, sealingKey: key)
  }

  private func wrongLength(_ field: String, _ count: Int) -> ServiceRefusal {
    ServiceRefusal(.invalidField, field: "statement.\(field)", description: "must be \(count) bytes")
  }

  private func certificates(_ chain: [[UInt8]], _ field: String) throws -> [Certificate] {
    do {
      return try LoginChain.read(chain)
    } catch {
      throw ServiceRefusal(.certificateRefused, field: field, cause: "\(error)")
    }
  }

  private func checkChain(
    _ chain: [Certificate], _ anchors: [Certificate], _ role: Role, _ field: String, _ wall: Int64
  ) throws {
    do {
      try CertificatePath.verify(chain: chain, anchors: anchors, role: role, at: wall / 1_000, dnsName: nil)
    } catch {
      throw ServiceRefusal(.certificateRefused, field: field, cause: "\(error)")
    }
  }

  private func checkSignature(_ request: LoginRequest, _ login: VerifiedLogin) throws {
    let signed = SigningInput.statement(request.statement)
    guard login.consultant[0].publicKey.isValid(signature: request.signature, for: signed) else {
      throw ServiceRefusal(.signatureInvalid, field: "signature", cause: login.consultant[0].subjectText)
    }
  }

  private func checkCountersignature(_ request: LoginRequest, _ login: VerifiedLogin) throws {
    let countersigned = SigningInput.countersignature(
      statement: request.statement, signature: request.signature, companyLeaf: login.company[0].fingerprint)
    guard login.company[0].publicKey.isValid(signature: request.countersignature, for: countersigned) else {
      throw ServiceRefusal(.countersignatureInvalid, field: "countersignature", cause: login.company[0].subjectText)
    }
  }
}

/// Whom a login's chains must lead to; consultants' and companies' anchors are told apart.
struct LoginAnchors: Sendable {
  let consultants: [Certificate]
  let companies: [Certificate]
}

/// Tells whether a certificate is still good. The service's own authority answers from its register, within the
/// login's transaction; outside authorities by OCSP.
protocol CertificateStatusSource: Sendable {
  /// - Throws: ``ServiceRefusal`` where the certificate is not known to be good.
  func check(chain: [Certificate], role: Role) async throws
}

/// Status of certificates of the service's own authority: ``LoginRecording`` reads revocation in the same transaction
/// that writes the session, which no answer fetched before could better.
struct RegisterStatus: CertificateStatusSource {
  func check(chain: [Certificate], role: Role) async throws {}
}
