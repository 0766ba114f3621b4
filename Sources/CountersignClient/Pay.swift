import Bytes
import CountersignRPC
import Cryptography
import Messages

/// What to charge.
public struct Order: Sendable {
  /// The company's own reference, 1 to 64 bytes of UTF-8.
  public var reference: String
  /// Minor units of `currency`.
  public var amount: UInt64
  /// ISO 4217 code.
  public var currency: String
  /// Months, 0 for a single payment.
  public var instalmentMonths: UInt32
  /// Milliseconds after which the payment must not be charged any more, at most 120,000.
  public var validForMilliseconds: Int64

  public init(
    reference: String, amount: UInt64, currency: String, instalmentMonths: UInt32 = 0,
    validForMilliseconds: Int64 = 60_000
  ) {
    self.reference = reference
    self.amount = amount
    self.currency = currency
    self.instalmentMonths = instalmentMonths
    self.validForMilliseconds = validForMilliseconds
  }
}

extension TerminalSession {
  /// Makes an idempotency key: a version 7 UUID (RFC 9562 section 5.7) by the service's clock.
  public nonisolated func makeKey() -> [UInt8] { makeKey(at: serviceTime) }

  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  nonisolated func makeKey(at time: Int64) -> [UInt8] {
    var key = randomBytes(16)
    let time = UInt64(clamping: time)
    for index in 0..<6 { key[index] = UInt8(truncatingIfNeeded: time >> (40 - 8 * UInt64(index))) }
    key[6] = key[6] & 0x0f | 0x70
    key[8] = key[8] & 0x3f | 0x80
    return key
  }

  /// Charges a card at most once, whatever happens on the way, and tells what became of it.
  ///
  /// The payment is remembered in the terminal's folder before it is sent. Each attempt is sealed anew under the same
  /// key; where the line is lost, the service is asked. PENDING is waited for until the order's time and 30 s are over.
  ///
  /// - Parameters:
  ///   - key: nil makes one; give the former one to go on with a payment whose outcome is unknown.
  ///   - onWait: called before the first wait, so that a person can be told why nothing seems to happen, and once more
  ///     where an answer is lost later and the service is asked for the outcome beyond the order's time; before both
  ///     where nothing has come for 5 s. An attempt that is on its way at the told end takes a second more at most.
  /// - Throws: ``TerminalError/refused(_:)`` (nothing was charged), ``TerminalError/unreachable(_:)`` (nothing was
  ///   sent), ``TerminalError/outcomeUnknown(key:_:)`` (ask again with this key) or ``TerminalError/sessionOver(_:)``.
  ///   Where its task is cancelled: ``TerminalError/outcomeUnknown(key:_:)`` once something was sent under the key, else
  ///   `CancellationError`.
  public func pay(
    _ order: Order, card: CardData, key: [UInt8]? = nil, onWait: (@Sendable (PaymentWait) -> Void)? = nil
  ) async throws -> PaymentResult {
    try await pay(order, card: card, key: key, askingFor: 30_000, onWait: onWait)
  }

  /// - Parameter patience: milliseconds after the order's time during which the service is asked for the outcome.
  func pay(
    _ order: Order, card: CardData, key: [UInt8]?, askingFor patience: Int64,
    onWait: (@Sendable (PaymentWait) -> Void)?
  ) async throws -> PaymentResult {
    // A payment that was open before stays remembered until its outcome is known, whatever happens to this attempt.
    let wasOpen = key.map { terminal.folder.remembers(key: $0) } ?? false
    let former = key.flatMap { terminal.folder.openPayment(key: $0) }
    var attempt = PaymentAttempt(
      order: message(order, key: key ?? makeKey()),
      ledger: key.map { terminal.folder.ledger(ofKey: $0) } ?? login.result.ledger,
      deadline: sinceLogin + order.validForMilliseconds, patience: patience)
    try terminal.folder.remember(attempt.order, ledger: attempt.key.ledger)
    do {
      let silence = onWait.map { Silence(terminal.profile, until: .now + left(of: attempt), onWait: $0) }
      defer { silence?.finish() }
      let result = try await run(&attempt, card, silence)
      if result.outcome != .pending { try terminal.folder.forget(key: attempt.key.bytes) }
      return result
    } catch is CancellationError where attempt.wasSent || wasOpen {
      if !attempt.wasSent, let former { try terminal.folder.write(former, key: attempt.key.bytes) }
      throw TerminalError.outcomeUnknown(
        key: attempt.key.bytes, "given up before the outcome was known; ask again with key \(attempt.key)")
    } catch is CancellationError {
      try terminal.folder.forget(key: attempt.key.bytes)
      throw CancellationError()
    } catch let error as TerminalError {
      switch error {
      case .outcomeUnknown, .sessionOver: if !attempt.leftNothing { throw error }
      default: break
      }
      if !wasOpen {
        try terminal.folder.forget(key: attempt.key.bytes)
      } else if let former {
        // What stands under the key is not what was asked for now.
        try terminal.folder.write(former, key: attempt.key.bytes)
      }
      throw error
    }
  }

  /// Asks what became of a payment of this consultant, in any session.
  ///
  /// - Returns: nil where the service knows no payment with this key.
  public func payment(key: [UInt8], waitMilliseconds: UInt32 = 0) async throws -> PaymentResult? {
    do {
      let remembered = RememberedKey(bytes: key, ledger: terminal.folder.ledger(ofKey: key))
      switch try await ask(remembered, waitMilliseconds: waitMilliseconds) {
      case .result(let result): return result
      case .refusal(let refusal) where refusal.code == StatusCode.notFound.rawValue: return nil
      case .refusal(let refusal) where refusal.leavesOpen:
        throw TerminalError.outcomeUnknown(key: key, RPCStatus(refusal).description)
      case .refusal(let refusal): throw TerminalError.refused(RPCStatus(refusal))
      case nil: throw TerminalError.untrusted("the answer is not the service's")
      }
    } catch let status as RPCStatus {
      throw TerminalError(status)
    }
  }

  /// Asks about a payment that ``TerminalFolder/pending()`` names, and forgets it once its outcome is known.
  ///
  /// - Returns: nil where the service knows no payment with this key; it stays remembered until its time is over.
  public func settle(key: [UInt8], waitMilliseconds: UInt32 = 0) async throws -> PaymentResult? {
    let result = try await payment(key: key, waitMilliseconds: waitMilliseconds)
    let isKnown = result.map { $0.outcome != .pending } ?? terminal.folder.isOver(key: key, wall: Wall.milliseconds())
    if isKnown { try terminal.folder.forget(key: key) }
    return result
  }

  nonisolated func message(_ order: Order, key: [UInt8]) -> PaymentOrder {
    var message = PaymentOrder()
    message.idempotencyKey = key
    message.orderReference = order.reference
    message.amount = order.amount
    message.currency = order.currency
    message.instalmentMonths = order.instalmentMonths
    message.notAfterMs = UInt64(clamping: sinceLogin + order.validForMilliseconds)
    return message
  }

  /// Sends, asks and waits until the outcome is known or the time is over.
  private func run(
    _ attempt: inout PaymentAttempt, _ card: CardData, _ silence: Silence?
  ) async throws -> PaymentResult {
    let start = ContinuousClock.now - .milliseconds(sinceLogin)
    while true {
      let step = attempt.isAsking ? try await askStep(&attempt) : try await sendStep(&attempt, card)
      switch step {
      case .done(let result): return result
      case .again(let milliseconds):
        // What a cancelled call says is no cause for another one.
        try Task.checkCancellation()
        guard sinceLogin < attempt.giveUp else {
          throw TerminalError.outcomeUnknown(
            key: attempt.key.bytes, "the outcome is not known yet; ask again with key \(attempt.key)")
        }
        if let cause = attempt.cause {
          let end = start + .milliseconds(attempt.end)
          silence?.expect(cause, until: end)
          if milliseconds > 0 { silence?.tell(cause, until: end) }
        }
        try await Task.sleep(for: min(.milliseconds(milliseconds), left(of: attempt)))
      }
    }
  }

  private func left(of attempt: PaymentAttempt) -> Duration { .milliseconds(max(0, attempt.end - sinceLogin)) }

  private enum Step {
    case done(PaymentResult)
    case again(afterMilliseconds: Int64)
  }

  private func sendStep(_ attempt: inout PaymentAttempt, _ card: CardData) async throws -> Step {
    let sealed = try seal(attempt.order, card: card)
    defer { answered(sealed.sequence) }
    attempt.sent += 1
    let left = max(1_000, attempt.deadline - sinceLogin)
    do {
      let options = CallOptions(timeoutMicroseconds: UInt64(left) * 1_000, isSealed: true)
      let reply = try await client.submitPayment(sealed.request, options: options)
      attempt.wasSent = true
      switch open(reply, to: sealed, key: attempt.key) {
      case .result(let result): return told(result, &attempt)
      case .refusal(let refusal): return try await refused(refusal, sealed.identity, &attempt)
      case nil:
        attempt.isAnswerLost = true
        return attempt.ask()
      }
    } catch let status as RPCStatus {
      attempt.wasSent = attempt.wasSent || status.wasSent
      attempt.isAnswerLost = attempt.isAnswerLost || status.wasSent
      return try await failed(status, sealed.identity, &attempt)
    }
  }

  private func told(_ result: PaymentResult, _ attempt: inout PaymentAttempt) -> Step {
    guard result.outcome == .pending else { return .done(result) }
    attempt.cause = "the acquirer has not answered yet"
    return sinceLogin < attempt.giveUp ? attempt.ask() : .done(result)
  }

  /// A sealed refusal: nothing was recorded for this request.
  private func refused(_ refusal: Refusal, _ identity: Int, _ attempt: inout PaymentAttempt) async throws -> Step {
    // Another payment of this session, or a login's renewal, replaced the identity while this one was on its way.
    if Self.wantsIdentity(refusal.reason), attempt.identityRenewals < PaymentAttempt.mostRenewals {
      return try await sealAnew(identity, &attempt)
    }
    if refusal.retryAfterMs > 0, sinceLogin + Int64(clamping: refusal.retryAfterMs) < attempt.deadline {
      attempt.cause = RPCStatus(refusal).description
      attempt.waitedFor = RPCStatus(refusal)
      return .again(afterMilliseconds: Int64(clamping: refusal.retryAfterMs))
    }
    // What it waited for in vain says more than that the time is over.
    if refusal.reason == "PAYMENT_EXPIRED", let status = attempt.waitedFor { throw TerminalError.refused(status) }
    if refusal.leavesOpen {
      attempt.leftNothing = attempt.sent == 1
      throw TerminalError.outcomeUnknown(key: attempt.key.bytes, RPCStatus(refusal).description)
    }
    throw TerminalError.refused(RPCStatus(refusal))
  }

  private static func wantsIdentity(_ reason: String?) -> Bool {
    reason == "IDENTITY_REQUIRED" || reason == "IDENTITY_VOID"
  }

  /// Goes on with a second identity newer than the one that was refused.
  private func sealAnew(_ refused: Int, _ attempt: inout PaymentAttempt) async throws -> Step {
    attempt.identityRenewals += 1
    do {
      try await replaceIdentity(refused, CallOptions(within: leftForIdentity(attempt), isSealed: true))
    } catch let status as RPCStatus where status.code == .unauthenticated {
      throw attempt.sessionOver(status)
    } catch is RPCStatus {
      return attempt.backOff()
    }
    return .again(afterMilliseconds: 0)
  }

  /// A new identity comes at once where the service is reached.
  private func leftForIdentity(_ attempt: PaymentAttempt) -> Duration {
    .milliseconds(min(10_000, attempt.end - sinceLogin))
  }

  /// A status says nothing about an outcome; it only decides what is tried next.
  private func failed(_ status: RPCStatus, _ identity: Int, _ attempt: inout PaymentAttempt) async throws -> Step {
    // Where the session is over, IssueIdentity with its good proof is told why.
    if Self.wantsIdentity(status.reason) || status.reason == "SESSION_OVER" {
      guard attempt.identityRenewals < PaymentAttempt.mostRenewals else { return attempt.ask() }
      return try await sealAnew(identity, &attempt)
    }
    attempt.cause = status.description
    if !attempt.wasSent, status.code == .unavailable || status.code == .deadlineExceeded {
      guard sinceLogin < attempt.deadline else { throw TerminalError.unreachable("\(status.text); nothing was sent") }
      return attempt.backOff()
    }
    if status.code == .unavailable, sinceLogin < attempt.deadline { return attempt.backOff() }
    switch status.code {
    case .permissionDenied, .invalidArgument, .failedPrecondition, .unimplemented: attempt.refusal = status
    default: break
    }
    return attempt.ask()
  }

  /// "Not charged" is believed only from a sealed answer, or where the service knows nothing of the payment and it can
  /// arrive no more: the order's time is over, or the identity it was sealed under is replaced.
  private func askStep(_ attempt: inout PaymentAttempt) async throws -> Step {
    let identity = identitiesIssued
    let asked = Monotonic.milliseconds()
    let left = attempt.giveUp - sinceLogin
    // The service's own wait ends before the question does.
    let wait = UInt32(clamping: min(5_000, left - 1_000))
    do {
      switch try await ask(attempt.key, waitMilliseconds: wait, within: .milliseconds(left)) {
      case .result(let result):
        let step = told(result, &attempt)
        // With too many questions of this session the service answers without a wait.
        if case .again = step, Monotonic.milliseconds() - asked < 1_000 { return attempt.backOff() }
        return step
      case .refusal(let refusal) where refusal.code == StatusCode.notFound.rawValue:
        if attempt.isVoid, let status = attempt.refusal { throw TerminalError.refused(status) }
        guard sinceLogin > attempt.deadline + 5_000 else {
          // Somebody on the path refused, the gateway perhaps. Once a new identity is in force the payment cannot
          // arrive any more, and what the service knows then is final.
          attempt.isVoid = attempt.refusal == nil ? false : try await voidWhatIsHeld(within: leftForIdentity(attempt))
          return .again(afterMilliseconds: attempt.isVoid ? 0 : 500)
        }
        throw TerminalError.refused(attempt.refusal ?? RPCStatus(refusal))
      case .refusal(let refusal) where refusal.leavesOpen:
        throw TerminalError.outcomeUnknown(key: attempt.key.bytes, RPCStatus(refusal).description)
      case .refusal, nil: return attempt.backOff()
      }
    } catch let status as RPCStatus {
      if status.reason == "SESSION_OVER" || status.reason == "PROOF_INVALID" { throw attempt.sessionOver(status) }
      attempt.cause = status.description
      // A service that was started anew knows the session again from here on.
      if Self.wantsIdentity(status.reason) { _ = try await sealAnew(identity, &attempt) }
      return attempt.backOff()
    }
  }

  /// One payment on its way: what is sent, and how long it is worth trying.
  private struct PaymentAttempt {
    let order: PaymentOrder
    let key: RememberedKey
    /// Milliseconds since the login after which the service does not charge any more.
    let deadline: Int64
    /// Milliseconds after ``deadline`` during which the service is asked.
    private let patience: Int64
    var wasSent = false
    /// Some of what was sent got no answer of the service.
    var isAnswerLost = false
    /// Times it was sealed and sent.
    var sent = 0
    /// All that was sent of it was refused: what is unknown was so before.
    var leftNothing = false
    var isAsking = false
    var identityRenewals = 0
    /// More identities than that are not tried: each may be replaced by other payments of the session meanwhile.
    static let mostRenewals = 10
    /// Why it is not over yet; nil while nothing was wrong.
    var cause: String?
    /// What somebody on the path said against it, without a seal.
    var refusal: RPCStatus?
    /// What the service last refused for the moment.
    var waitedFor: RPCStatus?
    /// Nothing that was sent of it can arrive any more.
    var isVoid = false
    private var tries = 0

    init(order: PaymentOrder, ledger: [UInt8], deadline: Int64, patience: Int64) {
      self.order = order
      self.deadline = deadline
      self.patience = patience
      key = RememberedKey(bytes: order.idempotencyKey, ledger: ledger)
    }

    var giveUp: Int64 { deadline + patience }

    /// When the attempt ends by itself as far as is known now.
    var end: Int64 { isAsking || isAnswerLost ? giveUp : deadline }

    func sessionOver(_ status: RPCStatus) -> TerminalError {
      guard case .sessionOver(let text) = TerminalError(status) else {
        return .sessionOver("the session is over; log in again and ask for key \(key)")
      }
      return .sessionOver("\(text) and ask for key \(key)")
    }

    mutating func ask() -> Step {
      isAsking = true
      return .again(afterMilliseconds: 0)
    }

    /// 100 ms, doubling to 3.2 s, with jitter.
    mutating func backOff() -> Step {
      tries += 1
      let base = Int64(100) << Int64(min(tries - 1, 5))
      return .again(afterMilliseconds: base / 2 + Int64.random(in: 0...base / 2))
    }
  }
}
