/// What decides a payment's next step: small enough to be rebuilt from its rows.
public struct PaymentSituation: Sendable, BitwiseCopyable, Hashable {
  public var state: PaymentState
  /// The state of the recorded outcome; final.
  public var told: PaymentState?
  public var notFound: NotFound

  /// How far the acquirer has denied that it knows the sale of a reversal. A reversal can overtake its sale, so only the
  /// answer to one that was sent after the longest processing time counts.
  public enum NotFound: UInt8, Sendable, BitwiseCopyable {
    case never
    /// Once; the wait is on. Answers to reversals sent before count for nothing more.
    case once
    /// The reversal was sent again after the wait.
    case askedAgain
  }

  public init(state: PaymentState, told: PaymentState? = nil, notFound: NotFound = .never) {
    self.state = state
    self.told = told
    self.notFound = notFound
  }

  /// As recorded.
  public init(_ record: PaymentRecord) {
    let told: PaymentState? =
      switch record.outcome {
      case .approved: .approved
      case .declined: .declined
      case .notCharged: record.state == .notCharged ? .notCharged : .reversed
      case .pending: nil
      }
    self.init(state: record.state, told: told)
  }
}

/// What can happen to a payment.
public enum PaymentEvent: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  case saleApproved
  case saleDeclined
  /// No byte of the sale was sent.
  case saleNotSent
  /// The sale was handed over and lost, or got no answer in time.
  case saleLost
  case inquiryApproved
  case inquiryDeclined
  /// The inquiry told nothing, or that the acquirer does not know the sale (which may overtake it).
  case inquiryInconclusive
  case reversalDone
  case reversalNotFound
  case reversalRefused
  /// The reversal was lost; its time to be repeated will come.
  case reversalLost
  /// The time set by the last step has come.
  case due
  /// The process has started again; what was only in memory is gone.
  case restarted
  /// Another amount than was asked for was approved: nobody ordered that, so it is reversed.
  case otherAmountApproved

  public init(_ answer: AcquirerAnswer) {
    self =
      switch (answer.kind, answer.result) {
      case (.sale, .otherAmount), (.inquiry, .otherAmount): .otherAmountApproved
      case (.sale, .approved): .saleApproved
      case (.sale, .declined): .saleDeclined
      case (.sale, .notSent): .saleNotSent
      case (.sale, .unknown), (.sale, .notFound), (.sale, .reversed), (.sale, .reversalRefused): .saleLost
      case (.inquiry, .approved): .inquiryApproved
      case (.inquiry, .declined): .inquiryDeclined
      case (.inquiry, .notSent), (.inquiry, .unknown), (.inquiry, .notFound), (.inquiry, .reversed),
        (.inquiry, .reversalRefused):
        .inquiryInconclusive
      case (.reversal, .reversed): .reversalDone
      case (.reversal, .notFound): .reversalNotFound
      case (.reversal, .reversalRefused): .reversalRefused
      case (.reversal, .approved), (.reversal, .declined), (.reversal, .notSent), (.reversal, .unknown),
        (.reversal, .otherAmount):
        .reversalLost
      }
  }
}

/// What one event makes of a payment.
public struct PaymentStep: Sendable, BitwiseCopyable, Equatable {
  public enum Action: UInt8, Sendable, BitwiseCopyable {
    /// Nothing changes.
    case none
    /// Nothing changes, but the journal gets a record: the answer came too late or contradicts what is recorded.
    case journalLate
    /// Record ``PaymentStep/next`` as the outcome, once and for good; the payment is over.
    case settle
    /// The outcome was recorded before; the payment is over again.
    case settleAgain
    /// Record the state; the next step is due at once.
    case resolve
    /// Record the state, then ask the acquirer; due after ``Limits/inquiryMilliseconds``.
    case inquire
    /// Record the state, then send a reversal; due after a wait that doubles with each.
    case reverse
    /// Send the reversal once more, not before the acquirer's longest processing time has passed.
    case reverseLater
    /// Record the state; only people go on from here.
    case leaveToOperators
  }
  public var next: PaymentSituation
  public var action: Action

  public init(next: PaymentSituation, action: Action) {
    self.next = next
    self.action = action
  }
}

/// The states of a payment. Pure; every pair of state and event has a result. Source: docs/payments.md, "States".
///
/// ```
/// INTENT -> APPROVED | DECLINED | NOT_CHARGED | UNKNOWN | REVERSING
/// UNKNOWN -> INQUIRING -> REVERSING -> REVERSED | REVERSAL_REFUSED
/// ```
/// An approval of another amount is reversed at once. UNKNOWN and INQUIRING still end in what a late answer says. From
/// REVERSING on nothing leads to APPROVED: a late approval is reversed too, and one of a payment that was told as not
/// charged or declined goes back to REVERSING, while what was told stays.
public enum PaymentStateMachine {
  /// - Parameter canInquire: whether the acquirer answers inquiries.
  public static func step(_ now: PaymentSituation, _ event: PaymentEvent, canInquire: Bool) -> PaymentStep {
    switch now.state {
    case .intent: fromIntent(now, event)
    case .unknown: fromUnknown(now, event, canInquire: canInquire)
    case .inquiring: fromInquiring(now, event)
    case .reversing: fromReversing(now, event)
    case .approved: fromApproved(now, event)
    case .declined, .notCharged, .reversed: fromNotCharged(now, event)
    case .reversalRefused: fromReversalRefused(now, event)
    }
  }

  private static func fromIntent(_ now: PaymentSituation, _ event: PaymentEvent) -> PaymentStep {
    switch event {
    case .saleApproved: settle(now, .approved)
    case .saleDeclined: settle(now, .declined)
    case .saleNotSent: settle(now, .notCharged)
    case .otherAmountApproved: go(now, .reversing, .reverse)
    case .saleLost, .restarted: go(now, .unknown, .resolve)
    case .inquiryApproved, .inquiryDeclined, .inquiryInconclusive, .reversalDone, .reversalNotFound, .reversalRefused,
      .reversalLost:
      stay(now, .journalLate)
    case .due: go(now, .unknown, .resolve)
    }
  }

  private static func fromUnknown(
    _ now: PaymentSituation, _ event: PaymentEvent, canInquire: Bool
  ) -> PaymentStep {
    switch event {
    case .saleApproved, .inquiryApproved: settle(now, .approved)
    case .saleDeclined, .inquiryDeclined: settle(now, .declined)
    case .saleNotSent: settle(now, .notCharged)
    case .otherAmountApproved: go(now, .reversing, .reverse)
    case .due: canInquire ? go(now, .inquiring, .inquire) : go(now, .reversing, .reverse)
    case .saleLost, .restarted: stay(now, .none)
    case .inquiryInconclusive, .reversalDone, .reversalNotFound, .reversalRefused, .reversalLost:
      stay(now, .journalLate)
    }
  }

  private static func fromInquiring(_ now: PaymentSituation, _ event: PaymentEvent) -> PaymentStep {
    switch event {
    case .saleApproved, .inquiryApproved: settle(now, .approved)
    case .saleDeclined, .inquiryDeclined: settle(now, .declined)
    case .saleNotSent: settle(now, .notCharged)
    case .inquiryInconclusive, .otherAmountApproved, .due: go(now, .reversing, .reverse)
    case .saleLost, .restarted: stay(now, .none)
    case .reversalDone, .reversalNotFound, .reversalRefused, .reversalLost: stay(now, .journalLate)
    }
  }

  private static func fromReversing(_ now: PaymentSituation, _ event: PaymentEvent) -> PaymentStep {
    switch event {
    case .reversalDone:
      return settleReversal(now)
    case .reversalNotFound:
      switch now.notFound {
      case .never: return count(.once, now, .reverseLater)
      case .once: return stay(now, .none)
      case .askedAgain: return settleReversal(now)
      }
    case .reversalRefused: return go(now, .reversalRefused, .leaveToOperators)
    case .due: return count(now.notFound == .never ? .never : .askedAgain, now, .reverse)
    // The acquirer knows the sale after all.
    case .saleApproved, .inquiryApproved, .otherAmountApproved: return count(.never, now, .journalLate)
    case .saleDeclined, .saleNotSent, .inquiryDeclined: return stay(now, .journalLate)
    case .saleLost, .inquiryInconclusive, .reversalLost, .restarted: return stay(now, .none)
    }
  }

  private static func fromApproved(_ now: PaymentSituation, _ event: PaymentEvent) -> PaymentStep {
    switch event {
    case .saleDeclined, .saleNotSent, .inquiryDeclined, .reversalDone, .reversalNotFound, .reversalRefused,
      .reversalLost, .otherAmountApproved:
      stay(now, .journalLate)
    case .saleApproved, .saleLost, .inquiryApproved, .inquiryInconclusive, .due, .restarted: stay(now, .none)
    }
  }

  /// The caller knows that the card was not charged: an approval that comes now is reversed.
  private static func fromNotCharged(_ now: PaymentSituation, _ event: PaymentEvent) -> PaymentStep {
    switch event {
    case .saleApproved, .inquiryApproved, .otherAmountApproved:
      PaymentStep(
        next: PaymentSituation(state: .reversing, told: now.told ?? now.state), action: .reverse)
    case .reversalRefused: stay(now, .journalLate)
    case .saleDeclined, .saleNotSent, .saleLost, .inquiryDeclined, .inquiryInconclusive, .reversalDone,
      .reversalNotFound, .reversalLost, .due, .restarted:
      stay(now, .none)
    }
  }

  private static func fromReversalRefused(_ now: PaymentSituation, _ event: PaymentEvent) -> PaymentStep {
    switch event {
    case .saleApproved, .saleDeclined, .saleNotSent, .inquiryApproved, .inquiryDeclined, .reversalDone,
      .reversalNotFound, .otherAmountApproved:
      stay(now, .journalLate)
    case .saleLost, .inquiryInconclusive, .reversalRefused, .reversalLost, .due, .restarted: stay(now, .none)
    }
  }

  private static func settle(_ now: PaymentSituation, _ state: PaymentState) -> PaymentStep {
    PaymentStep(next: PaymentSituation(state: state, told: state), action: .settle)
  }

  private static func settleReversal(_ now: PaymentSituation) -> PaymentStep {
    guard let told = now.told else { return settle(now, .reversed) }
    return PaymentStep(next: PaymentSituation(state: told, told: told), action: .settleAgain)
  }

  private static func go(_ now: PaymentSituation, _ state: PaymentState, _ action: PaymentStep.Action) -> PaymentStep {
    PaymentStep(next: PaymentSituation(state: state, told: now.told), action: action)
  }

  private static func count(
    _ notFound: PaymentSituation.NotFound, _ now: PaymentSituation, _ action: PaymentStep.Action
  ) -> PaymentStep {
    PaymentStep(next: PaymentSituation(state: now.state, told: now.told, notFound: notFound), action: action)
  }

  private static func stay(_ now: PaymentSituation, _ action: PaymentStep.Action) -> PaymentStep {
    PaymentStep(next: now, action: action)
  }
}

/// When a reversal without answer is sent again.
public enum ReversalSchedule {
  /// Milliseconds to wait after the reversal number `attempts`, from 1.
  public static func wait(after attempts: UInt32) -> Int64 {
    let doublings = min(attempts, 16)
    let wait = Limits.reversalFirstWaitMilliseconds << Int64(doublings > 0 ? doublings - 1 : 0)
    return min(wait, Limits.reversalLongestWaitMilliseconds)
  }
}
