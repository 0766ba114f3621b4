import COpenSSL

extension PathRules {
  /// RFC 5280 section 4.2.1.6: letters of host names only, `*` only as the whole first label, one `@` in a mail name,
  /// addresses of 4 or 16 bytes; not critical beside a subject.
  static func alternativeNames(_ member: PathMember) throws(CertificateRefusal) {
    guard member.extension(NID_subject_alt_name) != nil else { return }
    let rule = "alternative names"
    guard !member.isCritical(NID_subject_alt_name) || X509_NAME_entry_count(X509_get_subject_name(member.handle)) == 0
    else { throw member.refusal(rule, "are critical although there is a subject") }
    for name in member.certificate.alternativeNames where !isWellFormed(name) {
      throw member.refusal(rule, "\"\(String(decoding: name.bytes, as: UTF8.self))\" is malformed")
    }
  }

  private static func isWellFormed(_ name: (kind: Int32, bytes: [UInt8])) -> Bool {
    let text = String(decoding: name.bytes, as: UTF8.self)
    switch name.kind {
    case GEN_DNS: return HostName.isValid(text, wildcard: true)
    case GEN_EMAIL:
      let parts = text.split(separator: "@", omittingEmptySubsequences: false)
      return parts.count == 2 && !parts[0].isEmpty && HostName.isValid(String(parts[1]))
    case GEN_IPADD: return name.bytes.count == 4 || name.bytes.count == 16
    default: return !name.bytes.isEmpty
    }
  }
}
