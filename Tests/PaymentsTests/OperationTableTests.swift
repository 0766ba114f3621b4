import Bytes
import Payments
import Testing

/// Every state of a refund or void with every event, and what fits a payment.
@Suite struct OperationTableTests {
  /// What changes something; every other pair of state and event changes nothing.
  private static func change(
    _ state: OperationState, _ kind: OperationKind, _ event: OperationEvent
  ) -> OperationStep? {
    switch (state, kind, event) {
    case (.requested, _, .confirmed): OperationStep(.confirmed, .record)
    case (.requested, _, .timeOver): OperationStep(.expired, .record)
    case (.confirmed, _, .handedOver): OperationStep(.sending, .send)
    case (.sending, _, .done), (.unknown, _, .done), (.unknown, _, .foundDone): OperationStep(.done, .record)
    case (.sending, _, .refused), (.sending, _, .notSent), (.unknown, _, .refused), (.unknown, _, .foundRefused):
      OperationStep(.refused, .record)
    case (.sending, _, .lost), (.sending, _, .restarted): OperationStep(.unknown, .record)
    case (.unknown, .void, .due): OperationStep(.unknown, .send)
    case (.done, _, .refused), (.done, _, .foundRefused), (.refused, _, .done), (.refused, _, .foundDone),
      (.expired, _, .done):
      OperationStep(state, .journalLate)
    default: nil
    }
  }

  @Test(arguments: OperationState.allCases, OperationKind.allCases)
  func everyEventHasItsResult(_ state: OperationState, _ kind: OperationKind) {
    for event in OperationEvent.allCases {
      let expected = Self.change(state, kind, event) ?? OperationStep(state, .none)
      #expect(OperationStateMachine.step(state, kind, event) == expected, "\(state) \(kind) \(event)")
    }
  }

  /// Random lives: nothing is sent unconfirmed, a refund is sent once at most, and what is final stays.
  @Test func manyLivesKeepThePromises() {
    var generator = SystemRandomNumberGenerator()
    for life in 0..<20_000 {
      let kind: OperationKind = life.isMultiple(of: 2) ? .refund : .void
      var (state, sent, isConfirmed) = (OperationState.requested, 0, false)
      for _ in 0..<12 {
        let event = OperationEvent.allCases.randomElement(using: &generator) ?? .due
        let step = OperationStateMachine.step(state, kind, event)
        if [.done, .refused, .expired].contains(state) { #expect(step.next == state && step.action != .send) }
        if step.next == .confirmed { isConfirmed = true }
        if step.action == .send {
          sent += 1
          #expect(isConfirmed && (kind == .void || sent == 1))
        }
        state = step.next
      }
    }
  }

  private static func operation(
    _ kind: OperationKind, _ amount: UInt64, _ state: OperationState = .requested
  ) -> OperationRow {
    OperationRow(
      key: Bytes16(high: 0, low: 1), kind: kind, payment: 7, amount: amount, state: state, requestedBy: 1, time: 0,
      confirmUntil: 1)
  }

  private static func payment(_ state: PaymentState) -> PaymentRecord {
    PaymentRecord(
      payment: 7, key: Bytes16(high: 0, low: 2), state: state, amount: 100, currency: Currency(stored: 0x4B_5257),
      firstSix: 0, lastFour: 0, cardLength: 16, time: 0)
  }

  private static func refusal(
    _ operation: OperationRow, _ others: [OperationRow] = [], payment: PaymentState = .approved, late: Bool = false
  ) -> OperationRefusal? {
    do throws(OperationRefusal) {
      try OperationRules.check(operation, of: Self.payment(payment), others: others, isBeforeCutOff: !late)
      return nil
    } catch {
      return error
    }
  }

  @Test func refundsNeverComeToMoreThanThePayment() {
    #expect(Self.refusal(Self.operation(.refund, 100)) == nil)
    #expect(Self.refusal(Self.operation(.refund, 101)) == .amountLeft(100))
    #expect(Self.refusal(Self.operation(.refund, 0)) == .amountLeft(100))
    for state in OperationState.allCases {
      let found = Self.refusal(Self.operation(.refund, 41), [Self.operation(.refund, 60, state)])
      let counts = [OperationState.confirmed, .sending, .done, .unknown].contains(state)
      #expect(found == (counts ? .amountLeft(40) : nil), "\(state)")
      let void = Self.refusal(Self.operation(.void, 100), [Self.operation(.refund, 60, state)])
      #expect(void == (counts ? .conflicting : nil), "\(state)")
      let after = Self.refusal(Self.operation(.refund, 1), [Self.operation(.void, 100, state)])
      #expect(after == (counts ? .conflicting : nil), "\(state)")
    }
  }

  @Test func onlyWhatIsChargedIsGivenBackAndAVoidOnlyBeforeTheCutOff() {
    for state in PaymentState.allCases where state != .approved {
      #expect(Self.refusal(Self.operation(.refund, 1), payment: state) == .paymentNotCharged, "\(state)")
    }
    #expect(Self.refusal(Self.operation(.void, 100)) == nil)
    #expect(Self.refusal(Self.operation(.void, 100), late: true) == .cutOffPassed)
    #expect(Self.refusal(Self.operation(.void, 99)) == .amountLeft(100))
    #expect(Self.refusal(Self.operation(.refund, 100), late: true) == nil)
  }

  @Test(
    arguments: [
      ([(OperationKind.refund, 100, OperationState.requested)], nil), ([(.refund, 100, .refused)], nil),
      ([(.refund, 40, .sending)], OperatedState.refunding), ([(.refund, 40, .unknown)], .refunding),
      ([(.refund, 40, .done)], .partlyRefunded), ([(.refund, 40, .done), (.refund, 60, .done)], .refunded),
      ([(.refund, 40, .done), (.refund, 60, .sending)], .refunding), ([(.void, 100, .unknown)], .voiding),
      ([(.void, 100, .done)], .voided), ([], nil),
    ] as [([(OperationKind, UInt64, OperationState)], OperatedState?)])
  func aPaymentShowsWhatWasMadeOfIt(_ operations: [(OperationKind, UInt64, OperationState)], _ state: OperatedState?) {
    #expect(OperatedState(operations.map { Self.operation($0.0, $0.1, $0.2) }, of: 100) == state)
  }
}
