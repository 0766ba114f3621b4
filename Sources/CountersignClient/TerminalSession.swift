import Bytes
import CountersignRPC
import Cryptography
import Messages
import Seals

/// A session of a consultant: seals payments and believes only sealed answers.
///
/// Payments may run side by side; a sequence is never given out 1,024 or more above the oldest unanswered one.
public actor TerminalSession {
  nonisolated let terminal: Terminal
  let channel: RPCClient
  let client: CheckoutClient
  let login: Login.Established
  private let ownsChannel: Bool
  private let seals: PaymentSeals
  private let submitReply: ReplySeal
  private let getReply: ReplySeal
  var identityAndMAC: SecretBytes?
  /// How many second identities came in this session; names the one a payment was sealed with.
  private(set) var identitiesIssued = 0
  private var issuing: Task<Void, any Error>?
  private var sequences = Sequences()

  init(terminal: Terminal, channel: RPCClient, ownsChannel: Bool, login: Login.Established) {
    self.terminal = terminal
    self.channel = channel
    self.ownsChannel = ownsChannel
    self.login = login
    client = CheckoutClient(channel)
    seals = PaymentSeals(keys: login.keys, session: login.session, leaf: login.leaf)
    submitReply = ReplySeal(keys: login.keys, method: CheckoutMethods.submitPayment)
    getReply = ReplySeal(keys: login.keys, method: CheckoutMethods.getPayment)
  }

  /// Registered name of the consultant.
  public nonisolated var consultant: String { login.result.consultant }
  /// Registered name of the company.
  public nonisolated var company: String { login.result.company }

  /// The service's clock by this session, milliseconds since 1970-01-01T00:00:00Z; never the desk's clock.
  nonisolated var serviceTime: Int64 {
    Int64(clamping: login.result.loginTimeMs) + Monotonic.milliseconds() - login.startedAt
  }

  /// Milliseconds since the login, a little less than the service counts.
  nonisolated var sinceLogin: Int64 { Monotonic.milliseconds() - login.startedAt }

  /// Ends the session, and the connection where the session made it.
  ///
  /// - Parameter duration: how long the service's answer is waited for, a second at least; nil: as long as any call.
  public func logout(waitingAtMost duration: Duration? = nil) async throws {
    let call = takeCall(CheckoutMethods.logout)
    defer { sequences.answered(call.sequence) }
    var request = LogoutRequest()
    request.session = login.session.bytes
    request.sequence = call.sequence
    request.proof = call.proof
    do {
      _ = try await client.logout(request, options: CallOptions(within: duration, isSealed: true))
    } catch {
      if ownsChannel { await channel.close() }
      throw TerminalError.refused(error)
    }
    if ownsChannel { await channel.close() }
  }

  /// Asks for a second identity where none came since `former`; several that need one at once share one call.
  func replaceIdentity(_ former: Int, _ options: CallOptions) async throws {
    if identitiesIssued == former { try await issueIdentity(options) }
  }

  /// Asks for a second identity; several that need one at once share one call.
  func issueIdentity(_ options: CallOptions = CallOptions(isSealed: true)) async throws {
    if let issuing { return try await issuing.value }
    let task = Task { try await self.askForIdentity(options) }
    issuing = task
    defer { issuing = nil }
    // Others that share the call ask once more.
    try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }

  private func askForIdentity(_ options: CallOptions) async throws {
    let call = takeCall(CheckoutMethods.issueIdentity)
    defer { sequences.answered(call.sequence) }
    var request = IssueIdentityRequest()
    request.session = login.session.bytes
    request.sequence = call.sequence
    request.proof = call.proof
    let reply = try await client.issueIdentity(request, options: options)
    let identity: SecretBytes
    do {
      identity = try SecondIdentity.open(
        box: reply.box, nonce: reply.nonce, session: login.session, proof: call.proof, keys: login.keys)
    } catch {
      throw TerminalError.untrusted("the second identity that came is not the service's")
    }
    let macAddress = try terminal.interface.macAddress()
    let both = SecretBytes(count: SealSize.identityAndMAC) { output in
      identity.withUnsafeBytes { output.copyMemory(from: $0) }
      for (offset, byte) in macAddress.enumerated() { output[SecondIdentity.count + offset] = byte }
    }
    seals.use(identityAndMAC: both)
    identityAndMAC = both
    identitiesIssued += 1
  }

  // MARK: - Sealing

  /// A payment sealed for one attempt.
  struct SealedPayment {
    let request: SubmitPaymentRequest
    let sequence: UInt64
    let digest: Bytes32
    /// The second identity it was sealed with, as ``identitiesIssued`` counts.
    let identity: Int
  }

  /// Seals a payment anew: fresh sequence, same idempotency key.
  func seal(_ order: PaymentOrder, card: CardData) throws -> SealedPayment {
    var order = order
    order.sequence = try sequences.take()
    return try sealNumbered(order, card: card)
  }

  /// Seals a payment that may be sent later; its sequence is not watched.
  func sealAhead(_ order: Order, key: [UInt8], card: CardData) throws -> SealedPayment {
    var message = message(order, key: key)
    message.sequence = sequences.takeAnyway()
    sequences.answered(message.sequence)
    return try sealNumbered(message, card: card)
  }

  private func sealNumbered(_ order: PaymentOrder, card: CardData) throws -> SealedPayment {
    guard let identityAndMAC else { throw TerminalError.sessionOver("no second identity; log in again") }
    var order = order
    order.session = login.session.bytes
    let serialized = order.encoded()
    var plain = card.encoded()
    defer { plain.withUnsafeMutableBytes { $0.erase() } }
    var request = SubmitPaymentRequest()
    request.order = serialized
    request.keyword = [UInt8](repeating: 0, count: SealSize.keyword)
    request.payment = [UInt8](repeating: 0, count: plain.count + SealSize.tag)
    let sequence = order.sequence
    serialized.withUnsafeBytes { order in
      identityAndMAC.withUnsafeBytes { both in
        request.keyword.withUnsafeMutableBytes { seals.sealKeyword(both, order: order, sequence: sequence, into: $0) }
      }
      request.keyword.withUnsafeBytes { keyword in
        plain.withUnsafeBytes { card in
          request.payment.withUnsafeMutableBytes {
            seals.sealPayment(card, order: order, keyword: keyword, sequence: sequence, into: $0)
          }
        }
      }
    }
    return SealedPayment(
      request: request, sequence: sequence, digest: SHA256.digest(serialized), identity: identitiesIssued)
  }

  /// A key that was made in this session.
  nonisolated func own(_ key: [UInt8]) -> RememberedKey { RememberedKey(bytes: key, ledger: login.result.ledger) }

  /// Opens the answer to a payment; nil where it is not the service's or about another key.
  func open(_ reply: SubmitPaymentReply, to sealed: SealedPayment, key: RememberedKey) -> PaymentAnswer.Answer? {
    open(reply, sequence: sealed.sequence, digest: sealed.digest, key: key)
  }

  func open(
    _ reply: SubmitPaymentReply, sequence: UInt64, digest: Bytes32, key: RememberedKey
  ) -> PaymentAnswer.Answer? {
    answer(try? submitReply.open(reply.body, digest: digest, sequence: sequence), key)
  }

  /// Gives a sequence back once its call was answered or given up.
  func answered(_ sequence: UInt64) { sequences.answered(sequence) }

  /// Makes void what was sealed before and may be held back on the way, where no other payment needs it.
  ///
  /// - Returns: false where one does.
  /// - Throws: `RPCStatus`.
  func voidWhatIsHeld(within left: Duration) async throws -> Bool {
    guard sequences.isIdle else { return false }
    try await issueIdentity(CallOptions(within: left, isSealed: true))
    return true
  }

  /// Asks what became of a payment.
  ///
  /// - Parameter left: of the caller's own wait, where that is shorter than the question.
  /// - Returns: nil where the answer is not the service's or about another key.
  /// - Throws: `RPCStatus`.
  func ask(
    _ key: RememberedKey, waitMilliseconds: UInt32, within left: Duration? = nil
  ) async throws -> PaymentAnswer.Answer? {
    let call = takeCall(CheckoutMethods.getPayment)
    defer { sequences.answered(call.sequence) }
    var request = GetPaymentRequest()
    request.session = login.session.bytes
    request.sequence = call.sequence
    request.proof = call.proof
    request.idempotencyKey = key.bytes
    request.waitMs = waitMilliseconds
    let longest = Duration.milliseconds(Int64(waitMilliseconds) + 10_000)
    let reply = try await client.getPayment(
      request, options: CallOptions(within: min(longest, left ?? longest), isSealed: true))
    let digest = SHA256.digest(call.proof)
    return answer(try? getReply.open(reply.body, digest: digest, sequence: call.sequence), key)
  }

  private func answer(_ body: [UInt8]?, _ key: RememberedKey) -> PaymentAnswer.Answer? {
    guard let body, let answer = try? PaymentAnswer(decoding: body), answer.idempotencyKey == key.bytes else {
      return nil
    }
    guard case .refusal(let refusal)? = answer.answer else { return answer.answer }
    return .refusal(key.judge(refusal, by: login.result.ledger))
  }

  func takeCall(_ method: String) -> (sequence: UInt64, proof: [UInt8]) {
    let sequence = sequences.takeAnyway()
    let proof = login.keys.proof(method: method, session: login.session, sequence: sequence)
    return (sequence, proof.bytes)
  }
}

/// Sequences of sealed calls: rising by one, and close enough together for the service's replay window.
struct Sequences {
  /// Sequences that may be open above the oldest unanswered one; the service keeps a window of 1,024.
  static let window: UInt64 = 1_023

  private var next: UInt64 = 1
  private var unanswered: Set<UInt64> = []

  /// - Throws: ``TerminalError/invalid(field:_:)`` where too many calls are unanswered.
  mutating func take() throws(TerminalError) -> UInt64 {
    if let oldest = unanswered.min(), next - oldest >= Self.window {
      throw .invalid(field: "payment", "more than 1,000 payments are unanswered; wait for some of them")
    }
    return takeAnyway()
  }

  /// For calls that end before the next begins.
  mutating func takeAnyway() -> UInt64 {
    defer { next += 1 }
    unanswered.insert(next)
    return next
  }

  mutating func answered(_ sequence: UInt64) { unanswered.remove(sequence) }

  /// Whether no call is on its way.
  var isIdle: Bool { unanswered.isEmpty }
}
