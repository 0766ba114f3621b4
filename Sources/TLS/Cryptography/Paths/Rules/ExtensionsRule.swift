import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.2: no extension comes twice, and each known one is exactly DER of its kind.
  static func extensions(_ member: PathMember) throws(CertificateRefusal) {
    defer { takeErrors() }
    var seen: Set<[UInt8]> = []
    for place in 0..<max(0, X509_get_ext_count(member.handle)) {
      let part = X509_get_ext(member.handle, place)
      let object = X509_EXTENSION_get_object(part)
      let identifier = [UInt8](UnsafeBufferPointer(start: OBJ_get0_data(object), count: OBJ_length(object)))
      guard seen.insert(identifier).inserted else {
        throw member.refusal("extensions", "\(dotted(object)) comes twice")
      }
      guard countersign_extension_is_exact(part) == 1 else {
        throw member.refusal("extensions", "\(dotted(object)) is malformed")
      }
    }
    guard X509_get_extension_flags(member.handle) & UInt32(EXFLAG_INVALID) == 0 else {
      throw member.refusal("extensions", "an extension is malformed")
    }
  }
}

/// An object identifier in its dotted form.
func dotted(_ object: OpaquePointer?) -> String {
  var text = [CChar](repeating: 0, count: 256)
  OBJ_obj2txt(&text, Int32(text.count), object, 1)
  return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
