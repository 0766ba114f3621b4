import Dispatch
import Payments
import Synchronization

/// Sends answers after a while, on one queue for all.
final class LateAnswers: Sendable {
  private let queue = DispatchQueue(label: "simulator")
  private let sink = Mutex<(any AcquirerSink)?>(nil)

  func start(_ sink: any AcquirerSink) { self.sink.withLock { $0 = sink } }

  func stop() { sink.withLock { $0 = nil } }

  func send(_ answer: AcquirerAnswer, after milliseconds: Int64) {
    queue.asyncAfter(deadline: .now() + .milliseconds(Int(milliseconds))) { [self] in
      sink.withLock { $0 }?.answer(answer)
    }
  }
}
