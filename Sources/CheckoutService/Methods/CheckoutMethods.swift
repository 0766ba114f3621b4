import Bytes
import CountersignRPC
import Cryptography
import Ledger
import Logging
import Messages
import Payments
import Seals

/// The calls of `countersign.v1.Checkout` that are not payments: login, identity, questions, logout.
struct CheckoutCalls: CheckoutServiceProtocol {
  let check: LoginCheck
  let challenges: Challenges
  let sealingKeys: SealingKeyRing
  let sessions: SessionTable
  let companies: CompanyCertificates
  let policies: CompanyPolicies
  let opener: SessionOpener
  let watch: StatusWatch
  let authorities: Authorities
  let ledger: Ledger
  let refusals: RefusalJournal
  let lockouts: Lockouts
  let clock: ServiceClock
  /// Random start id of this process.
  let process: UInt64

  init(
    identity: ServiceIdentity, sealingKeys: SealingKeyRing, sessions: SessionTable,
    companies: CompanyCertificates, policies: CompanyPolicies, authorities: Authorities, status: OutsideStatus,
    watch: StatusWatch, ledger: Ledger, refusals: RefusalJournal, lockouts: Lockouts, clock: ServiceClock,
    process: UInt64
  ) {
    self.sealingKeys = sealingKeys
    self.sessions = sessions
    self.companies = companies
    self.policies = policies
    self.authorities = authorities
    self.watch = watch
    self.ledger = ledger
    self.refusals = refusals
    self.lockouts = lockouts
    self.clock = clock
    self.process = process
    challenges = Challenges()
    check = LoginCheck(
      challenges: challenges, sealingKeys: sealingKeys, serviceName: identity.serviceName,
      rootFingerprint: identity.root.fingerprint, authorities: authorities, status: status,
      known: KnownPaths())
    opener = SessionOpener(
      sessions: sessions, policies: policies, sealingKeys: sealingKeys, ledger: ledger,
      serviceName: identity.serviceName, rootFingerprint: identity.root.fingerprint,
      issuer: identity.issuer.certificate.subjectDER, clock: clock)
  }

  func beginLogin(_ request: BeginLoginRequest, context: ServerContext) async throws -> BeginLoginReply {
    let key = try sealingKeys.current(now: clock.wall())
    var reply = BeginLoginReply()
    reply.challenge = challenges.make(now: clock.monotonic()).bytes
    reply.sealingKey = key.signed
    reply.serverTimeMs = UInt64(clock.wall())
    return reply
  }

  func login(_ request: LoginRequest, context: ServerContext) async throws -> LoginReply {
    try await refusals.journaling(.loginRefused, context) {
      let (login, keys, recorded) = try await lockouts.counting(source: context.source) {
        let way = LoginRecording.Way(path: try await path(of: context), address: context.peer.remoteAddress)
        let login = try await check.verify(request, monotonic: clock.monotonic(), wall: clock.wall())
        let keys = try opener.keys(of: login)
        let now = clock.wall()
        let recorded = try await ledger.perform { [authorities, policies] store in
          try LoginRecording.record(login, authorities, by: way, policies: policies, now: now, in: store)
        }
        return (login, keys, recorded)
      }
      sessions.insert(opener.session(row: recorded.row, keys: keys), now: clock.monotonic())
      watch.watch(recorded.row.id, [login.consultant, login.company])
      var result = LoginResult()
      result.session = recorded.row.id.bytes
      result.loginTimeMs = UInt64(recorded.row.loginTime)
      result.idleMs = UInt64(Limits.sessionIdleMilliseconds)
      result.lifetimeMs = UInt64(Limits.sessionLifetimeMilliseconds)
      result.consultant = recorded.consultant.name
      result.company = recorded.company.name
      result.ledger = recorded.ledger.bytes
      var reply = LoginReply()
      reply.body = ReplySeal(keys: keys, method: CheckoutMethods.login)
        .seal(result.encoded(), digest: login.statementDigest, sequence: 0)
      return reply
    }
  }

  /// By which way a login comes.
  ///
  /// - Throws: ``ServiceRefusal`` where the connection shows a company's certificate that is not good any more.
  private func path(of context: ServerContext) async throws -> Int64 {
    if let path = companies.path(of: context.peer) { return path }
    guard let leaf = context.peer.certificates.first else { throw ServiceRefusal(.notRegistered) }
    let row = try await ledger.perform { store in try store.certificate(fingerprint: leaf.fingerprint) }
    throw ServiceRefusal(
      row?.revocation == nil ? .notRegistered : .revoked, cause: "the connection's certificate \(leaf.subjectText)")
  }

  func issueIdentity(_ request: IssueIdentityRequest, context: ServerContext) async throws -> IssueIdentityReply {
    try await refusals.journaling(.callRefused, context) {
      let call = try SealedCall(request.session, request.sequence, request.proof)
      let session = try await opener.open(
        call, method: CheckoutMethods.issueIdentity, path: companies.path(of: context.peer))
      let identity = SecondIdentity.make(session: session.id, consultant: session.consultant, certificate: session.leaf)
      let digest = SecondIdentity.storedDigest(identity, session: session.id)
      let now = clock.wall()
      try await ledger.perform { [process] store in
        try store.setIdentity(session: session.id, digest: digest, process: process, sequence: call.sequence)
        try store.insertEvent(
          EventRow(
            kind: .identityIssued, consultant: session.consultant, company: session.company, session: session.id,
            time: now, text: "second identity issued at sequence \(call.sequence)"))
      }
      try session.install(identity, storedDigest: digest, now: clock.monotonic())
      var reply = IssueIdentityReply()
      reply.nonce = randomBytes(12)
      reply.box = SecondIdentity.seal(
        identity, nonce: reply.nonce, session: session.id, proof: request.proof, keys: session.keys)
      return reply
    }
  }

  func getPayment(_ request: GetPaymentRequest, context: ServerContext) async throws -> GetPaymentReply {
    try await refusals.journaling(.callRefused, context) {
      let call = try SealedCall(request.session, request.sequence, request.proof)
      guard let key = Bytes16(request.idempotencyKey) else {
        throw ServiceRefusal(.invalidField, field: "idempotency_key", description: "must be 16 bytes")
      }
      guard request.waitMs <= Limits.outcomeWaitMilliseconds else {
        throw ServiceRefusal(
          .invalidField, field: "wait_ms", description: "must be at most \(Limits.outcomeWaitMilliseconds)")
      }
      let session = try await opener.open(
        call, method: CheckoutMethods.getPayment, path: companies.path(of: context.peer))
      let found = try await session.waiting(atMost: Int64(request.waitMs)) { milliseconds in
        try await ledger.outcome(
          key: key, company: session.company, consultant: session.consultant, waitMilliseconds: milliseconds)
      }
      var answer = AnswerEncoder()
      switch found {
      case .known(let stored):
        stored.reference.withUnsafeBytes { answer.told(stored.record, reference: $0, operated: stored.operated) }
      case .unknown: answer.refused(ServiceRefusal(.paymentNotFound), key: key)
      case .lost: answer.refused(ServiceRefusal(.ledgerRestored), key: key)
      }
      var reply = GetPaymentReply()
      reply.body = session.state.withLock { state in
        state.seals.getReply.seal(answer.bytes, digest: SHA256.digest(request.proof), sequence: call.sequence)
      }
      return reply
    }
  }

  func logout(_ request: LogoutRequest, context: ServerContext) async throws -> LogoutReply {
    try await refusals.journaling(.callRefused, context) {
      let call = try SealedCall(request.session, request.sequence, request.proof)
      let session = try await opener.open(call, method: CheckoutMethods.logout, path: companies.path(of: context.peer))
      sessions.end(session.id, .logout, now: clock.monotonic())
      let now = clock.wall()
      try await ledger.perform(fromReserve: true) { store in
        try store.endSession(session.id, reason: .logout, time: now)
        try store.insertEvent(
          EventRow(
            kind: .logout, consultant: session.consultant, company: session.company, session: session.id, time: now,
            text: "logged out"))
      }
      return LogoutReply()
    }
  }
}
