import CountersignRPC
import Messages

/// Why a payment or its login takes longer than one exchange.
public struct PaymentWait: Sendable {
  /// What the service said, or that it cannot be reached.
  public let cause: String
  /// After so long the attempt ends by itself.
  public let remaining: Duration
}

extension RPCStatus {
  /// The status of a sealed refusal.
  init(_ refusal: Refusal) {
    let violations = refusal.field.isEmpty ? [] : [Violation(field: refusal.field, description: refusal.text)]
    self.init(
      StatusCode(rawValue: refusal.code) ?? .unknown, refusal.text, reason: refusal.reason,
      retryAfterMilliseconds: refusal.retryAfterMs == 0 ? nil : refusal.retryAfterMs, violations: violations)
  }
}

extension Refusal {
  /// Whether it says nothing about what became of the payment: the ledger that knew was lost.
  var leavesOpen: Bool { reason == "LEDGER_RESTORED" }
}

extension TerminalError {
  /// The error of a status that ends what was asked.
  init(_ status: RPCStatus) {
    switch status.reason {
    case "SESSION_OVER": self = .sessionOver(status.text)
    case "SERVER_UNTRUSTED": self = .untrusted("who answers is not the profile's service: \(status.text)")
    default: self = status.wasSent ? .refused(status) : .unreachable(status.text)
    }
  }

  /// Runs `body`; a status becomes a ``TerminalError``.
  package static func mapping<R>(_ body: () async throws -> R) async throws -> R {
    do {
      return try await body()
    } catch let status as RPCStatus {
      throw TerminalError(status)
    }
  }
}
