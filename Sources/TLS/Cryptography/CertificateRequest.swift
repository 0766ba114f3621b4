import COpenSSL

/// A PKCS#10 request (RFC 2986) whose own signature is good: its maker holds the key.
///
/// Immutable after `init`, which is why it may be shared.
public final class CertificateRequest: @unchecked Sendable {
  private let handle: OpaquePointer
  public let publicKey: PublicKey

  /// - Throws: ``CryptographyError`` where the DER is wrong, has bytes behind it, its signature does not fit, or the key
  ///   is of a kind not allowed.
  public init(der: [UInt8]) throws(CryptographyError) {
    let handle = der.withUnsafeBufferPointer { der -> OpaquePointer? in
      var next = der.baseAddress
      guard let request = d2i_X509_REQ(nil, &next, der.count) else { return nil }
      guard next == der.baseAddress?.advanced(by: der.count) else {
        X509_REQ_free(request)
        return nil
      }
      return request
    }
    guard let handle else { throw .openSSL("is not exactly one certificate request in DER") }
    do throws(CryptographyError) {
      guard let key = X509_REQ_get_pubkey(handle) else {
        throw CryptographyError.openSSL("the request has no usable key")
      }
      publicKey = try PublicKey(owning: key)
      guard X509_REQ_verify(handle, publicKey.handle) == 1 else {
        throw CryptographyError.openSSL("the request is not signed with its own key")
      }
    } catch {
      X509_REQ_free(handle)
      throw error
    }
    self.handle = handle
  }

  deinit { X509_REQ_free(handle) }

  /// First common name of the subject, as its maker wrote it.
  public var commonName: String? { firstEntry(NID_commonName, of: X509_REQ_get_subject_name(handle)) }

  /// Makes a request.
  ///
  /// - Returns: DER.
  /// - Throws: ``CryptographyError`` where a name is too long for its field or the key refuses to sign.
  public static func make(
    key: PrivateKey, commonName: String, organisation: String?
  ) throws(CryptographyError) -> [UInt8] {
    guard let request = X509_REQ_new() else { throw .openSSL("making a request") }
    defer { X509_REQ_free(request) }
    let name = try makeName(commonName: commonName, organisation: organisation)
    defer { X509_NAME_free(name) }
    guard X509_REQ_set_version(request, 0) == 1, X509_REQ_set_subject_name(request, name) == 1,
      X509_REQ_set_pubkey(request, key.publicKey.handle) == 1
    else { throw .openSSL("making a request") }
    guard let context = EVP_MD_CTX_new() else { throw .openSSL("making a request") }
    defer { EVP_MD_CTX_free(context) }
    guard key.beginSigning(context), X509_REQ_sign_ctx(request, context) > 0 else {
      throw .openSSL("signing a request")
    }
    guard let der = encoded({ i2d_X509_REQ(request, $0) }) else { throw .openSSL("making a request") }
    return der
  }
}

/// A subject of organisation and common name, both UTF8String.
func makeName(commonName: String, organisation: String?) throws(CryptographyError) -> OpaquePointer {
  guard let name = X509_NAME_new() else { throw .openSSL("making a name") }
  func add(_ kind: Int32, _ value: String) -> Bool {
    let bytes = Array(value.utf8)
    return X509_NAME_add_entry_by_NID(name, kind, MBSTRING_UTF8, bytes, Int32(bytes.count), -1, 0) == 1
  }
  guard organisation.map({ add(NID_organizationName, $0) }) ?? true, add(NID_commonName, commonName) else {
    X509_NAME_free(name)
    throw .openSSL("\"\(commonName)\" or its organisation does not fit into a certificate's name (1 to 64 characters)")
  }
  return name
}
