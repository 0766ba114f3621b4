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
  let consultant: VerifiedPath
  let company: VerifiedPath
  let sealingKey: SealingKeyRing.Entry
}

/// The fields of a login, each well formed; nothing of it is verified yet.
private struct AskedLogin {
  let statement: LoginStatement
  let statementDigest: Bytes32
  let challenge: Bytes32
  let enc: Bytes32
  let macAddress: MACAddress
  let consultantChain: LoginChain
  let companyChain: LoginChain
  let sealingKey: SealingKeyRing.Entry
}

/// The checks of a login up to both signatures and status, in the order that `docs/security.md` fixes: fields,
/// challenge, chains, consultant's signature, countersignature, status. Stops at the first failure; touches no database.
struct LoginCheck: Sendable {
  let challenges: Challenges
  let sealingKeys: SealingKeyRing
  let serviceName: String
  let rootFingerprint: Bytes32
  let authorities: Authorities
  let status: any CertificateStatusSource
  let known: KnownPaths

  /// - Parameters:
  ///   - monotonic: milliseconds, for the challenge.
  ///   - wall: milliseconds since 1970-01-01T00:00:00Z, for certificates.
  /// - Throws: ``ServiceRefusal``.
  func verify(_ request: LoginRequest, monotonic: Int64, wall: Int64) async throws -> VerifiedLogin {
    let asked = try checkFields(request, wall)
    guard challenges.isGood(asked.challenge, now: monotonic) else {
      throw ServiceRefusal(.challengeInvalid, field: "statement.challenge", cause: "made up or older than 60 s")
    }
    let consultant = try checkChain(asked.consultantChain, authorities.consultants, "consultant_chain", wall)
    let company = try checkChain(asked.companyChain, authorities.companies, "company_chain", wall)
    try checkSignature(request, consultant.leaf)
    do {
      try checkCountersignature(request, company.leaf)
      try await checkStatus(consultant, company)
    } catch var refusal as ServiceRefusal {
      refusal.signer = consultant.leaf
      throw refusal
    }
    asked.consultantChain.keep(consultant, in: known)
    asked.companyChain.keep(company, in: known)
    return VerifiedLogin(
      statement: asked.statement, statementDigest: asked.statementDigest, challenge: asked.challenge, enc: asked.enc,
      macAddress: asked.macAddress, consultant: consultant, company: company, sealingKey: asked.sealingKey)
  }

  /// Asks about both at once, since a slow authority may take seconds.
  private func checkStatus(_ consultant: VerifiedPath, _ company: VerifiedPath) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await status.check(company, field: "company_chain") }
      try await status.check(consultant, field: "consultant_chain")
      try await group.waitForAll()
    }
  }

  private func checkFields(_ request: LoginRequest, _ wall: Int64) throws -> AskedLogin {
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
    _ = try PeerText.program(statement.programVersion, field: "statement.program_version")
    guard statement.serviceName == serviceName, statement.rootFingerprint == rootFingerprint.bytes else {
      throw ServiceRefusal(
        .wrongDestination, field: "statement.service_name", cause: "statement is for \(statement.serviceName)")
    }
    guard let key = sealingKeys.entry(id: statement.sealingKeyId) else {
      throw ServiceRefusal(.sealingKeyUnknown, field: "statement.sealing_key_id")
    }
    let consultant = try chain(request.consultantChain, .consultant, "consultant_chain", wall)
    let company = try chain(request.companyChain, .company, "company_chain", wall)
    guard statement.certificateDigest == consultant.leaf.fingerprint.bytes else {
      throw ServiceRefusal(
        .signatureInvalid, field: "statement.certificate_digest", cause: "statement is for another certificate")
    }
    return AskedLogin(
      statement: statement, statementDigest: SHA256.digest(request.statement), challenge: challenge, enc: enc,
      macAddress: mac, consultantChain: consultant, companyChain: company, sealingKey: key)
  }

  private func wrongLength(_ field: String, _ count: Int) -> ServiceRefusal {
    ServiceRefusal(.invalidField, field: "statement.\(field)", description: "must be \(count) bytes")
  }

  private func chain(_ ders: [[UInt8]], _ role: Role, _ field: String, _ wall: Int64) throws -> LoginChain {
    do {
      return try LoginChain(ders, role: role, at: wall / 1_000, known: known)
    } catch {
      throw ServiceRefusal(.certificateRefused, field: field, cause: "\(error)")
    }
  }

  private func checkChain(
    _ chain: LoginChain, _ anchors: [TrustAnchor], _ field: String, _ wall: Int64
  ) throws -> VerifiedPath {
    do {
      return try chain.path { certificates throws(CertificateRefusal) in
        try CertificatePath.verify(chain: certificates, anchors: anchors, at: wall / 1_000)
      }
    } catch {
      throw ServiceRefusal(.certificateRefused, field: field, cause: "\(error)")
    }
  }

  private func checkSignature(_ request: LoginRequest, _ leaf: Certificate) throws {
    guard leaf.publicKey.isValid(signature: request.signature, for: SigningInput.statement(request.statement)) else {
      throw ServiceRefusal(.signatureInvalid, field: "signature", cause: leaf.subjectText)
    }
  }

  private func checkCountersignature(_ request: LoginRequest, _ leaf: Certificate) throws {
    let countersigned = SigningInput.countersignature(
      statement: request.statement, signature: request.signature, companyLeaf: leaf.fingerprint)
    guard leaf.publicKey.isValid(signature: request.countersignature, for: countersigned) else {
      throw ServiceRefusal(.countersignatureInvalid, field: "countersignature", cause: leaf.subjectText)
    }
  }
}
