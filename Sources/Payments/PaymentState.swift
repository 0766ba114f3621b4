/// Where a payment stands. Raw values are stored and travel on the wire (`countersign.v1.PaymentState`).
public enum PaymentState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// Durable; the acquirer may have heard of it.
  case intent = 1
  case approved = 2
  case declined = 3
  /// Never reached the acquirer.
  case notCharged = 4
  /// Handed over, no answer in time.
  case unknown = 5
  case inquiring = 6
  /// From here nothing leads to approved.
  case reversing = 7
  case reversed = 8
  /// For operators.
  case reversalRefused = 9
}

/// What a caller may rely on. Raw values travel on the wire (`countersign.v1.Outcome`).
public enum Outcome: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  case approved = 1
  case declined = 2
  case notCharged = 3
  case pending = 4
}

extension PaymentState {
  /// What the caller is told in this state, where no outcome was recorded before.
  public var outcome: Outcome {
    switch self {
    case .approved: .approved
    case .declined: .declined
    case .notCharged, .reversed: .notCharged
    case .intent, .unknown, .inquiring, .reversing, .reversalRefused: .pending
    }
  }
}

extension PaymentState {
  /// The name as `checkout.proto` has it, without prefix.
  public var name: String {
    switch self {
    case .intent: "INTENT"
    case .approved: "APPROVED"
    case .declined: "DECLINED"
    case .notCharged: "NOT_CHARGED"
    case .unknown: "UNKNOWN"
    case .inquiring: "INQUIRING"
    case .reversing: "REVERSING"
    case .reversed: "REVERSED"
    case .reversalRefused: "REVERSAL_REFUSED"
    }
  }
}
