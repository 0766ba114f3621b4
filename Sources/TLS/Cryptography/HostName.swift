import Glibc

/// Host names as certificates may hold them (RFC 5280 section 4.2.1.6, RFC 1123 section 2.1).
public enum HostName {
  /// Labels of 1 to 63 letters, digits and inner hyphens, at most 253 bytes together.
  ///
  /// - Parameter wildcard: `*` may stand as the whole first label, with others after it (RFC 6125 section 6.4.3).
  public static func isValid(_ name: String, wildcard: Bool = false) -> Bool {
    let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let hasWildcard = wildcard && labels.count > 1 && labels[0].elementsEqual("*".utf8)
    return name.utf8.count <= 253 && labels.dropFirst(hasWildcard ? 1 : 0).allSatisfy(isLabel)
  }

  /// Whether it is an IPv4 or IPv6 address.
  public static func isAddress(_ text: String) -> Bool {
    var room = in6_addr()
    return inet_pton(AF_INET, text, &room) == 1 || inet_pton(AF_INET6, text, &room) == 1
  }

  /// Whether it is what can be connected to: an address, or a name whose last label is no number (RFC 1123 section 2.1), as
  /// that of a mistyped address is.
  public static func isHost(_ text: String) -> Bool {
    guard !isAddress(text) else { return true }
    let last = text.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
    return isValid(text) && !last.allSatisfy(\.isNumber)
  }

  /// Text of the 4 or 16 bytes of an iPAddress; nil where there are others.
  static func address(_ bytes: [UInt8]) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Whether a wildcard name stands for `host` too, among others. Capitals do not matter.
  static func wildcard(_ name: String, spans host: String) -> Bool {
    guard name.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
    return name.dropFirst().lowercased() == host[dot...].lowercased()
  }

  private static let hyphen = UInt8(ascii: "-")

  private static func isLabel(_ label: Substring.UTF8View.SubSequence) -> Bool {
    (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen && label.allSatisfy(isAllowed)
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen:
      true
    default: false
    }
  }
}
