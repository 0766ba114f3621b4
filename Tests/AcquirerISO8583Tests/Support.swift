import Foundation
import ISO8583
import Logging
import Payments
import Synchronization
import TestAcquirer
import Testing

@testable import AcquirerISO8583

/// A folder that is gone after the test.
final class TemporaryFolder {
  let path = NSTemporaryDirectory() + "link-test-\(UUID().uuidString)"
  init() { try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

final class Counter: Sendable {
  private let count = Mutex(0)
  func add() { count.withLock { $0 += 1 } }
  var value: Int { count.withLock { $0 } }
}

/// Keeps what comes through the port.
final class TestSink: AcquirerSink {
  private struct State {
    var answers: [AcquirerAnswer] = []
    var operations: [OperationAnswer] = []
    var unmatched: [String] = []
  }
  private let state = Mutex(State())
  func answer(_ answer: AcquirerAnswer) { state.withLock { $0.answers.append(answer) } }
  func answer(_ answer: OperationAnswer) { state.withLock { $0.operations.append(answer) } }
  func unmatched(_ text: String) { state.withLock { $0.unmatched.append(text) } }
  var answers: [AcquirerAnswer] { state.withLock { $0.answers } }
  var operations: [OperationAnswer] { state.withLock { $0.operations } }
  var unmatched: [String] { state.withLock { $0.unmatched } }

  func answers(to payment: Int64) -> [AcquirerAnswer] { answers.filter { $0.payment == payment } }
}

/// Waits for a condition; records an issue where it does not come true within 20 seconds.
func eventually(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) async throws {
  let end = ContinuousClock.now + .seconds(20)
  while try !condition() {
    guard ContinuousClock.now < end else {
      Issue.record("\(what) did not happen", sourceLocation: sourceLocation)
      return
    }
    try await Task.sleep(for: .milliseconds(10))
  }
}

extension Dialect {
  static func example(_ name: String = "example-1987", _ changes: [String: String] = [:]) throws -> Dialect {
    let folder = TemporaryFolder()
    return try Dialect(path: writeExample(name, changes, in: folder.path))
  }
}

extension AcquirerOperation {
  /// An operation on a payment of 129.00 EUR.
  static func test(
    _ kind: Kind, _ payment: Int64, card: String = "4111111111111111", _ original: OriginalElements?,
    isRepeat: Bool = false
  ) -> AcquirerOperation {
    var secrets = CardSecrets.empty
    for (index, digit) in card.utf8.enumerated() { secrets.pan[index] = digit }
    (secrets.panLength, secrets.expiryYear, secrets.expiryMonth) = (UInt8(card.utf8.count), 2_035, 12)
    if kind == .sale {
      for (index, digit) in "904".utf8.enumerated() { secrets.securityCode[index] = digit }
      for (index, digit) in "73".utf8.enumerated() { secrets.passwordDigits[index] = digit }
    }
    return AcquirerOperation(
      kind: kind, payment: payment, amount: 12_900, currency: Currency(stored: 0x45_5552), instalments: 3,
      secrets: secrets, original: original, isRepeat: isRepeat)
  }
}
