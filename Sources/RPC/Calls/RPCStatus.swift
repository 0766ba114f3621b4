import Wire

/// Why a call did not succeed. Thrown by services and by clients; its public parts travel in `ResponseHeader`.
public struct RPCStatus: Error, Sendable, Equatable {
  /// A wrong field of the request (google.rpc.BadRequest).
  public struct Violation: Sendable, Equatable {
    /// Path of the field, for example "order.amount".
    public var field: String
    /// What was wrong and what to do.
    public var description: String

    /// Makes a violation of one field.
    public init(field: String, description: String) {
      self.field = field
      self.description = description
    }
  }

  /// Never `ok`.
  public var code: StatusCode
  /// For people: English, no secrets, at most 1,024 bytes.
  public var text: String
  /// Stable reason in UPPER_SNAKE_CASE (google.rpc.ErrorInfo); the table stands in proto/PROTOCOL.md.
  public var reason: String?
  /// Facts about the refusal (google.rpc.ErrorInfo), for example `["limit": "64"]`.
  public var facts: [String: String]
  /// Shortest time to wait before another try, in milliseconds (google.rpc.RetryInfo).
  public var retryAfterMilliseconds: UInt64?
  /// Wrong fields of the request (google.rpc.BadRequest).
  public var violations: [Violation]
  /// Client side: whether the server may have acted on the request. False: nothing was sent, or the server said that
  /// it did not process it, so nothing happened. True with `unavailable` or `deadlineExceeded`: the outcome is unknown. Does not travel.
  public var wasSent: Bool

  /// Makes a status; `reason` is left out only where the peer gave none.
  public init(
    _ code: StatusCode, _ text: String, reason: String? = nil, facts: [String: String] = [:],
    retryAfterMilliseconds: UInt64? = nil, violations: [Violation] = [], wasSent: Bool = true
  ) {
    self.code = code
    self.text = text
    self.reason = reason
    self.facts = facts
    self.retryAfterMilliseconds = retryAfterMilliseconds
    self.violations = violations
    self.wasSent = wasSent
  }
}

extension RPCStatus {
  /// `INVALID_ARGUMENT` that names one field.
  public static func invalidField(_ field: String, _ description: String) -> RPCStatus {
    RPCStatus(
      .invalidArgument, "\(field): \(description)", reason: "INVALID_FIELD",
      violations: [Violation(field: field, description: description)])
  }

  /// `INTERNAL` with a fixed public text; the cause belongs in the log.
  public static var internalError: RPCStatus {
    RPCStatus(.internal, "the server failed; its log has the cause", reason: "INTERNAL")
  }

  /// `CANCELLED`: the caller gave the call up.
  public static var cancelled: RPCStatus {
    RPCStatus(.cancelled, "the call was cancelled", reason: "CANCELLED")
  }

  /// `DEADLINE_EXCEEDED`: the call's time ran out.
  public static var deadlineExceeded: RPCStatus {
    RPCStatus(.deadlineExceeded, "the call's time ran out", reason: "DEADLINE_EXCEEDED")
  }

  /// `UNIMPLEMENTED`: the server has no such method.
  public static var methodUnknown: RPCStatus {
    RPCStatus(.unimplemented, "this server has no such method", reason: "METHOD_UNKNOWN")
  }

  /// `UNAVAILABLE`: the server is stopping.
  public static var shuttingDown: RPCStatus {
    RPCStatus(.unavailable, "the server is stopping", reason: "SHUTTING_DOWN")
  }
}

extension RPCStatus: CustomStringConvertible {
  /// Code, reason and text, for example `NOT_FOUND (PAYMENT_NOT_FOUND): no such payment`.
  public var description: String {
    "\(code.name)\(reason.map { " (\($0))" } ?? ""): \(text)"
  }
}

extension RPCStatus {
  static var tooManyOpenCalls: RPCStatus {
    RPCStatus(
      .resourceExhausted, "too many open calls on this connection", reason: "TOO_MANY_OPEN_CALLS",
      retryAfterMilliseconds: CallLimits.retryAfterMilliseconds)
  }

  static func replyTooLarge(_ length: Int, limit: UInt32) -> RPCStatus {
    RPCStatus(
      .resourceExhausted, "a reply of \(length) bytes; the client accepts \(limit)", reason: "REPLY_TOO_LARGE")
  }

  static func messageInvalid(_ text: String) -> RPCStatus {
    RPCStatus(.invalidArgument, text, reason: "MESSAGE_INVALID")
  }
}
