import AcquirerSimulator
import Foundation
import Payments
import Synchronization

/// Runs what waits when the test says so.
final class TestTimer: SimulatorTimer {
  private let waiting = Mutex<[(after: Int64, body: @Sendable () -> Void)]>([])

  func run(after milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {
    waiting.withLock { $0.append((milliseconds, body)) }
  }

  var waits: [Int64] { waiting.withLock { $0.map(\.after) } }

  func fire() {
    let due = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for entry in due { entry.body() }
  }
}

/// Keeps what came late.
final class TestSink: AcquirerSink {
  private let late = Mutex<[AcquirerAnswer]>([])
  func answer(_ answer: AcquirerAnswer) { late.withLock { $0.append(answer) } }
  func answer(_ answer: OperationAnswer) {}
  func unmatched(_ text: String) {}
  var answers: [AcquirerAnswer] { late.withLock { $0 } }
}

/// A file that is gone after the test.
final class TemporaryFile {
  let path = NSTemporaryDirectory() + "simulator-test-\(UUID().uuidString)"
  deinit { try? FileManager.default.removeItem(atPath: path) }
  var text: String { get throws { try String(contentsOfFile: path, encoding: .utf8) } }
}

extension Simulator {
  func ask(_ kind: AcquirerOperation.Kind, _ payment: Int64, card: String = "") -> [AcquirerAnswer] {
    var secrets = CardSecrets.empty
    for (index, digit) in card.utf8.enumerated() { secrets.pan[index] = digit }
    secrets.panLength = UInt8(card.utf8.count)
    var answers: [AcquirerAnswer] = []
    begin(
      [
        AcquirerOperation(
          kind: kind, payment: payment, amount: 500, currency: Currency(stored: 0x4B_5257), instalments: 0,
          secrets: secrets)
      ], answered: &answers)
    return answers
  }

  func results(_ kind: AcquirerOperation.Kind, card: String = "") -> [AcquirerAnswer.Result] {
    ask(kind, 17, card: card).map(\.result)
  }
}
