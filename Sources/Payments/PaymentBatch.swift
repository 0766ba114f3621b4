import Bytes

/// Payments that one read of one event loop brought, handed to the writer at once and given back answered. A read that
/// brings many is handed over in several: the writer begins while the loop still reads.
///
/// Owned by one thread at a time: the loop fills it and lets go of it in `Ledger.submit`; the writer lets go of it in
/// ``LedgerLoop/deliver(_:)``. That hand-over is why it may be `@unchecked Sendable`. It is made to be used again: after
/// ``erase()`` it is empty and keeps its storage.
public final class PaymentBatch: @unchecked Sendable {
  /// Payments of a full batch.
  public static let capacity = 64

  /// Index of the event loop that gets it back.
  public let loop: UInt32
  /// Filled by ``append(_:reference:)``.
  public private(set) var intents: [Intent]
  /// Answers, in the order in which they are to be told; several may belong to one payment's waiters, and some to
  /// payments of earlier batches.
  public var answers: [PaymentAnswer] = []
  /// Order references, one behind the other.
  public var bytes: [UInt8] = []

  public init(loop: UInt32) {
    self.loop = loop
    intents = []
    intents.reserveCapacity(Self.capacity)
  }

  deinit { eraseSecrets() }

  public var isFull: Bool { intents.count >= Self.capacity }

  /// Appends an intent; its `reference` is set to where the bytes given here come to lie.
  ///
  /// The batch must not be full: storage that grew would leave secrets in the memory that it is let go of.
  public func append(_ intent: borrowing Intent, reference: UnsafeRawBufferPointer) {
    precondition(!isFull, "a full batch was not handed over")
    intents.append(copy intent)
    intents[intents.count - 1].reference = appendBytes(reference)
  }

  /// Appends bytes to ``bytes`` and tells where they lie.
  public func appendBytes(_ source: UnsafeRawBufferPointer) -> Range32 {
    let start = bytes.count
    bytes.append(contentsOf: source)
    return Range32(start: UInt32(start), count: UInt32(source.count))
  }

  /// Zeroes the card data of all intents.
  public func eraseSecrets() {
    intents.withUnsafeMutableBufferPointer { intents in
      for index in intents.indices { intents[index].secrets.erase() }
    }
  }

  /// Empties the batch for its next use; nothing secret stays in its storage.
  public func erase() {
    eraseSecrets()
    intents.removeAll(keepingCapacity: true)
    answers.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
  }
}

/// What the writer tells the event loop about one open call. Trivial.
public struct PaymentAnswer: Sendable, BitwiseCopyable {
  public var reply: ReplyToken
  public var verdict: Verdict
  /// The recorded payment; meaningful where `verdict` is `.told`.
  public var record: PaymentRecord

  public enum Verdict: Sendable, BitwiseCopyable, Equatable {
    /// Answer with the outcome and state in `record`.
    case told
    /// Refuse; nothing was recorded for this request.
    case refused(PaymentRefusal)
  }

  public init(reply: ReplyToken, verdict: Verdict, record: PaymentRecord) {
    self.reply = reply
    self.verdict = verdict
    self.record = record
  }
}

/// Why the writer recorded nothing for a request.
public enum PaymentRefusal: Sendable, BitwiseCopyable, Equatable {
  /// Session, consultant, company, device or certificate is no longer live.
  case sessionOver
  /// The extracted second identity is not the one that the session row holds.
  case identityVoid
  /// The identity was issued by another server process.
  case identityRequired
  /// The extracted MAC address is not the session row's.
  case deviceChanged
  /// `not_after_ms` has passed.
  case expired
  /// The key exists with other contents.
  case keyReused
  /// The caller's deadline passed before anything was recorded.
  case deadlineExceeded
  /// The store takes no new intents (full, read-only, failing).
  case storeUnavailable
  /// No payment with this key (GetPayment).
  case notFound
  /// Not a version 7 UUID, or one whose time is too far from the service's: milliseconds since 1970-01-01T00:00:00Z.
  case keyTimeRefused(now: Int64)
  /// The key is from before the ledger was restored from a copy, and the ledger that was lost may have charged it.
  case ledgerRestored
  /// The ledger was restored from a copy, and nobody has confirmed yet that it agrees with the acquirer.
  case ledgerUnconfirmed
  /// The company's policy does not allow the payment.
  case policy(PolicyRefusal)
}

/// A payment as it stands in the ledger. Trivial.
public struct PaymentRecord: Sendable, BitwiseCopyable {
  /// Number of its journal record; what people quote.
  public var payment: Int64
  public var key: Bytes16
  /// Where it stands now; may go on changing after an outcome was told.
  public var state: PaymentState
  /// What the caller may rely on: the recorded outcome for good, ``Outcome/pending`` before.
  public var outcome: Outcome
  public var approvalCode: ApprovalCode
  public var responseCode: ResponseCode
  /// Minor units of `currency`.
  public var amount: UInt64
  public var currency: Currency
  public var firstSix: UInt32
  public var lastFour: UInt32
  public var cardLength: UInt8
  /// Milliseconds since 1970-01-01T00:00:00Z at which the intent was recorded.
  public var time: Int64
  /// Where the order reference lies in ``PaymentBatch/bytes``.
  public var reference: Range32

  /// - Parameter outcome: nil for what `state` says; the recorded one where the state has gone on since.
  public init(
    payment: Int64, key: Bytes16, state: PaymentState, outcome: Outcome? = nil, approvalCode: ApprovalCode = .none,
    responseCode: ResponseCode = .none, amount: UInt64, currency: Currency, firstSix: UInt32, lastFour: UInt32,
    cardLength: UInt8, time: Int64, reference: Range32 = Range32(start: 0, count: 0)
  ) {
    self.payment = payment
    self.key = key
    self.state = state
    self.outcome = outcome ?? state.outcome
    self.approvalCode = approvalCode
    self.responseCode = responseCode
    self.amount = amount
    self.currency = currency
    self.firstSix = firstSix
    self.lastFour = lastFour
    self.cardLength = cardLength
    self.time = time
    self.reference = reference
  }
}

/// Up to six ASCII characters of the acquirer's approval (ISO 8583 DE38), first most significant; 0 where there is none.
public struct ApprovalCode: Hashable, Sendable, BitwiseCopyable {
  public let value: UInt64
  /// The characters, or empty.
  public var text: String { asciiText(value, count: 8) }
  public static let none = ApprovalCode(value: 0)
  public init(value: UInt64) { self.value = value }

  /// - Parameter text: at most 8 printable ASCII characters, else nil.
  public init?(text: String) {
    guard text.utf8.count <= 8, text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) else { return nil }
    value = text.utf8.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// Two or three ASCII characters of the acquirer's answer (ISO 8583 DE39), first most significant; 0 where there is none.
public struct ResponseCode: Hashable, Sendable, BitwiseCopyable {
  public let value: UInt32
  /// The characters, or empty.
  public var text: String { asciiText(UInt64(value), count: 3) }

  /// - Parameter ascii: two or three ASCII characters.
  public init(ascii: StaticString) {
    value = ascii.withUTF8Buffer { $0.prefix(3).reduce(0) { $0 << 8 | UInt32($1) } }
  }
  public static let none = ResponseCode(value: 0)
  public init(value: UInt32) { self.value = value }
}

extension ApprovalCode {
  /// Both codes of the acquirer for people, for example "approval A1B2C3, response 00"; a code that there is not is left
  /// out.
  public static func text(_ approval: ApprovalCode, _ response: ResponseCode) -> String {
    let codes = [("approval", approval.text), ("response", response.text)].filter { !$0.1.isEmpty }
    return codes.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }
}

/// Characters that stand in a number, first most significant; zero bytes are left out.
func asciiText(_ value: UInt64, count: UInt64) -> String {
  let bytes = (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  return String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
}
