import COpenSSL

/// One certificate at its place in a path.
struct PathMember {
  /// What a certificate is to a path.
  enum Place {
    case leaf, between, anchor
  }

  let certificate: Certificate
  /// 0 for the leaf.
  let index: Int
  let place: Place

  var handle: OpaquePointer { certificate.handle }

  /// The certificate's extension of one kind; nil where it has none.
  func `extension`(_ kind: Int32) -> OpaquePointer? {
    let place = X509_get_ext_by_NID(handle, kind, -1)
    return place < 0 ? nil : X509_get_ext(handle, place)
  }

  /// Whether the certificate has an extension of this kind and it is critical.
  func isCritical(_ kind: Int32) -> Bool { `extension`(kind).map { X509_EXTENSION_get_critical($0) == 1 } ?? false }

  func refusal(_ rule: String, _ text: String) -> CertificateRefusal { CertificateRefusal(rule, index, text) }
}
