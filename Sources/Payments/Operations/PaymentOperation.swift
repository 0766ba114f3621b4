import Bytes

/// What is done to an approved payment later. Raw values are stored.
public enum OperationKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// Gives back an amount.
  case refund = 1
  /// Takes the whole sale back before the acquirer's cut-off.
  case void = 2

  public var name: String { self == .refund ? "REFUND" : "VOID" }
}

/// Where a refund or void stands. Raw values are stored.
public enum OperationState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// One administrator wants it.
  case requested = 1
  /// Another one agreed in time; not sent yet.
  case confirmed = 2
  /// Nobody agreed in time; final.
  case expired = 3
  /// Named and durable; the acquirer may have heard of it.
  case sending = 4
  /// The acquirer did it; final.
  case done = 5
  /// The acquirer refused it, or never heard of it; final.
  case refused = 6
  /// Sent, no answer in time.
  case unknown = 7

  public var name: String {
    switch self {
    case .requested: "REQUESTED"
    case .confirmed: "CONFIRMED"
    case .expired: "EXPIRED"
    case .sending: "SENDING"
    case .done: "DONE"
    case .refused: "REFUSED"
    case .unknown: "UNKNOWN"
    }
  }

  /// Whether its amount counts against what may still be refunded.
  public var takesAmount: Bool {
    switch self {
    case .confirmed, .sending, .done, .unknown: true
    case .requested, .expired, .refused: false
    }
  }
}

/// A refund or void as recorded.
public struct OperationRow: Sendable, Equatable {
  /// Number of the journal record of its request.
  public var id: Int64
  /// Made once by the administrator's program and kept for repeats.
  public var key: Bytes16
  public var kind: OperationKind
  public var payment: Int64
  /// Minor units of the payment's currency.
  public var amount: UInt64
  public var state: OperationState
  /// Number of the administrator who wants it.
  public var requestedBy: Int64
  /// Number of the administrator who agreed; nil before.
  public var confirmedBy: Int64?
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var time: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z; not confirmed any more from then on.
  public var confirmUntil: Int64
  /// When it came into its state, milliseconds since 1970-01-01T00:00:00Z.
  public var since: Int64
  /// How often it was sent.
  public var attempts: UInt32
  /// What names it to the acquirer; nil before it is sent, and where the acquirer names nothing.
  public var original: OriginalElements?
  public var responseCode: ResponseCode

  public init(
    id: Int64 = 0, key: Bytes16, kind: OperationKind, payment: Int64, amount: UInt64,
    state: OperationState = .requested,
    requestedBy: Int64, confirmedBy: Int64? = nil, time: Int64, confirmUntil: Int64, since: Int64? = nil,
    attempts: UInt32 = 0, original: OriginalElements? = nil, responseCode: ResponseCode = .none
  ) {
    self.id = id
    self.key = key
    self.kind = kind
    self.payment = payment
    self.amount = amount
    self.state = state
    self.requestedBy = requestedBy
    self.confirmedBy = confirmedBy
    self.time = time
    self.confirmUntil = confirmUntil
    self.since = since ?? time
    self.attempts = attempts
    self.original = original
    self.responseCode = responseCode
  }
}

/// What refunds and voids make of an approved payment: told as its state, while the outcome stays. Raw values travel on
/// the wire (`countersign.v1.PaymentState`).
public enum OperatedState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  case refunding = 10
  case partlyRefunded = 11
  case refunded = 12
  case voiding = 13
  case voided = 14

  public var name: String {
    switch self {
    case .refunding: "REFUNDING"
    case .partlyRefunded: "PARTLY_REFUNDED"
    case .refunded: "REFUNDED"
    case .voiding: "VOIDING"
    case .voided: "VOIDED"
    }
  }

  /// - Parameters:
  ///   - operations: all of the payment.
  ///   - amount: the payment's.
  /// - Returns: nil where nothing was sent, or all was refused.
  public init?(_ operations: [OperationRow], of amount: UInt64) {
    let sent = operations.filter { [.sending, .unknown].contains($0.state) }
    let done = operations.filter { $0.state == .done }
    let refunded = done.reduce(UInt64(0)) { $0 + $1.amount }
    if sent.contains(where: { $0.kind == .void }) {
      self = .voiding
    } else if done.contains(where: { $0.kind == .void }) {
      self = .voided
    } else if !sent.isEmpty {
      self = .refunding
    } else if refunded > 0 {
      self = refunded < amount ? .partlyRefunded : .refunded
    } else {
      return nil
    }
  }
}

/// Where a payment stands as it is told: what refunds and voids made of it, else its own state.
public enum ToldState: Sendable, Equatable {
  case recorded(PaymentState)
  case operated(OperatedState)

  /// - Parameter rawValue: as on the wire (`countersign.v1.PaymentState`).
  public init?(rawValue: UInt8) {
    if let state = PaymentState(rawValue: rawValue) {
      self = .recorded(state)
    } else if let state = OperatedState(rawValue: rawValue) {
      self = .operated(state)
    } else {
      return nil
    }
  }

  /// As on the wire.
  public var rawValue: UInt8 {
    switch self {
    case .recorded(let state): state.rawValue
    case .operated(let state): state.rawValue
    }
  }

  public var name: String {
    switch self {
    case .recorded(let state): state.name
    case .operated(let state): state.name
    }
  }
}

/// Why an operation is not taken.
public enum OperationRefusal: Error, Sendable, Equatable {
  /// The payment is not APPROVED.
  case paymentNotCharged
  /// More than what is left of the payment.
  case amountLeft(UInt64)
  /// A void, or a refund that is on its way or done, stands against it.
  case conflicting
  /// The acquirer's cut-off has passed.
  case cutOffPassed
  /// The one who wants it is not one who may agree.
  case sameAdministrator
  /// It is not REQUESTED any more, or its time is over.
  case notWaiting(OperationState)
}

/// Whether operations fit the payment and each other. Pure.
public enum OperationRules {
  /// Whether `operation` may be requested, and once more whether it may be confirmed.
  ///
  /// - Parameters:
  ///   - others: all other operations of the payment.
  ///   - isBeforeCutOff: whether the acquirer still has the sale in the present business day.
  public static func check(
    _ operation: OperationRow, of payment: PaymentRecord, others: [OperationRow], isBeforeCutOff: Bool
  ) throws(OperationRefusal) {
    guard payment.outcome == .approved, payment.state == .approved else { throw .paymentNotCharged }
    let live = others.filter { $0.state.takesAmount }
    guard !live.contains(where: { $0.kind == .void }) else { throw .conflicting }
    switch operation.kind {
    case .void:
      guard live.isEmpty else { throw .conflicting }
      guard isBeforeCutOff else { throw .cutOffPassed }
      guard operation.amount == payment.amount else { throw .amountLeft(payment.amount) }
    case .refund:
      // Never over: each was checked against the payment, which has at most twelve digits.
      let left = payment.amount - min(payment.amount, live.reduce(0) { $0 + $1.amount })
      guard operation.amount >= 1, operation.amount <= left else { throw .amountLeft(left) }
    }
  }
}
