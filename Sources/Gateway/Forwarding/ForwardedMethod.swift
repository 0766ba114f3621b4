import CountersignRPC
import Messages

/// The methods that a gateway forwards, and no others. (Health is answered by the gateway itself.)
struct ForwardedMethod: Sendable {
  enum Kind: Sendable {
    /// Bytes through, unread.
    case plain
    /// The challenge in its reply is remembered.
    case beginLogin
    /// Checked and countersigned.
    case login
    /// The order may be checked against the company's rules.
    case payment
  }

  let path: String
  let kind: Kind

  static let all = [
    ForwardedMethod(path: CheckoutMethods.submitPayment, kind: .payment),
    ForwardedMethod(path: CheckoutMethods.beginLogin, kind: .beginLogin),
    ForwardedMethod(path: CheckoutMethods.login, kind: .login),
    ForwardedMethod(path: CheckoutMethods.issueIdentity, kind: .plain),
    ForwardedMethod(path: CheckoutMethods.getPayment, kind: .plain),
    ForwardedMethod(path: CheckoutMethods.logout, kind: .plain),
    ForwardedMethod(path: EnrolmentMethods.getSealingKey, kind: .plain),
    ForwardedMethod(path: EnrolmentMethods.enrol, kind: .plain),
    ForwardedMethod(path: EnrolmentMethods.renew, kind: .plain),
  ]

  /// Key of the metadata that names the terminal to the service.
  private static let terminalKey = "countersign-terminal"
  private static let paymentHeader = BatchConnection.Header(method: CheckoutMethods.submitPayment)

  /// The header for the service, without a timeout. Payments do not name the terminal: the session does.
  func header(for desk: Desk) -> BatchConnection.Header {
    if case .payment = kind { return Self.paymentHeader }
    let terminal = MetadataEntry(key: Self.terminalKey, value: Array(desk.address.utf8))
    return BatchConnection.Header(method: path, options: CallOptions(metadata: [terminal]))
  }
}

/// Hands one method of one event loop to the loop's gateway.
final class MethodForwarder: InLoopHandler {
  private let method: ForwardedMethod
  private let gateway: GatewayLoop
  /// One forwarder of each loop tells what concerns all methods.
  private let isLeading: Bool

  init(method: ForwardedMethod, gateway: GatewayLoop, isLeading: Bool) {
    self.method = method
    self.gateway = gateway
    self.isLeading = isLeading
  }

  func receive(_ call: InLoopCall, _ request: UnsafeRawBufferPointer) { gateway.receive(call, method, request) }

  func readComplete() { gateway.readComplete() }

  func cancelled(_ call: InLoopCall) { if isLeading { gateway.cancelled(call) } }

  func connectionClosed(_ connection: ConnectionRef) { if isLeading { gateway.connectionClosed(connection) } }

  func tick(now: UInt64) { if isLeading { gateway.tick(now: now) } }
}
