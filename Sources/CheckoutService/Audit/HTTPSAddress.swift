import Cryptography

/// An address that heads are posted to: `https://HOST[:PORT][/PATH]`.
struct HTTPSAddress: Sendable, Hashable {
  /// As it was written.
  let text: String
  /// Name or address; an IPv6 address without its brackets.
  let host: String
  /// 443 where none is written.
  let port: UInt16
  /// With its slash in front, and query; "/" where none is written.
  let path: String

  /// - Returns: nil where the text has another form.
  init?(_ text: String) {
    let scheme = "https://"
    guard text.prefix(scheme.count).lowercased() == scheme else { return nil }
    let rest = text.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let hasPort = authority.contains(":") && !authority.hasSuffix("]")
    // The same rules for host, port and path as those of OCSP responders' addresses.
    guard let parts = OCSPAddress("http://\(authority)\(hasPort ? "" : ":443")\(rest[authority.endIndex...])") else {
      return nil
    }
    self.text = text
    (host, port, path) = (parts.host, parts.port, parts.path)
  }
}
