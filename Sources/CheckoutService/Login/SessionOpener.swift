import Bytes
import Cryptography
import Ledger
import Messages
import Payments
import Seals

/// Session, sequence and proof of a sealed call that is not a payment.
struct SealedCall: Sendable {
  let session: Bytes16
  let sequence: UInt64
  let proof: Bytes32

  /// - Throws: ``ServiceRefusal`` that names the field.
  init(_ session: [UInt8], _ sequence: UInt64, _ proof: [UInt8]) throws {
    guard let session = Bytes16(session) else {
      throw ServiceRefusal(.invalidField, field: "session", description: "must be 16 bytes")
    }
    guard sequence >= 1 else {
      throw ServiceRefusal(.invalidField, field: "sequence", description: "must be 1 or more")
    }
    guard let proof = Bytes32(proof) else {
      throw ServiceRefusal(.invalidField, field: "proof", description: "must be 32 bytes")
    }
    self.session = session
    self.sequence = sequence
    self.proof = proof
  }
}

/// Finds the session of a sealed call and verifies its proof; sessions that began in a former process are derived again.
struct SessionOpener: Sendable {
  let sessions: SessionTable
  let policies: CompanyPolicies
  let sealingKeys: SealingKeyRing
  let ledger: Ledger
  let serviceName: String
  let rootFingerprint: Bytes32
  /// DER of the issuing authority's name.
  let issuer: [UInt8]
  let clock: ServiceClock

  /// Takes the call's sequence into the replay window.
  ///
  /// - Throws: ``ServiceRefusal``.
  func open(_ call: SealedCall, method: String, path: Int64?) async throws -> LiveSession {
    let session: LiveSession
    if let known = sessions.session(call.session) {
      session = known
    } else {
      session = try await revive(call, method: method)
    }
    guard session.hasProof(call, method: method) else {
      throw ServiceRefusal(.proofInvalid, field: "proof", cause: "session of consultant \(session.consultant)")
    }
    guard session.path == path else { throw ServiceRefusal(.wrongPath, cause: "session of path \(session.path)") }
    let now = clock.monotonic()
    try session.state.withLock { state throws(ServiceRefusal) in
      if let end = state.clock.end(at: now) { throw ServiceRefusal(over: end) }
      guard state.window.use(call.sequence) else { throw ServiceRefusal(.replayed, field: "sequence") }
      _ = state.clock.call(at: now)
    }
    return session
  }

  /// Keys of a login from its HPKE encapsulation.
  func keys(of login: VerifiedLogin) throws -> SessionKeys {
    try keys(enc: login.enc, sealingKey: login.sealingKey, statement: login.statementDigest)
  }

  /// A session as this process is to know it.
  func session(row: SessionRow, keys: SessionKeys) -> LiveSession {
    let now = clock.monotonic()
    return LiveSession(
      row: row, keys: keys, rules: policies.rules(of: row.company),
      loginMonotonic: now - max(0, clock.wall() - row.loginTime), now: now)
  }

  private func keys(enc: Bytes32, sealingKey: SealingKeyRing.Entry, statement: Bytes32) throws -> SessionKeys {
    let preset = PresetInformation(
      serviceName: serviceName, rootFingerprint: rootFingerprint, sealingKeyID: sealingKey.id)
    do {
      let context = try HPKE.recipient(enc: enc.bytes, key: sealingKey.key, info: preset.hpkeInfo)
      return SessionKeys(context: context, statement: statement)
    } catch {
      throw ServiceRefusal(.invalidField, field: "statement.enc", description: "is not a usable X25519 key")
    }
  }

  /// Why a payment is refused whose session this process does not know: it is over, or was logged in at a former process
  /// and IssueIdentity brings it back.
  func refusal(unknown session: Bytes16) async -> ServiceRefusal {
    do {
      let row = try await row(of: session)
      guard let row = row.found, row.ended == nil, sealingKeys.entry(id: row.sealingKey) != nil else {
        return ServiceRefusal(.sessionOver, cause: "unknown or over")
      }
      return ServiceRefusal(.identityRequired)
    } catch {
      return ServiceRefusal(.storeUnavailable, cause: "\(error)")
    }
  }

  /// What the ledger has of a session, nil where it cannot be brought back; where it has ended, the one that lives now.
  private func row(of session: Bytes16) async throws -> (found: SessionRow?, newer: SessionRow?) {
    try await ledger.perform { [issuer] store -> (SessionRow?, SessionRow?) in
      guard let row = try store.session(id: session) else { return (nil, nil) }
      if row.ended != nil {
        return (row, try store.liveSessions(consultant: row.consultant).first.flatMap(store.session))
      }
      // Status of outside certificates was asked for by the former process; a new login asks again.
      for fingerprint in [row.consultantCertificate, row.companyCertificate]
      where try store.certificate(fingerprint: fingerprint)?.issuer != issuer { return (nil, nil) }
      return (row, nil)
    }
  }

  /// Only IssueIdentity with a sequence above the last issue brings a session of a former process back, so that
  /// nothing sealed before can be replayed and no reply nonce is used twice.
  private func revive(_ call: SealedCall, method: String) async throws -> LiveSession {
    let (found, newer) = try await row(of: call.session)
    guard let row = found, let entry = sealingKeys.entry(id: row.sealingKey) else {
      throw ServiceRefusal(.sessionOver, field: "session", cause: "unknown or over")
    }
    let session = session(row: row, keys: try keys(enc: row.enc, sealingKey: entry, statement: row.statement))
    guard session.hasProof(call, method: method) else { throw ServiceRefusal(.proofInvalid, field: "proof") }
    if let end = row.ended { throw ServiceRefusal(over: end, newLogin: newer?.loginTime) }
    guard method == CheckoutMethods.issueIdentity else { throw ServiceRefusal(.identityRequired) }
    guard call.sequence > row.identitySequence else { throw ServiceRefusal(.replayed, field: "sequence") }
    session.state.withLock { $0.window = ReplayWindow(after: call.sequence - 1) }
    return sessions.adopt(session)
  }
}

extension ServiceRefusal {
  /// A session that has ended, told to who holds its keys.
  ///
  /// - Parameter newLogin: when the session that lives now was logged in, milliseconds since 1970-01-01T00:00:00Z.
  init(over end: SessionEnd, newLogin: Int64? = nil) {
    let time = newLogin.map { " at \(TimeText.instant($0))" } ?? ""
    let cause =
      switch end {
      case .logout: "it was logged out"
      case .newLogin: "the consultant has logged in again\(time), and one session lives at a time"
      case .idle: "no sealed call came for \(Limits.sessionIdleMilliseconds / 60_000) minutes"
      case .lifetime: "the login is \(Limits.sessionLifetimeMilliseconds / 3_600_000) hours ago"
      case .revoked: "consultant, company, device or certificate was revoked"
      case .noStatus: "the authority of a certificate does not tell its status"
      case .restored: "the ledger was restored from a backup"
      }
    self.init(.sessionOver, field: "session", description: cause, cause: "\(end)")
  }
}

extension LiveSession {
  /// Whether the proof fits session, method and sequence; constant in time.
  func hasProof(_ call: SealedCall, method: String) -> Bool {
    let expected = keys.proof(method: method, session: id, sequence: call.sequence)
    return expected.withUnsafeBytes { expected in
      call.proof.withUnsafeBytes { constantTimeEquals(expected, $0) }
    }
  }

  /// Puts a new second identity in force; the former one is void.
  ///
  /// - Parameter now: monotonic milliseconds.
  /// - Throws: ``ServiceRefusal`` where the session ended meanwhile.
  func install(_ identity: SecretBytes, storedDigest: Bytes32, now: Int64) throws {
    let both = SecretBytes(count: SealSize.identityAndMAC) { output in
      identity.withUnsafeBytes { output.copyMemory(from: $0) }
      for (offset, byte) in macAddress.bytes.enumerated() { output[SecondIdentity.count + offset] = byte }
    }
    try state.withLock { state throws(ServiceRefusal) in
      if let end = state.clock.end(at: now) { throw ServiceRefusal(over: end) }
      state.seals.payment.use(identityAndMAC: both)
      state.identity = Identity(identityAndMAC: both, storedDigest: storedDigest)
    }
  }
}
