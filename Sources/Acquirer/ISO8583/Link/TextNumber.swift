/// Short ASCII text in a number, first character most significant, zero where unused: keys that cost no allocation.
enum TextNumber {
  /// - Returns: nil where `bytes` are none, too many, or not printable ASCII.
  static func pack(_ bytes: some Collection<UInt8>, limit: Int) -> UInt64? {
    guard (1...limit).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    return bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
  }

  /// Text without the spaces that fill it up.
  static func packPadded(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var count = min(bytes.count, 8)
    while count > 0, bytes[count - 1] == UInt8(ascii: " ") { count -= 1 }
    return bytes[..<count].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Digits as a number, whatever else is there; at most 18 digits.
  static func digits(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    bytes.prefix(18).reduce(0) { $0 * 10 + UInt64($1 & 15) }
  }

  /// Appends the characters of a number.
  static func append(_ value: UInt64, of count: Int = 8, to output: inout [UInt8]) {
    for index in (0..<UInt64(count)).reversed() {
      let byte = UInt8(truncatingIfNeeded: value >> (8 * index))
      if byte != 0 { output.append(byte) }
    }
  }

  /// Appends a number as digits with leading zeros.
  static func append(digits value: UInt64, count: Int, to output: inout [UInt8]) {
    var divisor: UInt64 = 1
    for _ in 1..<max(1, count) { divisor *= 10 }
    while divisor > 0 {
      output.append(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
  }
}
