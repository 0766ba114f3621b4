import CountersignRPC
import Messages

/// Why a terminal could not do what was asked. Each names what was wrong and what to do.
public enum TerminalError: Error, Sendable, CustomStringConvertible {
  /// The terminal is not enrolled, a file of it is missing or damaged, or a key is not its certificate's.
  case folder(String)
  /// No usable network interface.
  case interface(String)
  /// The profile, sealing key or certificate chain is not the pinned service's.
  case untrusted(String)
  /// This machine's clock is not right.
  case clock(String)
  /// The consultant's or company's key could not be opened.
  case key(String)
  /// The service refused; nothing was charged.
  case refused(RPCStatus)
  /// The service could not be reached; nothing was sent.
  case unreachable(String)
  /// A payment whose outcome is not known yet; ask again with its key.
  case outcomeUnknown(key: [UInt8], String)
  /// A request that cannot be sent as it is.
  case invalid(field: String, String)
  /// The session is over; log in again.
  case sessionOver(String)

  /// Whether it is certain that nothing happened at the service.
  public var isWithoutEffect: Bool {
    switch self {
    case .refused(let status):
      ["STORE_UNAVAILABLE", "LEDGER_UNCONFIRMED"].contains(status.reason)
        || ![StatusCode.unavailable, .deadlineExceeded, .cancelled, .unknown, .internal].contains(status.code)
    case .unreachable: true
    default: false
    }
  }

  public var description: String {
    switch self {
    case .folder(let text), .interface(let text), .untrusted(let text), .clock(let text), .key(let text),
      .unreachable(let text), .sessionOver(let text):
      text
    case .refused(let status): "refused: \(status)\(Self.fields(of: status))"
    case .outcomeUnknown(_, let text): text
    case .invalid(let field, let text): "\(field): \(text)"
    }
  }

  private static func fields(of status: RPCStatus) -> String {
    status.violations.filter { !status.text.contains($0.description) }.map { "; \($0.field): \($0.description)" }
      .joined()
  }
}
