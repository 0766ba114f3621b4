import Bytes
import CountersignRPC
import Cryptography
import Messages

/// What a company allows its consultants. The gateway asks before it countersigns a login and before it forwards a
/// payment; the service applies its own rules again.
public protocol CompanyRules: Sendable {
  /// Why a login is not countersigned; nil: it is.
  ///
  /// - Parameters:
  ///   - consultant: the verified leaf of the consultant.
  ///   - now: milliseconds since 1970-01-01T00:00:00Z.
  func refusal(consultant: Certificate, now: Int64) -> RPCStatus?

  /// Why a payment is not forwarded; nil: it is.
  ///
  /// - Parameters:
  ///   - order: as it stands in clear in the request; the service alone knows whether it was really sealed so.
  ///   - now: milliseconds since 1970-01-01T00:00:00Z.
  func refusal(order: PaymentOrder, now: Int64) -> RPCStatus?
}
