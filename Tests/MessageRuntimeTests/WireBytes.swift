/// Wire format written by hand (protobuf encoding, "Message Structure"), legal or not.
enum WireBytes {
  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func tag(_ field: UInt64, _ type: UInt64) -> [UInt8] { varint(field << 3 | type) }

  static func varintField(_ field: UInt64, _ value: UInt64) -> [UInt8] { tag(field, 0) + varint(value) }

  static func field(_ field: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    tag(field, 2) + varint(UInt64(bytes.count)) + bytes
  }

  static func field(_ field: UInt64, _ text: String) -> [UInt8] { self.field(field, [UInt8](text.utf8)) }

  /// `parts` times the same bytes.
  static func many(_ count: Int, _ part: [UInt8]) -> [UInt8] { (0..<count).flatMap { _ in part } }

  /// A tree of so many messages, each inside the one before; empty for none.
  static func tree(depth: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 1..<max(depth, 1) { bytes = field(1, bytes) }
    return bytes
  }
}
