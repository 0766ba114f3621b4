import COpenSSL

/// What is spoken over a TLS connection; both sides agree on it in the handshake (ALPN, RFC 7301), so that bytes for one
/// port cannot be led to another.
public struct ApplicationProtocol: Sendable, Equatable {
  /// The registered or private name, 1 to 255 bytes.
  public let name: String
  /// Whether a peer that offers no protocol at all is refused too.
  let isRequired: Bool

  /// Calls and payments; its name is the wire protocol's version.
  public static let countersign = ApplicationProtocol(name: "countersign/1", isRequired: true)
  /// HTTP/1.1 (RFC 9112). A server also takes clients that offer nothing, as HTTP clients may (RFC 9110 section 4.3.3);
  /// those of this package offer it and demand it.
  public static let http = ApplicationProtocol(name: "http/1.1", isRequired: false)

  /// As in the extension: one byte of length, then the name.
  private var list: [UInt8] { [UInt8(name.utf8.count)] + Array(name.utf8) }

  /// Makes a server refuse clients without the protocol, and a client offer it.
  func install(in context: OpaquePointer, isServer: Bool) -> Bool {
    guard isServer else {
      return SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0
    }
    if isRequired { SSL_CTX_set_client_hello_cb(context, Self.refuseWithoutExtension, nil) }
    SSL_CTX_set_alpn_select_cb(context, Self.select, nil)
    return true
  }

  /// Whether both sides agreed on the protocol.
  func isAgreed(_ ssl: OpaquePointer, isServer: Bool) -> Bool {
    var bytes: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &bytes, &count)
    // A server that gets here without one was offered none: `select` refuses all others.
    if count == 0 { return isServer && !isRequired }
    return UnsafeBufferPointer(start: bytes, count: Int(count)).elementsEqual(name.utf8)
  }

  /// Without the extension OpenSSL never asks `select`, so its absence is refused before a signature is spent on it.
  private static let refuseWithoutExtension: SSL_client_hello_cb_fn = { ssl, alert, _ in
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    let type = UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation)
    if SSL_client_hello_get0_ext(ssl, type, &bytes, &count) == 1 { return SSL_CLIENT_HELLO_SUCCESS }
    ssl.flatMap(Session.owner)?.refuseProtocol()
    alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
    return SSL_CLIENT_HELLO_ERROR
  }

  private static let select: SSL_CTX_alpn_select_cb_func = { ssl, chosen, chosenCount, offered, offeredCount, _ in
    guard let session = ssl.flatMap(Session.owner) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    var rest = UnsafeBufferPointer(start: offered, count: Int(offeredCount))[...]
    while let count = rest.popFirst(), rest.count >= Int(count) {
      let protocolName = rest.prefix(Int(count))
      if let wanted = session.applicationProtocol, protocolName.elementsEqual(wanted.name.utf8) {
        chosen?.pointee = UnsafeBufferPointer(rebasing: protocolName).baseAddress
        chosenCount?.pointee = count
        return SSL_TLSEXT_ERR_OK
      }
      rest = rest.dropFirst(Int(count))
    }
    session.refuseProtocol()
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
}
