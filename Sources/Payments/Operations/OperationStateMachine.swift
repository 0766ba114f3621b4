/// What can happen to a refund or void.
public enum OperationEvent: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// A second administrator agreed in time.
  case confirmed
  /// The time to agree is over.
  case timeOver
  /// It is named and is sent once this is durable.
  case handedOver
  /// The acquirer did it.
  case done
  /// The acquirer refused it.
  case refused
  /// No byte of it was sent.
  case notSent
  /// It was handed over and lost, or got no answer in time.
  case lost
  /// The time to send it again has come.
  case due
  /// The process has started again.
  case restarted
  /// People found out that the acquirer did it.
  case foundDone
  /// People found out that the acquirer did not do it.
  case foundRefused
}

/// What one event makes of an operation.
public struct OperationStep: Sendable, BitwiseCopyable, Equatable {
  public enum Action: UInt8, Sendable, BitwiseCopyable {
    case none
    /// Record the state.
    case record
    /// Record the state, then send.
    case send
    /// Nothing changes, but the journal gets a record: the answer contradicts what is recorded.
    case journalLate
  }
  public var next: OperationState
  public var action: Action

  public init(_ next: OperationState, _ action: Action) {
    self.next = next
    self.action = action
  }
}

/// The states of a refund or void. Pure; every pair of state and event has a result. Source: docs/payments.md, "Void and
/// refund".
///
/// ```
/// REQUESTED -> CONFIRMED | EXPIRED
/// CONFIRMED -> SENDING -> DONE | REFUSED | UNKNOWN
/// UNKNOWN -> DONE | REFUSED
/// ```
/// An unknown void is sent again: voiding twice is voiding once. An unknown refund never is: it would give the money
/// twice; a late answer or people settle it.
public enum OperationStateMachine {
  public static func step(_ now: OperationState, _ kind: OperationKind, _ event: OperationEvent) -> OperationStep {
    switch now {
    case .requested: fromRequested(event)
    case .confirmed: event == .handedOver ? OperationStep(.sending, .send) : OperationStep(now, .none)
    case .sending: fromSending(event)
    case .unknown: fromUnknown(kind, event)
    case .done: contradicted(now, event, by: [.refused, .foundRefused])
    case .refused: contradicted(now, event, by: [.done, .foundDone])
    case .expired: contradicted(now, event, by: [.done])
    }
  }

  private static func fromRequested(_ event: OperationEvent) -> OperationStep {
    switch event {
    case .confirmed: OperationStep(.confirmed, .record)
    case .timeOver: OperationStep(.expired, .record)
    case .handedOver, .done, .refused, .notSent, .lost, .due, .restarted, .foundDone, .foundRefused:
      OperationStep(.requested, .none)
    }
  }

  private static func fromSending(_ event: OperationEvent) -> OperationStep {
    switch event {
    case .done: OperationStep(.done, .record)
    case .refused, .notSent: OperationStep(.refused, .record)
    case .lost, .restarted: OperationStep(.unknown, .record)
    case .confirmed, .timeOver, .handedOver, .due, .foundDone, .foundRefused: OperationStep(.sending, .none)
    }
  }

  private static func fromUnknown(_ kind: OperationKind, _ event: OperationEvent) -> OperationStep {
    switch event {
    case .done, .foundDone: OperationStep(.done, .record)
    case .refused, .foundRefused: OperationStep(.refused, .record)
    case .due: kind == .void ? OperationStep(.unknown, .send) : OperationStep(.unknown, .none)
    case .confirmed, .timeOver, .handedOver, .notSent, .lost, .restarted: OperationStep(.unknown, .none)
    }
  }

  private static func contradicted(
    _ now: OperationState, _ event: OperationEvent, by contradictions: [OperationEvent]
  ) -> OperationStep {
    OperationStep(now, contradictions.contains(event) ? .journalLate : .none)
  }
}
