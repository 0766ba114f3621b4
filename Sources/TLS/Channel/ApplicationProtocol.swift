import COpenSSL

/// The one application protocol of these connections (ALPN, RFC 7301); its name is the wire protocol's version.
enum ApplicationProtocol {
  static let name = "countersign/1"

  /// As in the extension: one byte of length, then the name.
  static let list = [UInt8(name.utf8.count)] + Array(name.utf8)

  /// Makes a server refuse clients without the protocol, and a client offer it.
  static func require(in context: OpaquePointer, isServer: Bool) -> Bool {
    guard isServer else {
      return SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0
    }
    SSL_CTX_set_client_hello_cb(context, refuseWithoutExtension, nil)
    SSL_CTX_set_alpn_select_cb(context, select, nil)
    return true
  }

  /// Whether both sides agreed on the protocol.
  static func isAgreed(_ ssl: OpaquePointer) -> Bool {
    var bytes: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &bytes, &count)
    return UnsafeBufferPointer(start: bytes, count: Int(count)).elementsEqual(name.utf8)
  }

  /// Without the extension OpenSSL never asks `select`, so its absence is refused before a signature is spent on it.
  private static let refuseWithoutExtension: SSL_client_hello_cb_fn = { ssl, alert, _ in
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    let type = UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation)
    if SSL_client_hello_get0_ext(ssl, type, &bytes, &count) == 1 { return SSL_CLIENT_HELLO_SUCCESS }
    ssl.flatMap(Session.owner)?.refusal = .noALPN
    alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
    return SSL_CLIENT_HELLO_ERROR
  }

  private static let select: SSL_CTX_alpn_select_cb_func = { ssl, chosen, chosenCount, offered, offeredCount, _ in
    var rest = UnsafeBufferPointer(start: offered, count: Int(offeredCount))[...]
    while let count = rest.popFirst(), rest.count >= Int(count) {
      let protocolName = rest.prefix(Int(count))
      if protocolName.elementsEqual(name.utf8) {
        chosen?.pointee = UnsafeBufferPointer(rebasing: protocolName).baseAddress
        chosenCount?.pointee = count
        return SSL_TLSEXT_ERR_OK
      }
      rest = rest.dropFirst(Int(count))
    }
    ssl.flatMap(Session.owner)?.refusal = .noALPN
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
}
