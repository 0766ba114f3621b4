import Payments
import Testing

/// Every pair of state and event. Source: docs/payments.md, "States".
@Suite struct StateTableTests {
  /// Columns as in ``PaymentEvent``: sale approved, declined, not sent, lost; inquiry approved, declined, inconclusive;
  /// reversal done, not found, refused, lost; due; restarted; approved with another amount. Cells: `.` nothing, `L` journaled as late, `=X` settled as
  /// X, `U` resolve, `I` inquire, `V` reverse, `W` reverse later, `X` left to operators.
  static let table: [(PaymentState, String)] = [
    (.intent, "         =A =D =N U  L  L  L  L  L  L  L  U  U  V"),
    (.unknown, "        =A =D =N .  =A =D L  L  L  L  L  I  .  V"),
    (.inquiring, "      =A =D =N .  =A =D V  L  L  L  L  V  .  V"),
    (.reversing, "      L  L  L  .  L  L  .  =R W  X  .  V  .  L"),
    (.approved, "       .  L  L  .  .  L  .  L  L  L  L  .  .  L"),
    (.declined, "       V  .  .  .  V  .  .  .  .  L  .  .  .  V"),
    (.notCharged, "     V  .  .  .  V  .  .  .  .  L  .  .  .  V"),
    (.reversed, "       V  .  .  .  V  .  .  .  .  L  .  .  .  V"),
    (.reversalRefused, "L  L  L  .  L  L  .  L  L  .  .  .  .  L"),
  ]

  @Test func everyStateHasARow() {
    #expect(Set(Self.table.map(\.0)) == Set(PaymentState.allCases))
    for row in Self.table { #expect(row.1.split(separator: " ").count == PaymentEvent.allCases.count) }
  }

  @Test(arguments: table.indices) func eachEventMakesOfAStateWhatTheTableSays(row: Int) {
    let (state, cells) = Self.table[row]
    let isTold = [.approved, .declined, .notCharged, .reversed].contains(state)
    let now = PaymentSituation(state: state, told: isTold ? state : nil)
    for (event, cell) in zip(PaymentEvent.allCases, cells.split(separator: " ")) {
      let step = PaymentStateMachine.step(now, event, canInquire: true)
      #expect(step == Self.expected(String(cell), now), "\(state) \(event)")
    }
  }

  private static func expected(_ cell: String, _ now: PaymentSituation) -> PaymentStep {
    func go(_ state: PaymentState, _ action: PaymentStep.Action) -> PaymentStep {
      PaymentStep(next: PaymentSituation(state: state, told: now.told), action: action)
    }
    func settle(_ state: PaymentState) -> PaymentStep {
      PaymentStep(next: PaymentSituation(state: state, told: state), action: .settle)
    }
    switch cell {
    case "=A": return settle(.approved)
    case "=D": return settle(.declined)
    case "=N": return settle(.notCharged)
    case "=R": return settle(.reversed)
    case "U": return go(.unknown, .resolve)
    case "I": return go(.inquiring, .inquire)
    case "V": return go(.reversing, .reverse)
    case "W":
      return PaymentStep(
        next: PaymentSituation(state: now.state, told: now.told, notFound: .once), action: .reverseLater)
    case "X": return go(.reversalRefused, .leaveToOperators)
    case "L": return PaymentStep(next: now, action: .journalLate)
    default: return PaymentStep(next: now, action: .none)
    }
  }

  @Test func whereNoInquiryIsPossibleTheReversalFollowsAtOnce() {
    let step = PaymentStateMachine.step(PaymentSituation(state: .unknown), .due, canInquire: false)
    #expect(step == PaymentStep(next: PaymentSituation(state: .reversing), action: .reverse))
  }

  @Test func onlyWhatIsNotFoundAfterTheWaitEndsAReversal() {
    var now = PaymentSituation(state: .reversing)
    let life: [(PaymentEvent, PaymentStep.Action)] = [
      (.reversalNotFound, .reverseLater), (.reversalNotFound, .none), (.due, .reverse), (.due, .reverse),
      (.reversalNotFound, .settle),
    ]
    for (event, action) in life {
      let step = PaymentStateMachine.step(now, event, canInquire: true)
      #expect(step.action == action)
      now = step.next
    }
    #expect(now == PaymentSituation(state: .reversed, told: .reversed, notFound: .never))
  }

  @Test(
    arguments: [PaymentEvent.saleApproved, .inquiryApproved, .otherAmountApproved],
    [PaymentSituation.NotFound.once, .askedAgain])
  func anApprovalMakesNotFoundCountAnew(event: PaymentEvent, notFound: PaymentSituation.NotFound) {
    let step = PaymentStateMachine.step(
      PaymentSituation(state: .reversing, notFound: notFound), event, canInquire: true)
    #expect(step == PaymentStep(next: PaymentSituation(state: .reversing), action: .journalLate))
  }

  @Test(arguments: [PaymentState.declined, .notCharged, .reversed])
  func whatWasToldStaysAfterALateApprovalWasReversed(told: PaymentState) {
    let reversing = PaymentStateMachine.step(PaymentSituation(state: told, told: told), .saleApproved, canInquire: true)
    #expect(reversing.next == PaymentSituation(state: .reversing, told: told))
    let over = PaymentStateMachine.step(reversing.next, .reversalDone, canInquire: true)
    #expect(over == PaymentStep(next: PaymentSituation(state: told, told: told), action: .settleAgain))
  }

  @Test(
    arguments: [
      (PaymentState.approved, nil, PaymentState.approved), (.declined, nil, .declined), (.notCharged, nil, .notCharged),
      (.reversed, nil, .reversed), (.reversing, .notCharged, .reversed), (.reversing, .declined, .declined),
      (.reversing, nil, nil), (.intent, nil, nil), (.reversalRefused, nil, nil),
    ] as [(PaymentState, Outcome?, PaymentState?)])
  func aSituationIsReadFromItsRecord(state: PaymentState, outcome: Outcome?, told: PaymentState?) throws {
    let record = PaymentRecord(
      payment: 1, key: .init(high: 0, low: 0), state: state, outcome: outcome, amount: 1, currency: Currency(stored: 0),
      firstSix: 0, lastFour: 0, cardLength: 16, time: 0)
    #expect(PaymentSituation(record) == PaymentSituation(state: state, told: told))
  }

  @Test func everyAnswerOfTheAcquirerIsAnEvent() {
    let expected: [AcquirerOperation.Kind: [AcquirerAnswer.Result: PaymentEvent]] = [
      .sale: [
        .approved: .saleApproved, .declined: .saleDeclined, .notSent: .saleNotSent, .otherAmount: .otherAmountApproved,
      ],
      .inquiry: [.approved: .inquiryApproved, .declined: .inquiryDeclined, .otherAmount: .otherAmountApproved],
      .reversal: [.reversed: .reversalDone, .notFound: .reversalNotFound, .reversalRefused: .reversalRefused],
    ]
    let others: [AcquirerOperation.Kind: PaymentEvent] = [
      .sale: .saleLost, .inquiry: .inquiryInconclusive, .reversal: .reversalLost,
    ]
    for kind in [AcquirerOperation.Kind.sale, .inquiry, .reversal] {
      for raw in 0...AcquirerAnswer.Result.otherAmount.rawValue {
        guard let result = AcquirerAnswer.Result(rawValue: raw) else { continue }
        let event = PaymentEvent(AcquirerAnswer(kind: kind, payment: 1, result: result))
        #expect(event == expected[kind]?[result] ?? others[kind], "\(kind) \(result)")
      }
    }
  }
}
