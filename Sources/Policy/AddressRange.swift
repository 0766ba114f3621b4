import Bytes
import Glibc

/// Addresses with a common beginning, for example "192.0.2.0/24", "2001:db8::/32", or one address alone.
public struct AddressRange: Sendable, Equatable {
  /// IPv4 as IPv6 has it: ::ffff:192.0.2.0.
  private let first: UInt128
  /// One bit for each bit of the common beginning.
  private let mask: UInt128

  /// - Returns: nil where the text is no address or range, or an address has bits behind the common beginning.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let address = Self.number(String(parts[0])) else { return nil }
    let isOld = !parts[0].contains(":")
    let largest = isOld ? 32 : 128
    var length = largest
    if parts.count == 2 {
      guard let given = Int(digits: parts[1]), given <= largest else {
        return nil
      }
      length = given
    }
    let bits = length + (isOld ? 96 : 0)
    mask = bits == 0 ? 0 : UInt128.max << UInt128(128 - bits)
    guard address & mask == address else { return nil }
    first = address
  }

  /// Whether a numeric address lies in the range; what is no address lies in none.
  public func contains(_ address: String) -> Bool {
    guard let number = Self.number(address) else { return false }
    return number & mask == first
  }

  /// Whether the text is one numeric address.
  public static func isAddress(_ text: String) -> Bool { number(text) != nil }

  private static func number(_ text: String) -> UInt128? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET6, text, &bytes) != 1 {
      var old = [UInt8](repeating: 0, count: 4)
      guard inet_pton(AF_INET, text, &old) == 1 else { return nil }
      bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] + old
    }
    return bytes.reduce(0) { $0 << 8 | UInt128($1) }
  }
}
