import Payments
import Synchronization

/// How the simulated acquirer behaves besides its test cards.
public struct SimulatorConfiguration: Sendable {
  /// Milliseconds after which a sale without answer counts as unknown.
  public var answerTimeoutMilliseconds: Int64
  /// Whether inquiries are answered; otherwise a reversal follows at once.
  public var canInquire: Bool
  /// File to which everything is logged, and from which a new process knows what its last one charged; nil: none.
  public var logPath: String?

  public init(answerTimeoutMilliseconds: Int64 = 10_000, canInquire: Bool = true, logPath: String? = nil) {
    self.answerTimeoutMilliseconds = answerTimeoutMilliseconds
    self.canInquire = canInquire
    self.logPath = logPath
  }
}

/// An acquirer in the process that charges nobody. What it does is decided by the card number; see docs/simulator.md.
///
/// What it charged is remembered until it is reversed, so that inquiries and reversals get true answers; without a log,
/// approvals that were answered at once are not, since nobody asks for them again within one process.
public final class Simulator: Acquirer {
  private struct State {
    var sink: (any AcquirerSink)?
    var log: SimulatorLog?
    var charged: Set<Int64> = []
    /// Cards of sales that an inquiry or a reversal may follow.
    var cards: [Int64: TestCard] = [:]
  }

  private let configuration: SimulatorConfiguration
  private let timer: any SimulatorTimer
  private let state: Mutex<State>

  /// - Throws: ``SimulatorError`` where the log cannot be used.
  public init(
    _ configuration: SimulatorConfiguration = SimulatorConfiguration(), timer: any SimulatorTimer = QueueTimer()
  ) throws(SimulatorError) {
    self.configuration = configuration
    self.timer = timer
    var state = State()
    if let path = configuration.logPath {
      let log = try SimulatorLog(path: path)
      state.charged = try log.charged()
      state.log = log
    }
    self.state = Mutex(state)
  }

  deinit { state.withLock { $0.log?.close() } }

  public var canInquire: Bool { configuration.canInquire }
  public var answerTimeoutMilliseconds: Int64 { configuration.answerTimeoutMilliseconds }

  public func start(_ sink: any AcquirerSink) { state.withLock { $0.sink = sink } }

  public func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer]) {
    state.withLock { state in
      for index in 0..<operations.count {
        switch operations[index].kind {
        case .sale: sell(operations[index], &state, &answered)
        case .inquiry: answered.append(Self.inquire(operations[index], &state))
        case .reversal: Self.reverse(operations[index], &state, &answered)
        }
      }
      state.log?.flush()
    }
  }

  /// Writes to the log, then answers where there is an answer.
  func record(_ operation: OutgoingOperation, _ answer: OperationAnswer?) {
    let sink = state.withLock { state in
      state.log?.append(operation, answer.map { "\($0.result)" } ?? "unanswered")
      state.log?.flush()
      return state.sink
    }
    if let answer { sink?.answer(answer) }
  }

  private func sell(_ sale: AcquirerOperation, _ state: inout State, _ answered: inout [AcquirerAnswer]) {
    let card = TestCard(sale.secrets)
    var answer: AcquirerAnswer?
    switch card {
    case .approves: answer = Self.approval(sale)
    case .declines(let code):
      answer = AcquirerAnswer(kind: .sale, payment: sale.payment, result: .declined, responseCode: code)
    case .isNotSent: answer = AcquirerAnswer(kind: .sale, payment: sale.payment, result: .notSent)
    case .approvesLate(let milliseconds): answerLate(Self.approval(sale), after: milliseconds)
    case .losesSale, .losesApproval, .losesInquiry, .losesFirstReversal, .refusesReversal, .isOvertaken: break
    }
    if answer == nil { state.cards[sale.payment] = card }
    if card.charges, answer == nil || state.log != nil { state.charged.insert(sale.payment) }
    state.log?.append(sale, isCharged: card.charges, answer.map { "\($0.result)" } ?? "unanswered")
    if let answer { answered.append(answer) }
  }

  private func answerLate(_ answer: AcquirerAnswer, after milliseconds: Int64) {
    timer.run(after: milliseconds) { [weak self] in
      guard let self, let sink = state.withLock({ $0.sink }) else { return }
      sink.answer(answer)
    }
  }

  private static func inquire(_ inquiry: AcquirerOperation, _ state: inout State) -> AcquirerAnswer {
    let isCharged = state.charged.contains(inquiry.payment)
    var answer = AcquirerAnswer(kind: .inquiry, payment: inquiry.payment, result: .unknown)
    if state.cards[inquiry.payment]?.answersInquiry ?? true {
      answer =
        isCharged ? approval(inquiry) : AcquirerAnswer(kind: .inquiry, payment: inquiry.payment, result: .notFound)
    }
    state.log?.append(inquiry, isCharged: isCharged, "\(answer.result)")
    return answer
  }

  private static func reverse(
    _ reversal: AcquirerOperation, _ state: inout State, _ answered: inout [AcquirerAnswer]
  ) {
    let payment = reversal.payment
    let card = state.cards[payment]
    var answer = AcquirerAnswer(
      kind: .reversal, payment: payment, result: .notFound, responseCode: ResponseCode(ascii: "25"))
    if card == .refusesReversal {
      (answer.result, answer.responseCode) = (.reversalRefused, ResponseCode(ascii: "12"))
    } else if card == .losesFirstReversal {
      state.cards[payment] = .losesInquiry
      (answer.result, answer.responseCode) = (.unknown, .none)
    } else if state.charged.remove(payment) != nil {
      (answer.result, answer.responseCode) = (.reversed, ResponseCode(ascii: "00"))
    }
    state.log?.append(reversal, isCharged: state.charged.contains(payment), "\(answer.result)")
    answered.append(answer)
    guard card == .isOvertaken else { return }
    state.cards[payment] = .losesApproval
    state.charged.insert(payment)
    var sale = reversal
    sale.kind = .sale
    state.log?.append(sale, isCharged: true, "approved")
    answered.append(approval(sale))
  }

  /// Approval code: six digits from the payment's number.
  private static func approval(_ operation: AcquirerOperation) -> AcquirerAnswer {
    var code: UInt64 = 0
    var rest = operation.payment.magnitude % 1_000_000
    for place in 0..<6 {
      code |= (0x30 + UInt64(rest) % 10) << (8 * UInt64(place))
      rest /= 10
    }
    return AcquirerAnswer(
      kind: operation.kind, payment: operation.payment, result: .approved, approvalCode: ApprovalCode(value: code),
      responseCode: ResponseCode(ascii: "00"))
  }
}
