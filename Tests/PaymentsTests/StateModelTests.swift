import Payments
import Testing

/// Random lives of payments: first with any events in any order, then with an acquirer that keeps an account.
@Suite struct StateModelTests {
  @Test(arguments: 0..<8) func noOrderOfEventsBreaksAPromise(seed: UInt64) {
    var dice = Dice(seed: seed)
    var broken: [String] = []
    for _ in 0..<20_000 {
      var now = PaymentSituation(state: .intent)
      var (settled, wasReversing) = (0, false)
      for _ in 0..<Int.random(in: 1...16, using: &dice) {
        let event = PaymentEvent.allCases.randomElement(using: &dice) ?? .due
        let step = PaymentStateMachine.step(now, event, canInquire: .random(using: &dice))
        if step.action == .settle { settled += 1 }
        wasReversing = wasReversing || step.next.state == .reversing
        if now.told != nil, step.next.told != now.told { broken.append("what was told changed: \(now), \(event)") }
        if step.action == .reverse, now.told == .approved { broken.append("reversed although told: \(now), \(event)") }
        if wasReversing, step.next.state == .approved { broken.append("approved after a reversal: \(now), \(event)") }
        if (step.next.told != nil) != (settled == 1) { broken.append("settled \(settled) times: \(now), \(event)") }
        now = step.next
      }
    }
    #expect(broken.prefix(1).isEmpty)
  }

  @Test(arguments: 0..<8) func theAccountAgreesWithWhatWasTold(seed: UInt64) {
    var dice = Dice(seed: 100 + seed)
    var ends: [PaymentState: Int] = [:]
    var wrong: [String] = []
    for _ in 0..<15_000 {
      var world = World(canInquire: .random(using: &dice))
      world.live(&dice)
      ends[world.now.state, default: 0] += 1
      let isRight =
        switch world.now.state {
        case .approved: world.isCharged && !world.wasReversed
        case .declined, .notCharged, .reversed: !world.isCharged
        default: world.now.state == .reversalRefused
        }
      if !isRight || world.wasToldOtherwise { wrong.append("\(world)") }
    }
    #expect(wrong.prefix(1).isEmpty)
    for state in [PaymentState.approved, .declined, .notCharged, .reversed, .reversalRefused] {
      #expect(ends[state, default: 0] > 50, "\(state) came up too seldom to mean anything")
    }
  }
}

/// One payment, its acquirer, and what is under way between them: messages are lost, late and out of order.
private struct World {
  private(set) var now = PaymentSituation(state: .intent)
  private(set) var isCharged = false
  private(set) var wasReversed = false
  private(set) var wasToldOtherwise = false
  private let canInquire: Bool
  private var isSaleUnderWay = false
  private var isDeclined = false
  private var refusesReversal = false
  private var answers: [PaymentEvent] = []

  init(canInquire: Bool) { self.canInquire = canInquire }

  mutating func live(_ dice: inout Dice) {
    refusesReversal = Int.random(in: 0..<20, using: &dice) == 0
    if Int.random(in: 0..<10, using: &dice) == 0 { answers.append(.saleNotSent) } else { isSaleUnderWay = true }
    for _ in 0..<Int.random(in: 0..<12, using: &dice) {
      switch Int.random(in: 0..<6, using: &dice) {
      case 0: arrive(&dice)
      case 1, 2: deliver(&dice)
      case 3: becomeDue(&dice)
      case 4: if now.state == .intent { happen(.saleLost, &dice) }
      default: happen(.restarted, &dice)
      }
    }
    // From here nothing is lost, and time passes.
    arrive(&dice)
    repeat {
      while !answers.isEmpty { deliver(&dice) }
      if now.told == nil || now.state == .reversing { becomeDue(&dice) }
    } while !answers.isEmpty || [.intent, .unknown, .inquiring, .reversing].contains(now.state)
  }

  /// The sale reaches the acquirer, or is lost on its way.
  private mutating func arrive(_ dice: inout Dice) {
    guard isSaleUnderWay else { return }
    isSaleUnderWay = false
    switch Int.random(in: 0..<4, using: &dice) {
    case 0: return
    case 1: isDeclined = true
    default: isCharged = true
    }
    answer(isCharged ? .saleApproved : .saleDeclined, &dice)
  }

  private mutating func deliver(_ dice: inout Dice) {
    guard let index = answers.indices.randomElement(using: &dice) else { return }
    happen(answers.remove(at: index), &dice)
  }

  /// Where a step comes after the longest processing time, nothing can be under way any more.
  private mutating func becomeDue(_ dice: inout Dice) {
    let waiting = now
    if waiting.notFound == .once {
      arrive(&dice)
      while !answers.isEmpty { deliver(&dice) }
    }
    if now == waiting { happen(.due, &dice) }
  }

  private mutating func answer(_ event: PaymentEvent, _ dice: inout Dice) {
    if Int.random(in: 0..<4, using: &dice) != 0 { answers.append(event) }
    if Int.random(in: 0..<10, using: &dice) == 0 { answers.append(event) }
  }

  private mutating func happen(_ event: PaymentEvent, _ dice: inout Dice) {
    let step = PaymentStateMachine.step(now, event, canInquire: canInquire)
    if now.told != nil, step.next.told != now.told { wasToldOtherwise = true }
    now = step.next
    switch step.action {
    case .inquire:
      let isSilent = Int.random(in: 0..<3, using: &dice) == 0
      answer(
        isSilent
          ? .inquiryInconclusive
          : isCharged
            ? .inquiryApproved
            : isDeclined
              ? .inquiryDeclined
              : .inquiryInconclusive, &dice)
    case .reverse:
      if refusesReversal, isCharged {
        answer(.reversalRefused, &dice)
      } else {
        answer(isCharged ? .reversalDone : .reversalNotFound, &dice)
        wasReversed = wasReversed || isCharged
        isCharged = false
      }
    default: return
    }
  }
}
