import Bytes
import Ledger
import Payments
import Synchronization

/// What happened, in order, whoever did it.
final class Trace: Sendable {
  private let steps = Mutex<[String]>([])
  func add(_ step: String) { steps.withLock { $0.append(step) } }
  /// Without transactions that did nothing, as `perform` makes them.
  var all: [String] {
    steps.withLock { steps in
      steps.indices.filter { steps[$0] != "commit" || $0 > 0 && Self.isWrite(steps[$0 - 1]) }.map { steps[$0] }
    }
  }
  func all(_ prefix: String) -> [String] { all.filter { $0.hasPrefix(prefix) } }
  private static func isWrite(_ step: String) -> Bool {
    !["commit", "rollback", "tell", "refuse", "send"].contains { step.hasPrefix($0) }
  }
}

/// Goes off after so many steps; from then on nothing happens any more.
final class Power: Sendable {
  private let left: Mutex<Int>
  init(steps: Int = .max) { left = Mutex(steps) }
  /// Takes one step.
  func isOn() -> Bool {
    left.withLock { left in
      guard left > 0 else { return false }
      left -= 1
      return true
    }
  }
  var isOff: Bool { left.withLock { $0 == 0 } }
}

/// A clock that the test turns; wall and monotonic time run together from here.
final class ScriptedClock: Sendable {
  static let start: Int64 = 1_795_000_000_000
  private let passed = Mutex<Int64>(0)
  func advance(_ milliseconds: Int64) { passed.withLock { $0 += milliseconds } }
  var ledgerClock: LedgerClock {
    LedgerClock(
      wall: { [self] in Self.start + passed.withLock { $0 } }, monotonic: { [self] in passed.withLock { $0 } })
  }
}

/// Answers as the test says, on the writer's thread or through the sink.
final class ScriptedAcquirer: Acquirer {
  typealias Script = @Sendable (AcquirerOperation) -> AcquirerAnswer.Result?
  let canInquire: Bool
  let answerTimeoutMilliseconds: Int64 = 10_000
  private let trace: Trace
  private let disk: MemoryDisk
  private let script: Mutex<Script>
  private let sink = Mutex<(any AcquirerSink)?>(nil)

  init(_ disk: MemoryDisk, trace: Trace, canInquire: Bool, script: @escaping Script) {
    self.disk = disk
    self.trace = trace
    self.canInquire = canInquire
    self.script = Mutex(script)
  }

  func follow(_ script: @escaping Script) { self.script.withLock { $0 = script } }

  func start(_ sink: any AcquirerSink) { self.sink.withLock { $0 = sink } }

  func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer]) {
    for index in 0..<operations.count {
      let operation = operations[index]
      trace.add("send \(operation.kind) \(operation.payment)")
      if (operation.secrets.panLength == 16) != (operation.kind == .sale) { trace.add("WRONG SECRETS") }
      let isDurable = disk.contents.withLock { contents in
        switch operation.kind {
        case .sale: contents.payments[operation.payment] != nil
        case .inquiry: contents.unresolved[operation.payment]?.state == .inquiring
        case .reversal: contents.unresolved[operation.payment]?.state == .reversing
        }
      }
      if !isDurable { trace.add("SENT BEFORE DURABLE") }
      let result = script.withLock { $0 }(operation)
      if let result { answered.append(Self.answer(operation.kind, operation.payment, result)) }
    }
  }

  func begin(_ operation: OutgoingOperation) {
    let state = disk.contents.withLock { $0.operations[operation.id]?.state }
    trace.add("send \(operation.kind) \(operation.id) \(state?.name ?? "UNRECORDED")")
  }

  func answer(_ answer: OperationAnswer) { sink.withLock { $0 }?.answer(answer) }

  func answer(_ kind: AcquirerOperation.Kind, _ payment: Int64, _ result: AcquirerAnswer.Result) {
    sink.withLock { $0 }?.answer(Self.answer(kind, payment, result))
  }

  private static func answer(
    _ kind: AcquirerOperation.Kind, _ payment: Int64, _ result: AcquirerAnswer.Result
  ) -> AcquirerAnswer {
    AcquirerAnswer(
      kind: kind, payment: payment, result: result,
      approvalCode: result == .approved ? ApprovalCode(value: 0x31) : .none,
      responseCode: result == .approved ? ResponseCode(ascii: "00") : .none)
  }
}

/// An event loop that remembers what it was told and lets a test wait for it.
final class TestLoop: LedgerLoop {
  private struct State {
    var answers: [ReplyToken: [PaymentAnswer]] = [:]
    var references: [ReplyToken: String] = [:]
    var waiting: [ReplyToken: CheckedContinuation<PaymentAnswer, Never>] = [:]
    var givenBack = 0
  }
  private let trace: Trace
  private let power: Power
  private let state = Mutex(State())

  init(trace: Trace, power: Power) {
    self.trace = trace
    self.power = power
  }

  func deliver(_ batches: [PaymentBatch]) {
    guard power.isOn() else { return }
    for batch in batches {
      if !batch.intents.isEmpty { trace.add("GIVEN BACK WITH INTENTS") }
      for answer in batch.answers { tell(answer, batch) }
      state.withLock { $0.givenBack += 1 }
    }
  }

  private func tell(_ answer: PaymentAnswer, _ batch: PaymentBatch) {
    let (start, count) = (Int(answer.record.reference.start), Int(answer.record.reference.count))
    let reference = String(decoding: batch.bytes[start..<start + count], as: UTF8.self)
    switch answer.verdict {
    case .told: trace.add("tell \(answer.reply.slot) \(answer.record.outcome)")
    case .refused(let refusal): trace.add("refuse \(answer.reply.slot) \(refusal)")
    }
    state.withLock { state in
      state.answers[answer.reply, default: []].append(answer)
      state.references[answer.reply] = reference
      return state.waiting.removeValue(forKey: answer.reply)
    }?.resume(returning: answer)
  }

  /// Waits for the first answer to `reply`.
  func answer(_ reply: ReplyToken) async -> PaymentAnswer {
    await withCheckedContinuation { continuation in
      let known = state.withLock { state in
        if state.answers[reply] == nil { state.waiting[reply] = continuation }
        return state.answers[reply]?.first
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  func outcome(_ reply: ReplyToken) async -> Outcome { await answer(reply).record.outcome }
  func answers(_ reply: ReplyToken) -> [PaymentAnswer] { state.withLock { $0.answers[reply] ?? [] } }
  func reference(_ reply: ReplyToken) -> String? { state.withLock { $0.references[reply] } }
  var everything: [ReplyToken: [PaymentAnswer]] { state.withLock { $0.answers } }
}
