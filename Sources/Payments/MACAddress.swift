/// Six bytes of a network interface, in transmission order.
///
/// Source: docs/security.md, "MAC address".
public struct MACAddress: Hashable, Sendable, BitwiseCopyable {
  /// The six bytes as one number, first byte most significant; the top two bytes are zero.
  public let value: UInt64

  /// - Returns: nil where `bytes` is not six bytes long, all zero, or a group address (lowest bit of the first byte).
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 6, let first = bytes.first, first & 1 == 0 else { return nil }
    let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard value != 0 else { return nil }
    self.value = value
  }

  /// Six bytes in transmission order.
  public var bytes: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: value >> (40 - 8 * UInt64($0))) } }
}

extension MACAddress: CustomStringConvertible {
  /// Hexadecimal with colons, for people only.
  public var description: String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined(separator: ":")
  }
}
