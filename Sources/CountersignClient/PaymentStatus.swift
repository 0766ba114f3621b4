import Bytes
import CountersignRPC
import Cryptography
import Messages

/// Why a payment or its login takes longer than one exchange.
public struct PaymentWait: Sendable {
  /// What the service said, that it cannot be reached, or that it has not answered yet.
  public let cause: String
  /// After so long the attempt ends by itself.
  public let remaining: Duration
  /// False while the first attempt has no answer yet.
  public var isTryingAgain = true
}

extension RPCStatus {
  /// The status of a sealed refusal.
  init(_ refusal: Refusal) {
    // The text tells the field and what is wrong with it last.
    let told = refusal.text.ranges(of: ": \(refusal.field) ").last.map { refusal.text[$0.upperBound...] }
    let description = told.map(String.init) ?? refusal.text
    let violations = refusal.field.isEmpty ? [] : [Violation(field: refusal.field, description: description)]
    self.init(
      StatusCode(rawValue: refusal.code) ?? .unknown, refusal.text, reason: refusal.reason,
      retryAfterMilliseconds: refusal.retryAfterMs == 0 ? nil : refusal.retryAfterMs, violations: violations)
  }
}

extension RPCStatus {
  /// Whether a refusal is about the token, so that no certificate can have been issued with it for a key made just now.
  package var issuesNothing: Bool {
    ["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_USED", "WRONG_GATEWAY"].contains(reason)
  }
}

extension Refusal {
  /// Whether it says nothing about what became of the payment: the ledger that knew was lost.
  var leavesOpen: Bool { reason == "LEDGER_RESTORED" }

  /// Whether the ledger that answers does not know the payment.
  fileprivate var isOfUnknownKey: Bool {
    ["LEDGER_RESTORED", "LEDGER_UNCONFIRMED", "PAYMENT_NOT_FOUND"].contains(reason)
  }
}

/// A payment's key with the ledger under which it was made.
///
/// The service can tell by the time in a key only what it may have lost. The terminal knows: a payment can have been
/// charged by the ledger that answered when its key was made, or by one restored later, and by none before.
struct RememberedKey: Sendable, CustomStringConvertible {
  /// 16 bytes.
  let bytes: [UInt8]
  /// `LoginResult.ledger` when the key was made; empty where nobody knows.
  let ledger: [UInt8]

  var description: String { Hex.encode(bytes) }

  /// What a refusal means for this key.
  ///
  /// - Parameter present: the ledger of the session in which the refusal came.
  func judge(_ refusal: Refusal, by present: [UInt8]) -> Refusal {
    guard !ledger.isEmpty, refusal.isOfUnknownKey else { return refusal }
    var judged = refusal
    if ledger != present {
      (judged.code, judged.reason) = (StatusCode.failedPrecondition.rawValue, "LEDGER_RESTORED")
      judged.text =
        "the ledger was restored from a copy since this key was made, and does not know it; the payment may have been "
        + "charged before; ask an operator, who asks the acquirer"
    } else if refusal.leavesOpen {
      (judged.code, judged.reason) = (StatusCode.notFound.rawValue, "PAYMENT_NOT_FOUND")
      judged.text =
        "the key was made before the restored ledger was confirmed and is not taken any more; nothing was charged, pay "
        + "under a new key"
    }
    return judged
  }
}

extension TerminalError {
  /// The error of a status that ends what was asked.
  init(_ status: RPCStatus) {
    switch status.reason {
    case "SESSION_OVER":
      let cause = status.violations.first { $0.field == "session" }?.description
      self = .sessionOver(cause.map { "the session is over: \($0); log in again" } ?? status.text)
    case "CLOCK_BEHIND": self = .clock(status.text)
    case "CERTIFICATE_OVER": self = .untrusted(status.text)
    case "SERVER_UNTRUSTED": self = .untrusted("who answers is not the service that is trusted here: \(status.text)")
    default: self = status.wasSent ? .refused(status) : .unreachable(status.text)
    }
  }

  /// The error of a status that ends the exchange of a token.
  package init(_ status: RPCStatus, exchangingTokenAt host: String, _ port: UInt16) {
    guard status.isUntrusted else {
      self.init(status)
      return
    }
    self = .untrusted(
      "who answers at \(host):\(port) is not the service that the token is of: \(status.text); compare token and "
        + "address with what the administrator gave")
  }

  /// The error of a chain of the service that was refused.
  ///
  /// - Parameter what: whose chain it is, for example "the profile's chain".
  package init(_ refusal: CertificateRefusal, of what: String) {
    if let early = refusal.offset, early > 0 {
      self = .clock(
        "this machine's clock is \(early) seconds or more behind the service's: \(what) is not valid before; set it right"
      )
    } else if refusal.offset != nil {
      self = .untrusted(
        "\(what) is over by this machine's clock (\(refusal)); set the clock right where it is wrong, else ask for a new one"
      )
    } else {
      self = .untrusted("\(what) is refused: \(refusal)")
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
