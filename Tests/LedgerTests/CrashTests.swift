import AcquirerSimulator
import Foundation
import Payments
import Testing

@testable import Ledger

/// The power fails after each single step, and a new process takes up what is durable. The acquirer goes on.
@Suite(.timeLimit(.minutes(5))) struct CrashTests {
  /// Approved, declined, not sent, lost sale, lost approval, lost inquiry, lost reversal, overtaken sale.
  static let cards = [
    "4111111111111111", "4000000000000515", "4000000000009003", "4000000000009011", "4000000000009029",
    "4000000000009045", "4000000000009052", "4000000000009078",
  ]
  /// More steps than all these payments take.
  static let steps = 400

  @Test func afterACrashAtAnyStepLedgerAndAcquirerAgree() async throws {
    var wasWhole = false
    var (runs, openAfterwards) = (0, 0)
    for steps in 1...Self.steps {
      let life = try Life()
      defer { life.remove() }
      let told = try await life.live(steps: steps)
      wasWhole = !life.crashed
      runs += 1
      if life.isOpen { openAfterwards += 1 }
      let after = try await life.live(steps: .max, paying: false)
      #expect(after.isEmpty)
      let fault = try life.fault(told)
      #expect(fault == nil, "after \(steps) steps")
      if wasWhole { break }
    }
    #expect(wasWhole, "the last run must have met no crash")
    #expect(runs > 100 && openAfterwards > 50, "\(openAfterwards) of \(runs) runs left something open")
  }
}

/// One disk and one acquirer, through several processes.
private final class Life {
  private let disk = MemoryDisk()
  private let clock = ScriptedClock()
  private let simulator: Simulator
  private let log = NSTemporaryDirectory() + "simulator-\(UUID().uuidString).log"
  private(set) var crashed = false

  init() throws {
    simulator = try Simulator(SimulatorConfiguration(logPath: log), timer: NeverTimer())
  }

  func remove() { try? FileManager.default.removeItem(atPath: log) }

  /// Runs one process until nothing is open or its power is off.
  ///
  /// - Returns: what was told.
  func live(steps: Int, paying: Bool = true) async throws -> [Int64: Outcome] {
    let (trace, power) = (Trace(), Power(steps: steps))
    let loop = TestLoop(trace: trace, power: power)
    let disk = disk
    let ledger = Ledger(
      store: { MemoryStore(disk, trace: trace, power: power) },
      acquirer: FusedAcquirer(simulator, power), clock: clock.ledgerClock, onFatal: { _ in })
    ledger.attach(loop, index: 0)
    defer { crashed = power.isOff }
    do { try ledger.start() } catch { return [:] }
    if paying {
      for (index, card) in CrashTests.cards.enumerated() {
        let batch = PaymentBatch(loop: 0)
        let reply = ReplyToken(loop: 0, slot: UInt32(index), generation: 1)
        Array("A".utf8).withUnsafeBytes {
          batch.append(TestIntent.make(UInt64(index + 1), reply: reply, pan: card), reference: $0)
        }
        ledger.submit(batch)
      }
    }
    for _ in 0..<40 where !power.isOff && !isOver {
      for _ in 0..<2 { try? await ledger.perform { _ in } }
      clock.advance(10_000)
    }
    ledger.stop()
    #expect(trace.all.allSatisfy { $0.first?.isLowercase == true })
    return loop.everything.reduce(into: [:]) { told, entry in
      for answer in entry.value where answer.verdict == .told { told[answer.record.payment] = answer.record.outcome }
    }
  }

  /// Whether the last process left a payment to the next.
  var isOpen: Bool { disk.contents.withLock { $0.outcomes.count < $0.payments.count || !$0.unresolved.isEmpty } }

  private var isOver: Bool {
    disk.contents.withLock { $0.outcomes.count == CrashTests.cards.count && $0.unresolved.isEmpty }
  }

  /// What is wrong in the end, or nil.
  func fault(_ told: [Int64: Outcome]) throws -> String? {
    let contents = disk.contents.withLock { $0 }
    for (payment, outcome) in told where contents.stored(payment)?.record.outcome != outcome {
      return "payment \(payment) was told as \(outcome)"
    }
    for payment in contents.payments.keys where contents.outcomes[payment] == nil {
      return "payment \(payment) is open"
    }
    if !contents.unresolved.isEmpty { return "unresolved: \(contents.unresolved)" }
    var (charged, sales) = (Set<Int64>(), [Int64: Int]())
    for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let payment = Int64(words[1]) else { return "unreadable: \(line)" }
      if words[0] == "sale" { sales[payment, default: 0] += 1 }
      if words[4] == "charged" { charged.insert(payment) } else { charged.remove(payment) }
    }
    let approved = Set(contents.outcomes.values.filter { $0.state == .approved }.map(\.payment))
    if approved != charged { return "approved \(approved.sorted()), charged \(charged.sorted())" }
    if let unknown = sales.keys.first(where: { contents.payments[$0] == nil }) { return "sale \(unknown) not durable" }
    return nil
  }
}

/// Passes on to an acquirer while there is power. What was passed on before counts.
private final class FusedAcquirer: Acquirer {
  private let inner: Simulator
  private let power: Power

  init(_ inner: Simulator, _ power: Power) {
    self.inner = inner
    self.power = power
  }

  var canInquire: Bool { inner.canInquire }
  var answerTimeoutMilliseconds: Int64 { inner.answerTimeoutMilliseconds }
  func start(_ sink: any AcquirerSink) { inner.start(sink) }
  func begin(_ operation: OutgoingOperation) { if power.isOn() { inner.begin(operation) } }

  func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer]) {
    for index in 0..<operations.count {
      guard power.isOn() else { return }
      inner.begin([operations[index]], answered: &answered)
    }
  }
}

/// None of the cards here answers late.
private struct NeverTimer: SimulatorTimer {
  func run(after milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {}
}
