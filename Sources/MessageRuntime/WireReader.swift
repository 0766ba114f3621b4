import CProtobufC

/// How a value is written (protobuf encoding, "Message Structure"). Groups are not part of proto3.
enum WireType: UInt32 {
  case varint = 0
  case fixed64 = 1
  case bytes = 2
  case fixed32 = 5

  init(of type: ProtobufCType) {
    switch type {
    case PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE: self = .fixed64
    case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT: self = .fixed32
    default: self = .varint
    }
  }
}

/// Reads tags and values; every length is checked against what is left.
struct WireReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  /// Field number and wire type.
  mutating func tag() throws(DecodingFailure) -> (field: UInt32, type: WireType) {
    let tag = try varint()
    guard tag <= UInt64(UInt32.max), tag >> 3 > 0 else { throw DecodingFailure("has a field number out of range") }
    guard let type = WireType(rawValue: UInt32(tag & 7)) else {
      throw DecodingFailure("has a field of wire type \(tag & 7), which proto3 does not know")
    }
    return (UInt32(tag >> 3), type)
  }

  /// Passes over a value; the bytes of a length-delimited one, else nothing.
  mutating func value(_ type: WireType) throws(DecodingFailure) -> UnsafeRawBufferPointer {
    switch type {
    case .varint:
      _ = try varint()
      return UnsafeRawBufferPointer(start: nil, count: 0)
    case .fixed64: return try take(8)
    case .fixed32: return try take(4)
    case .bytes: return try take(try varint())
    }
  }

  private mutating func take(_ count: UInt64) throws(DecodingFailure) -> UnsafeRawBufferPointer {
    guard count <= UInt64(bytes.count - offset) else { throw DecodingFailure("ends in the middle of a field") }
    defer { offset += Int(count) }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
  }

  /// At most ten bytes; the tenth may only be 1.
  private mutating func varint() throws(DecodingFailure) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      guard offset < bytes.count else { throw DecodingFailure("ends in the middle of a number") }
      let byte = bytes[offset]
      offset += 1
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw DecodingFailure("has a number of more than 64 bits")
  }
}

extension UnsafeRawBufferPointer {
  /// UTF-8 (RFC 3629) without the character NUL, which would end a C string.
  var isTextWithoutNUL: Bool {
    var index = 0
    while index < count {
      if index + 8 <= count, loadUnaligned(fromByteOffset: index, as: UInt64.self).isASCIIWithoutNUL {
        index += 8
        continue
      }
      let byte = self[index]
      if byte < 0x80 {
        guard byte != 0 else { return false }
        index += 1
        continue
      }
      guard let length = lengthOfScalar(at: index) else { return false }
      index += length
    }
    return true
  }

  /// Bytes of the scalar that begins at `index` with a byte of 0x80 or more; nil where it is not well-formed
  /// (Unicode 15, table 3-7).
  private func lengthOfScalar(at index: Int) -> Int? {
    let (length, second): (Int, ClosedRange<UInt8>)
    switch self[index] {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard count - index >= length, second.contains(self[index + 1]) else { return nil }
    for next in (index + 2)..<(index + length) where !(0x80...0xBF).contains(self[next]) { return nil }
    return length
  }
}

extension UInt64 {
  /// Whether all eight bytes lie between 1 and 127: taking 1 from each sets a high bit where one was zero.
  fileprivate var isASCIIWithoutNUL: Bool { (self | (self &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0 }
}
