import COpenSSL

/// The nonce of a request and of its answer (RFC 9654): 1 to 128 bytes as an OCTET STRING.
enum OCSPNonce {
  /// Bytes that a client sends; RFC 9654 section 2.1 wants at least so many.
  static let count = 32
  static let largest = 128

  /// The nonce in the value of its extension.
  ///
  /// - Returns: nil where it is no OCTET STRING of 1 to 128 bytes, or has bytes behind it.
  static func contents(of part: OpaquePointer?) -> [UInt8]? {
    guard let value = X509_EXTENSION_get_data(part) else { return nil }
    let count = Int(ASN1_STRING_length(value))
    guard let start = ASN1_STRING_get0_data(value) else { return nil }
    var next: UnsafePointer<UInt8>? = start
    guard let octets = d2i_ASN1_OCTET_STRING(nil, &next, count) else { return nil }
    defer { ASN1_OCTET_STRING_free(octets) }
    let length = Int(ASN1_STRING_length(octets))
    guard next == start.advanced(by: count), (1...largest).contains(length) else { return nil }
    return [UInt8](UnsafeBufferPointer(start: ASN1_STRING_get0_data(octets), count: length))
  }
}
