import Bytes
import Cryptography
import Messages
import Payments
import Policy
import Seals
import Synchronization

/// A session as this process knows it: keys, replay window, the identity in force.
///
/// What never changes stands in `let`s; the rest behind one lock, held for the few microseconds of one seal.
final class LiveSession: Sendable {
  let id: Bytes16
  let consultant: Int64
  let company: Int64
  /// 0 for direct, else the company whose gateway authenticated the connection.
  let path: Int64
  let macAddress: MACAddress
  /// Monotonic milliseconds of the login; `not_after_ms` counts from here.
  let loginMonotonic: Int64
  /// SHA-256 of the consultant's registered certificate.
  let leaf: Bytes32
  let keys: SessionKeys
  /// What the company allows now.
  let rules: CurrentRules

  struct State: ~Copyable {
    var window = ReplayWindow()
    var clock: SessionClock
    var identity: Identity?
    /// Calls of GetPayment that wait for an outcome.
    var waits = 0
    let seals: Seals
  }

  /// The prepared ciphers. Reached only through ``state``, one thread at a time, which is why they may be shared.
  struct Seals: @unchecked Sendable {
    let payment: PaymentSeals
    let submitReply: ReplySeal
    let getReply: ReplySeal
  }

  /// The second identity in force.
  struct Identity {
    /// Second identity (32) then MAC address (6).
    let identityAndMAC: SecretBytes
    let storedDigest: Bytes32
  }

  let state: Mutex<State>

  init(row: SessionRow, keys: SessionKeys, rules: CurrentRules, loginMonotonic: Int64, now: Int64) {
    id = row.id
    consultant = row.consultant
    company = row.company
    path = row.path
    macAddress = row.macAddress
    leaf = row.consultantCertificate
    self.keys = keys
    self.rules = rules
    self.loginMonotonic = loginMonotonic
    state = Mutex(
      State(
        clock: SessionClock(login: loginMonotonic, lastCall: now),
        seals: Seals(
          payment: PaymentSeals(keys: keys, session: row.id, leaf: row.consultantCertificate),
          submitReply: ReplySeal(keys: keys, method: CheckoutMethods.submitPayment),
          getReply: ReplySeal(keys: keys, method: CheckoutMethods.getPayment))))
  }
}

/// All sessions that this process knows.
final class SessionTable: Sendable {
  private struct Tables {
    var byID: [Bytes16: LiveSession] = [:]
    var byConsultant: [Int64: Bytes16] = [:]
  }
  private let tables = Mutex(Tables())

  func session(_ id: Bytes16) -> LiveSession? { tables.withLock { $0.byID[id] } }

  /// Puts a session in; `now` is monotonic, in milliseconds. A former one of the same consultant is ended.
  func insert(_ session: LiveSession, now: Int64) {
    let former = tables.withLock { tables in
      let former = tables.byConsultant.updateValue(session.id, forKey: session.consultant)
        .flatMap { $0 == session.id ? nil : tables.byID.removeValue(forKey: $0) }
      tables.byID[session.id] = session
      return former
    }
    former?.end(.newLogin, now: now)
  }

  /// Puts a session of a former process in, unless another call did so meanwhile; gives the one that counts.
  func adopt(_ session: LiveSession) -> LiveSession {
    tables.withLock { tables in
      if let known = tables.byID[session.id] { return known }
      tables.byID[session.id] = session
      tables.byConsultant[session.consultant] = session.id
      return session
    }
  }

  /// Takes a session out and ends it.
  func end(_ id: Bytes16, _ reason: SessionEnd, now: Int64) {
    let session = tables.withLock { tables in
      let session = tables.byID.removeValue(forKey: id)
      if let session, tables.byConsultant[session.consultant] == id { tables.byConsultant[session.consultant] = nil }
      return session
    }
    session?.end(reason, now: now)
  }

  /// Sessions whose time is over at `now`, taken out.
  func takeExpired(now: Int64) -> [(id: Bytes16, reason: SessionEnd)] {
    let all = tables.withLock { Array($0.byID.values) }
    let expired = all.compactMap { session in
      session.state.withLock { $0.clock.end(at: now) }.map { (id: session.id, reason: $0) }
    }
    for (id, reason) in expired { end(id, reason, now: now) }
    return expired
  }
}

extension LiveSession {
  /// Runs a question that may wait for so long; where too many of this session wait already it may not.
  func waiting<R: Sendable>(
    atMost milliseconds: Int64, _ ask: (_ milliseconds: Int64) async throws -> R
  ) async rethrows -> R {
    let mayWait = state.withLock { state in
      guard milliseconds > 0, state.waits < Limits.outcomeWaitsOfSession else { return false }
      state.waits += 1
      return true
    }
    guard mayWait else { return try await ask(0) }
    defer { state.withLock { $0.waits -= 1 } }
    return try await ask(milliseconds)
  }

  /// Refuses every call from now on and forgets the identity.
  func end(_ reason: SessionEnd, now: Int64) {
    state.withLock { state in
      state.clock.end(reason, at: now)
      state.identity = nil
      state.seals.payment.forgetIdentity()
    }
  }
}
