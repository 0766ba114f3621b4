import CountersignRPC
import Payments

/// Why the gateway itself refuses a call. Raw values are the stable reasons of `proto/PROTOCOL.md`, those of the service
/// where it would say the same.
public enum GatewayReason: String, Sendable, CaseIterable {
  case upstreamLost = "UPSTREAM_LOST"
  case gatewayBusy = "GATEWAY_BUSY"
  case loginUnderWay = "LOGIN_UNDER_WAY"
  case requestTooLarge = "REQUEST_TOO_LARGE"
  case messageInvalid = "MESSAGE_INVALID"
  case challengeInvalid = "CHALLENGE_INVALID"
  case wrongDestination = "WRONG_DESTINATION"
  case certificateRefused = "CERTIFICATE_REFUSED"
  case signatureInvalid = "SIGNATURE_INVALID"
  case wrongCompany = "WRONG_COMPANY"

  /// Status code that goes with the reason.
  public var code: StatusCode {
    switch self {
    case .upstreamLost: .unavailable
    case .gatewayBusy, .loginUnderWay: .resourceExhausted
    case .requestTooLarge, .messageInvalid: .invalidArgument
    case .challengeInvalid, .certificateRefused, .signatureInvalid: .unauthenticated
    case .wrongDestination: .failedPrecondition
    case .wrongCompany: .permissionDenied
    }
  }

  /// What the terminal is told.
  var text: String {
    switch self {
    case .upstreamLost: "the gateway has no connection to the service; try again later"
    case .gatewayBusy: "too many calls wait at the gateway; try again later"
    case .loginUnderWay: "a login of this connection is being checked; try again later"
    case .requestTooLarge: "the service takes no request of this size"
    case .messageInvalid: "the message breaks the decoding rules"
    case .challengeInvalid:
      "the challenge was not fetched on this connection of the gateway, is too old or was used; begin the login again"
    case .wrongDestination: "the statement names another service than the gateway's"
    case .certificateRefused: "the consultant's certificate was refused; the gateway's log has the rule"
    case .signatureInvalid: "the consultant's signature does not fit the statement and certificate"
    case .wrongCompany: "the consultant is not of this gateway's company"
    }
  }

  /// Shortest time to wait before another try, in milliseconds; nil where another try cannot help.
  var retryAfterMilliseconds: UInt64? {
    switch self {
    case .upstreamLost: 500
    case .gatewayBusy, .loginUnderWay: 50
    case .challengeInvalid: 0
    default: nil
    }
  }

  /// The status that the terminal gets.
  public var status: RPCStatus {
    RPCStatus(code, text, reason: rawValue, retryAfterMilliseconds: retryAfterMilliseconds)
  }
}

extension PolicyRefusal {
  /// The status that the terminal gets from the gateway.
  var status: RPCStatus {
    RPCStatus(
      .permissionDenied, text, reason: reason,
      violations: violation.map { [RPCStatus.Violation(field: $0.field, description: $0.description)] } ?? [])
  }
}

/// A refusal with its two audiences: the reason for the terminal, the cause for the log.
struct GatewayRefusal: Error {
  let reason: GatewayReason
  let cause: String

  init(_ reason: GatewayReason, cause: String) {
    self.reason = reason
    self.cause = cause
  }
}
