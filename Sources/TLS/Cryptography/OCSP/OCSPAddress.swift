/// Where an OCSP responder answers: `http://HOST[:PORT][/PATH]` (RFC 3986, RFC 6960 appendix A). Answers are signed, so
/// HTTP is enough; HTTPS would need another certificate whose status nobody could tell.
public struct OCSPAddress: Sendable, Hashable {
  /// As it was written.
  public let text: String
  /// Name or address; an IPv6 address without its brackets.
  public let host: String
  /// 80 where none is written.
  public let port: UInt16
  /// With its slash in front, and query; "/" where none is written.
  public let path: String

  /// Longest text.
  static let largest = 1_024

  /// - Returns: nil where the text has another form, a name and password, a fragment, or characters that a URI may not
  ///   have as they are.
  public init?(_ text: String) {
    let scheme = "http://"
    guard text.utf8.count <= Self.largest, text.utf8.allSatisfy(Self.isAllowed),
      text.prefix(scheme.count).lowercased() == scheme
    else { return nil }
    let rest = text.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard let (host, port) = Self.parse(authority) else { return nil }
    let path = rest[authority.endIndex...]
    self.text = text
    self.host = host
    self.port = port
    self.path = path.hasPrefix("/") ? String(path) : "/\(path)"
  }

  private static func parse(_ authority: Substring) -> (host: String, port: UInt16)? {
    var host = authority
    var port: UInt16 = 80
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
      (host, port) = (authority[..<colon], number)
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      let isAddress = host.utf8.allSatisfy { "0123456789abcdefABCDEF:.".utf8.contains($0) }
      return host.isEmpty || !isAddress ? nil : (String(host), port)
    }
    return HostName.isValid(String(host)) ? (String(host), port) : nil
  }

  /// Visible ASCII without what OpenSSL's extension texts and URIs give a meaning of its own.
  private static func isAllowed(_ byte: UInt8) -> Bool {
    (0x21...0x7e).contains(byte) && !",;#@\\\"<>^`{|}".utf8.contains(byte)
  }
}
