import Glibc
import Payments

/// How the simulated acquirer behaves besides its test cards.
public struct SimulatorConfiguration: Sendable {
  /// Milliseconds after which a sale without answer counts as unknown.
  public var answerTimeoutMilliseconds: Int64
  /// Whether inquiries are answered; otherwise a reversal follows at once.
  public var canInquire: Bool

  public init(answerTimeoutMilliseconds: Int64 = 10_000, canInquire: Bool = true) {
    self.answerTimeoutMilliseconds = answerTimeoutMilliseconds
    self.canInquire = canInquire
  }
}

/// An acquirer in the process that charges nobody. What it does is decided by the card number; see docs/simulator.md.
///
/// Everything that it approved is remembered by payment until it is reversed, so that inquiries and reversals get true
/// answers within one run. All state is behind one lock, which is why it may be shared.
public final class Simulator: Acquirer, @unchecked Sendable {
  private let configuration: SimulatorConfiguration
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  /// Payments whose answer was lost although they were charged; the others need no memory to be answered.
  private var chargedInSilence: Set<Int64> = []
  private let late = LateAnswers()

  public init(_ configuration: SimulatorConfiguration = SimulatorConfiguration()) {
    self.configuration = configuration
    lock = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
  }

  deinit {
    late.stop()
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  public var canInquire: Bool { configuration.canInquire }
  public var answerTimeoutMilliseconds: Int64 { configuration.answerTimeoutMilliseconds }

  public func start(_ sink: any AcquirerSink) { late.start(sink) }

  public func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer]) {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    for index in 0..<operations.count {
      let operation = operations[index]
      switch operation.kind {
      case .sale: sell(operation, &answered)
      case .inquiry: answered.append(inquire(operation))
      case .reversal: answered.append(reverse(operation))
      }
    }
  }

  private func sell(_ operation: AcquirerOperation, _ answered: inout [AcquirerAnswer]) {
    let payment = operation.payment
    switch TestCard(operation.secrets) {
    case .approves: answered.append(Self.approval(payment))
    case .declines(let code):
      answered.append(AcquirerAnswer(kind: .sale, payment: payment, result: .declined, responseCode: code))
    case .isNotSent: answered.append(AcquirerAnswer(kind: .sale, payment: payment, result: .notSent))
    case .staysSilent: break
    case .losesApproval: chargedInSilence.insert(payment)
    case .answersLate(let milliseconds): late.send(Self.approval(payment), after: milliseconds)
    }
  }

  private func inquire(_ operation: AcquirerOperation) -> AcquirerAnswer {
    guard chargedInSilence.contains(operation.payment) else {
      return AcquirerAnswer(kind: .inquiry, payment: operation.payment, result: .notFound)
    }
    var answer = Self.approval(operation.payment)
    answer.kind = .inquiry
    return answer
  }

  private func reverse(_ operation: AcquirerOperation) -> AcquirerAnswer {
    let wasCharged = chargedInSilence.remove(operation.payment) != nil
    return AcquirerAnswer(
      kind: .reversal, payment: operation.payment, result: wasCharged ? .reversed : .notFound,
      responseCode: ResponseCode(ascii: wasCharged ? "00" : "25"))
  }

  /// Approval code: six digits from the payment's number.
  private static func approval(_ payment: Int64) -> AcquirerAnswer {
    var code: UInt64 = 0
    var rest = UInt64(payment.magnitude) % 1_000_000
    for place in 0..<6 {
      code |= (0x30 + rest % 10) << (8 * UInt64(place))
      rest /= 10
    }
    return AcquirerAnswer(
      kind: .sale, payment: payment, result: .approved, approvalCode: ApprovalCode(value: code),
      responseCode: ResponseCode(ascii: "00"))
  }
}

/// What a card number makes the simulator do; the table stands in docs/simulator.md.
enum TestCard: Equatable {
  case approves
  case declines(ResponseCode)
  case isNotSent
  case staysSilent
  case losesApproval
  case answersLate(milliseconds: Int64)

  /// The four digits before the check digit of numbers that begin with 400000 decide.
  init(_ secrets: CardSecrets) {
    guard secrets.panLength == 16, Self.number(secrets, 0..<6) == 400_000 else {
      self = .approves
      return
    }
    switch Self.number(secrets, 11..<15) {
    case 51: self = .declines(ResponseCode(ascii: "51"))
    case 54: self = .declines(ResponseCode(ascii: "54"))
    case 5: self = .declines(ResponseCode(ascii: "05"))
    case 900: self = .isNotSent
    case 901: self = .staysSilent
    case 902: self = .losesApproval
    case 903: self = .answersLate(milliseconds: 500)
    default: self = .approves
    }
  }

  private static func number(_ secrets: CardSecrets, _ range: Range<Int>) -> Int {
    range.reduce(0) { $0 * 10 + Int(secrets.pan[$1] & 15) }
  }
}
