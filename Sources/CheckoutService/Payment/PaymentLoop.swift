import Bytes
import CMessages
import CountersignRPC
import Cryptography
import Ledger
import MessageRuntime
import Messages
import NIOCore
import Payments
import Policy
import Seals

/// SubmitPayment on one event loop: opens, compares, checks and hands over whole reads; answers whole batches.
///
/// Everything here runs on its event loop but ``deliver(_:)``, which only hops there; that is why it may be
/// `@unchecked Sendable`. The writer's transaction compares identity and MAC address once more.
///
/// Source: docs/security.md, "SubmitPayment: the keyword".
final class PaymentLoop: InLoopHandler, LedgerLoop, @unchecked Sendable {
  private let service: PaymentService
  private let loop: ServerLoop
  private let vault: CardVault
  private let arena = Arena(capacity: 8 * 1_024)
  /// Holds the decoded card; erased after each payment.
  private let secretArena = Arena(capacity: 4 * 1_024)
  private var answer = AnswerEncoder()
  private var open = OpenPayments()
  private var batch: PaymentBatch
  /// Empty batches to fill again.
  private var spare: [PaymentBatch] = []
  /// The connection of the latest request and its path: most reads bring many requests of one connection.
  private var path: (connection: ConnectionRef, company: Int64?)?
  /// The present month, and the wall clock's milliseconds at which it is looked up again.
  private var month: (value: YearMonth, until: Int64) = (YearMonth(year: 0, month: 1), 0)

  init(service: PaymentService, loop: ServerLoop) {
    self.service = service
    self.loop = loop
    vault = CardVault(ring: service.vault)
    batch = PaymentBatch(loop: loop.index)
    service.ledger.attach(self, index: loop.index)
    let eventLoop = loop.eventLoop
    service.vault.addFence { try? await eventLoop.submit {}.get() }
  }

  func receive(_ call: InLoopCall, _ request: UnsafeRawBufferPointer) {
    arena.reset()
    do {
      try SubmitPaymentRequest.withDecoded(request, in: arena) { message in
        let parts = SealedParts(message.pointee)
        try PaymentOrder.withDecoded(parts.order, in: arena, rules: .signed) { order in
          try receive(call, parts, order.pointee)
        }
      }
    } catch let refusal as ServiceRefusal {
      refuse(call, refusal)
    } catch {
      refuse(call, ServiceRefusal(.messageInvalid, cause: "\(error)"))
    }
    if batch.intents.count >= handOverCount { readComplete() }
  }

  func readComplete() {
    guard !batch.intents.isEmpty else { return }
    service.ledger.submit(batch)
    batch = spare.popLast() ?? PaymentBatch(loop: loop.index)
  }

  /// Payments that are handed over before the read ends: an eighth of what is open here, so that loop, intents and
  /// outcomes have payments at the same time. Handed over at once, all terminals move in step and loop and writer wait
  /// for each other.
  private var handOverCount: Int { min(PaymentBatch.capacity, max(Self.smallestHandOver, open.count / 8)) }

  /// Fewer cost the writer more in commits than the loop gains.
  private static let smallestHandOver = 8

  /// The writer knows whether anything of an overdue payment is durable, and answers accordingly.
  func tick(now: UInt64) {
    open.overdue(now: now) { token, key, company in
      service.ledger.deadlinePassed(
        ReplyToken(loop: loop.index, slot: token.slot, generation: token.generation), key: key, company: company)
    }
  }

  func deliver(_ batches: [PaymentBatch]) {
    loop.eventLoop.execute {
      for batch in batches { self.tell(batch) }
      self.loop.flush()
    }
  }
}

// MARK: - Receiving

extension PaymentLoop {
  private func receive(
    _ call: InLoopCall, _ parts: SealedParts, _ order: Countersign__V1__PaymentOrder
  ) throws(ServiceRefusal) {
    guard let sessionID = Bytes16(order.session.buffer) else {
      throw ServiceRefusal(.invalidField, field: "order.session", description: "must be 16 bytes")
    }
    guard let key = Bytes16(order.idempotency_key.buffer) else {
      throw ServiceRefusal(.invalidField, field: "order.idempotency_key", description: "must be 16 bytes")
    }
    guard order.sequence >= 1 else {
      throw ServiceRefusal(.invalidField, field: "order.sequence", description: "must be 1 or more")
    }
    guard let session = service.sessions.session(sessionID) else { return refuse(call, withoutSession: sessionID) }
    guard path(of: call.connection) == session.path else {
      throw ServiceRefusal(.wrongPath, cause: "session of path \(session.path)")
    }
    var room: InlineArray<512, UInt8> = .init(repeating: 0)
    var bytes = room.mutableSpan
    try bytes.withUnsafeMutableBytes { room throws(ServiceRefusal) in
      let card = UnsafeMutableRawBufferPointer(rebasing: room[..<parts.cardCount])
      defer { card.erase() }
      let identity = try openSeals(parts, order.sequence, session, into: card)
      let opened = OpenedPayment(
        session: session, key: key, sequence: order.sequence, digest: SHA256.digest(parts.order))
      do throws(ServiceRefusal) {
        try take(call, opened, identity, order, UnsafeRawBufferPointer(card))
      } catch {
        refuseSealed(call, opened, error)
      }
    }
  }

  /// 0 for a direct connection, else the company that authenticated it; nil where that company is not known.
  private func path(of connection: ConnectionRef) -> Int64? {
    if let path, path.connection == connection { return path.company }
    let company = loop.peer(of: connection).flatMap { service.companies.path(of: $0) }
    path = (connection, company)
    return company
  }

  /// Opens both seals, compares identity and MAC address, and takes the sequence into the replay window.
  ///
  /// - Returns: the stored digest of the identity that was extracted.
  private func openSeals(
    _ parts: SealedParts, _ sequence: UInt64, _ session: LiveSession, into card: UnsafeMutableRawBufferPointer
  ) throws(ServiceRefusal) -> Bytes32 {
    let now = service.clock.monotonic()
    return try session.state.withLock { state throws(ServiceRefusal) in
      if let end = state.clock.end(at: now) {
        throw ServiceRefusal(.sessionOver, cause: "\(end)", consultant: session.consultant)
      }
      guard let identity = state.identity else { throw ServiceRefusal(.identityRequired) }
      guard state.window.isFresh(sequence) else {
        throw ServiceRefusal(.replayed, field: "order.sequence")
      }
      if let fault = Self.keywordFault(parts, sequence, state.seals.payment, identity) { throw ServiceRefusal(fault) }
      do {
        try state.seals.payment.openPayment(
          parts.payment, order: parts.order, keyword: parts.keyword, sequence: sequence, into: card)
      } catch {
        throw ServiceRefusal(.paymentSealRejected, consultant: session.consultant)
      }
      _ = state.window.use(sequence)
      _ = state.clock.call(at: now)
      return identity.storedDigest
    }
  }

  /// Opens the keyword, takes second identity and MAC address out and compares both, in constant time.
  private static func keywordFault(
    _ parts: SealedParts, _ sequence: UInt64, _ seals: PaymentSeals, _ identity: LiveSession.Identity
  ) -> RefusalReason? {
    var extracted: InlineArray<38, UInt8> = .init(repeating: 0)
    var span = extracted.mutableSpan
    return span.withUnsafeMutableBytes { extracted in
      defer { extracted.erase() }
      do {
        try seals.openKeyword(parts.keyword, order: parts.order, sequence: sequence, into: extracted)
      } catch {
        return .keywordRejected
      }
      return identity.identityAndMAC.withUnsafeBytes { expected in
        let read = UnsafeRawBufferPointer(extracted)
        let isSameMAC = constantTimeEquals(read.part(32..<38), expected.part(32..<38))
        guard constantTimeEquals(read.part(0..<32), expected.part(0..<32)) else { return .identityVoid }
        return isSameMAC ? nil : .deviceChanged
      }
    }
  }

  /// Checks order and card and appends the intent to the batch of this read.
  private func take(
    _ call: InLoopCall, _ opened: OpenedPayment, _ identity: Bytes32, _ order: Countersign__V1__PaymentOrder,
    _ card: UnsafeRawBufferPointer
  ) throws(ServiceRefusal) {
    let session = opened.session
    let unchecked = UncheckedOrder(order)
    let checked: CheckedOrder
    do {
      checked = try CheckedOrder(unchecked, sinceLogin: service.clock.monotonic() - session.loginMonotonic)
    } catch {
      throw ServiceRefusal(error)
    }
    var secrets = try decodeCard(card)
    defer { secrets.erase() }
    let policy = policy(of: session, checked, call)
    guard let token = open.insert(call, opened) else { throw ServiceRefusal(.tooManyOpenCalls) }
    batch.append(
      Intent(
        key: opened.key, session: session.id, sequence: opened.sequence, identityDigest: identity,
        macAddress: session.macAddress, process: service.process, company: session.company,
        consultant: session.consultant, amount: checked.amount, currency: checked.currency,
        instalments: checked.instalments, notAfter: session.loginMonotonic + checked.notAfterMilliseconds,
        reference: Range32(start: 0, count: 0),
        card: vault.seal(secrets, key: opened.key, company: session.company), secrets: secrets,
        reply: ReplyToken(loop: loop.index, slot: token.slot, generation: token.generation),
        policyRefusal: policy.refusal, dayLimit: policy.dayLimit),
      reference: unchecked.reference)
  }

  /// What the company's policy says; the writer refuses by it what it does not know already.
  private func policy(
    of session: LiveSession, _ order: CheckedOrder, _ call: InLoopCall
  ) -> (refusal: PolicyRefusal?, dayLimit: DayLimit?) {
    guard let rules = session.rules.current else { return (nil, nil) }
    let now = service.clock.wall()
    let address = session.path == CompanyCertificates.direct ? loop.peer(of: call.connection)?.remoteAddress : nil
    return (
      rules.refusal(
        payment: order.amount, order.currency, by: CompanyRules.Path(session.path, from: address ?? ""), at: now),
      rules.dayLimit(of: order.currency, at: now)
    )
  }

  private func decodeCard(_ bytes: UnsafeRawBufferPointer) throws(ServiceRefusal) -> CardSecrets {
    defer { secretArena.reset(erasing: true) }
    do {
      return try CardData.withDecoded(bytes, in: secretArena, rules: .signed) { card in
        try CardSecrets(UncheckedCard(card.pointee), now: presentMonth())
      }
    } catch let violation as FieldViolation {
      throw ServiceRefusal(violation)
    } catch {
      throw ServiceRefusal(.messageInvalid, field: "card", cause: "the card data breaks the decoding rules")
    }
  }

  private func presentMonth() -> YearMonth {
    let now = service.clock.wall()
    if now >= month.until || now < month.until - 60_000 { month = (YearMonth(time: now), now + 60_000) }
    return month.value
  }
}

// MARK: - Answering

extension PaymentLoop {
  /// Answers what the writer decided, and keeps the batch for its next use.
  private func tell(_ batch: PaymentBatch) {
    batch.bytes.withUnsafeBytes { bytes in
      for told in batch.answers {
        guard let payment = open.remove(slot: told.reply.slot, generation: told.reply.generation) else { continue }
        switch told.verdict {
        case .told:
          let start = Int(told.record.reference.start)
          answer.told(told.record, reference: bytes.part(start..<start + Int(told.record.reference.count)))
          respondSealed(payment.call, payment.opened)
        case .refused(let refusal):
          refuseSealed(payment.call, payment.opened, ServiceRefusal(refusal, key: payment.opened.key))
        }
      }
    }
    batch.erase()
    if spare.count < Self.spareBatches { spare.append(batch) }
  }

  /// Empty batches kept: as many as can be on their way to the writer and back.
  private static var spareBatches: Int { 32 }

  /// Seals what ``answer`` holds and writes it.
  private func respondSealed(_ call: InLoopCall, _ opened: OpenedPayment) {
    let count = answer.bytes.count + SealSize.tag
    withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { room in
      let body = UnsafeMutableRawBufferPointer(rebasing: room[..<count])
      answer.bytes.withUnsafeBytes { plain in
        opened.session.state.withLock { state in
          state.seals.submitReply.seal(plain, digest: opened.digest, sequence: opened.sequence, into: body)
        }
      }
      loop.respond(call) { SubmitReply.append(body: UnsafeRawBufferPointer(body), to: &$0) }
    }
  }

  /// Journals a refusal decided after the seals opened, then tells it sealed.
  private func refuseSealed(_ call: InLoopCall, _ opened: OpenedPayment, _ refusal: ServiceRefusal) {
    var refusal = refusal
    refusal.consultant = opened.session.consultant
    journal(refusal, call) { [refusal] loop in
      loop.answer.refused(refusal, key: opened.key)
      loop.respondSealed(call, opened)
    }
  }

  /// Journals a refusal decided before the seals opened, then tells it as a status.
  private func refuse(_ call: InLoopCall, _ refusal: ServiceRefusal) {
    journal(refusal, call) { $0.loop.respond(call, status: refusal.status) }
  }

  /// The session is over, or of a former process and lacks an identity: the ledger is asked, off the payments' path.
  private func refuse(_ call: InLoopCall, withoutSession id: Bytes16) {
    let eventLoop = loop.eventLoop
    Task { [service] in
      let refusal = await service.opener.refusal(unknown: id)
      eventLoop.execute { self.refuse(call, refusal) }
    }
  }

  private func journal(
    _ refusal: ServiceRefusal, _ call: InLoopCall, _ then: @escaping @Sendable (PaymentLoop) -> Void
  ) {
    let source = loop.peer(of: call.connection)?.remoteAddress ?? "a closed connection"
    let eventLoop = loop.eventLoop
    Task { [service] in
      _ = await service.refusals.status(for: refusal, .paymentRefused, source: source)
      eventLoop.execute {
        then(self)
        self.loop.flush()
      }
    }
  }
}

/// What all payment loops of a server share.
struct PaymentService: Sendable {
  let sessions: SessionTable
  let opener: SessionOpener
  let companies: CompanyCertificates
  let ledger: Ledger
  let refusals: RefusalJournal
  let vault: VaultKeyRing
  let clock: ServiceClock
  /// Random start id of this process.
  let process: UInt64
}
