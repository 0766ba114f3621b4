import Authority
import Bytes
import CountersignRPC
import Cryptography
import Ledger
import Messages
import Payments
import Seals

/// Enrolment of a terminal whose consultant's certificate an outside authority issued: an administrator registered the
/// certificate, the token says for whom, the proof shows the key, and the device is bound to it.
///
/// Source: docs/security.md, "Outside authorities".
extension EnrolmentCalls {
  /// - Returns: DER of the leaf.
  func enrolOutside(_ secret: EnrolSecret, path: Int64?, now: Int64) async throws -> [UInt8] {
    let macAddress = try Self.macAddress(secret.macAddress)
    let digest = SHA256.digest(secret.token)
    // Nothing is verified or asked for somebody without a token.
    try await ledger.perform { store in _ = try Self.token(digest, path: path, now: now, in: store) }
    let verified = try verified(secret.certificateChain, now)
    guard let authority = authorities.outside(verified) else {
      throw ServiceRefusal(
        .certificateRefused, field: "certificate_chain",
        description: "is of the service's own authority; enrol without it", cause: verified.leaf.subjectText)
    }
    let signed = SigningInput.outsideEnrolment(
      token: secret.token, leaf: verified.leaf.fingerprint, macAddress: secret.macAddress)
    guard verified.leaf.publicKey.isValid(signature: secret.certificateProof, for: signed) else {
      throw ServiceRefusal(.signatureInvalid, field: "certificate_proof", cause: verified.leaf.subjectText)
    }
    try await status.check(verified, field: "certificate_chain")
    let binding = OutsideBinding(
      token: digest, leaf: verified.leaf, authority: authority, macAddress: macAddress,
      program: try PeerText.program(secret.programVersion))
    try await ledger.perform { store in try binding.bind(path: path, now: now, in: store) }
    return verified.leaf.der
  }

  private func verified(_ chain: [[UInt8]], _ now: Int64) throws -> VerifiedPath {
    do {
      return try CertificatePath.verify(
        chain: try LoginChain.read(chain), anchors: authorities.consultants, at: now / 1_000)
    } catch {
      throw ServiceRefusal(.certificateRefused, field: "certificate_chain", cause: "\(error)")
    }
  }

  /// The token of a consultant that came by a way that is open to them.
  fileprivate static func token(
    _ digest: Bytes32, path: Int64?, now: Int64, in store: any Store
  ) throws -> (token: TokenRow, consultant: ConsultantRow) {
    guard let token = try store.token(digest: digest), let consultant = try store.consultant(id: token.consultant)
    else { throw ServiceRefusal(.tokenInvalid) }
    guard now <= token.notAfter else {
      throw ServiceRefusal(.tokenExpired, cause: "consultant \(token.consultant)")
    }
    try check(path: path, of: consultant)
    return (token, consultant)
  }
}

/// What is to be bound: token, certificate and device.
private struct OutsideBinding: Sendable {
  let token: Bytes32
  let leaf: Certificate
  let authority: OutsideAuthority
  let macAddress: MACAddress
  let program: String

  /// Uses the token and registers the device for the certificate, in one transaction.
  func bind(path: Int64?, now: Int64, in store: any Store) throws {
    let (row, consultant) = try EnrolmentCalls.token(token, path: path, now: now, in: store)
    let key = SHA256.digest(leaf.publicKey.der)
    if let used = row.request {
      guard used == key, row.certificate == leaf.fingerprint else {
        throw ServiceRefusal(.tokenUsed, cause: "consultant \(consultant.id)")
      }
      return
    }
    try checkRegister(consultant, in: store)
    let former = try registered(for: consultant, now: now, in: store)
    let same = try store.certificates(issuer: leaf.issuerDER, subject: leaf.subjectText)
      .filter { $0.holder == .consultant(consultant.id) && $0.revocation == nil }
    try store.setDevice(certificates: same.map(\.fingerprint), macAddress: macAddress)
    try store.useToken(digest: token, request: key, certificate: leaf.fingerprint, time: now)
    try store.insertEvent(
      EventRow(
        kind: .enrolled, consultant: consultant.id, company: consultant.company, time: now,
        text: "certificate \(Hex.encode(leaf.serial)) of authority \(authority.anchor.name), MAC address \(macAddress)"
          + "\(former.map { " instead of \($0)" } ?? ""), \(program)"))
  }

  private func checkRegister(_ consultant: ConsultantRow, in store: any Store) throws {
    guard !consultant.revoked, let company = try store.company(id: consultant.company), !company.revoked else {
      throw ServiceRefusal(.revoked, cause: "consultant \(consultant.id)", consultant: consultant.id)
    }
    guard try !store.isRevoked(device: macAddress) else {
      throw ServiceRefusal(.revoked, cause: "device \(macAddress)", consultant: consultant.id)
    }
    guard leaf.organisation == company.name else {
      throw ServiceRefusal(
        .wrongCompany, field: "certificate_chain", cause: "organisation is not \(company.name)",
        consultant: consultant.id)
    }
  }

  /// - Returns: the device that the certificate was registered for before; nil: none.
  private func registered(for consultant: ConsultantRow, now: Int64, in store: any Store) throws -> MACAddress? {
    let matching = Matching(
      authority: authority, holder: .consultant(consultant.id), macAddress: macAddress, now: now)
    return try matching.row(of: leaf, "certificate_chain", in: store).macAddress
  }
}
