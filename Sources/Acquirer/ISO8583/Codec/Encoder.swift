extension FieldTable {
  /// Appends a message: type, bitmaps, fields in rising order.
  ///
  /// Digits of a fixed field are filled up with zeros on the left, text with spaces on the right.
  ///
  /// - Throws: ``CodecError`` with the field's path; what was appended so far stays.
  public func encode(_ message: Message, into output: inout [UInt8]) throws(CodecError) {
    encodeType(message.type, into: &output)
    var (primary, secondary) = message.present
    if secondary != 0 { primary |= 1 << 63 }
    encodeBitmap(primary, into: &output)
    if secondary != 0 { encodeBitmap(secondary, into: &output) }
    primary &= ~(1 << 63)
    while primary != 0 {
      let bit = primary.leadingZeroBitCount
      primary &= ~(1 << UInt64(63 - bit))
      try encodeField(bit + 1, message, into: &output)
    }
    while secondary != 0 {
      let bit = secondary.leadingZeroBitCount
      secondary &= ~(1 << UInt64(63 - bit))
      try encodeField(bit + 65, message, into: &output)
    }
  }

  private func encodeType(_ type: UInt16, into output: inout [UInt8]) {
    switch typeEncoding {
    case .ascii: for divisor in Self.divisors(4) { output.append(0x30 + Self.digit(Int(type), divisor)) }
    case .bcd:
      output.append(Self.digit(Int(type), 1_000) << 4 | Self.digit(Int(type), 100))
      output.append(Self.digit(Int(type), 10) << 4 | Self.digit(Int(type), 1))
    }
  }

  private func encodeBitmap(_ bitmap: UInt64, into output: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) {
      let byte = UInt8(truncatingIfNeeded: bitmap >> UInt64(shift))
      switch bitmapEncoding {
      case .binary: output.append(byte)
      case .hex: Self.appendHex(byte, to: &output)
      }
    }
  }

  private func encodeField(_ field: Int, _ message: Message, into output: inout [UInt8]) throws(CodecError) {
    guard let format = self[field] else { throw CodecError(.field(field), .undefined) }
    let result = message.withBytes(of: field) { value in
      Result { () throws(CodecError) in try Self.encode(value, format, field, into: &output) }
    }
    try result.get()
  }

  private static func encode(
    _ value: UnsafeRawBufferPointer, _ format: FieldFormat, _ field: Int, into output: inout [UInt8]
  ) throws(CodecError) {
    for index in value.indices where !format.allows(value[index], at: index) {
      throw CodecError(.field(field), .character(at: index))
    }
    guard value.count <= format.length else {
      throw CodecError(.field(field), .tooLong(value.count, limit: format.length))
    }
    var fill = 0
    if format.isFixed {
      fill = format.length - value.count
      let mayFill = format.content != .binary && format.content != .signed && format.content != .track
      guard fill == 0 || mayFill else {
        throw CodecError(.field(field), .wrongLength(value.count, expected: format.length))
      }
    } else {
      appendLength(format.encoding == .hex ? value.count * 2 : value.count, format.prefix, to: &output)
    }
    switch format.encoding {
    case .ascii:
      if format.content == .digits { output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: fill)) }
      output.append(contentsOf: value)
      if format.content != .digits { output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: fill)) }
    case .binary: output.append(contentsOf: value)
    case .hex: for byte in value { appendHex(byte, to: &output) }
    case .bcd: appendBCD(value, zeros: fill, isRight: false, to: &output)
    case .bcdRight: appendBCD(value, zeros: fill, isRight: true, to: &output)
    }
  }

  /// - Parameter zeros: digits 0 to put before `value`.
  private static func appendBCD(
    _ value: UnsafeRawBufferPointer, zeros: Int, isRight: Bool, to output: inout [UInt8]
  ) {
    let count = zeros + value.count
    let pad = count & 1
    func nibble(_ index: Int) -> UInt8 {
      let place = index - (isRight ? 0 : pad)
      if place < 0 { return 0 }
      if place >= count { return 0xF }
      if place < zeros { return 0 }
      let byte = value[place - zeros]
      return byte == UInt8(ascii: "=") || byte == UInt8(ascii: "D") ? 0xD : byte & 0xF
    }
    for index in stride(from: 0, to: count + pad, by: 2) { output.append(nibble(index) << 4 | nibble(index + 1)) }
  }

  private static func appendLength(_ length: Int, _ prefix: FieldFormat.Prefix, to output: inout [UInt8]) {
    let lowest = digit(length, 10) << 4 | digit(length, 1)
    switch prefix {
    case .none: break
    case .ll: for divisor in divisors(2) { output.append(0x30 + digit(length, divisor)) }
    case .lll: for divisor in divisors(3) { output.append(0x30 + digit(length, divisor)) }
    case .llBCD: output.append(lowest)
    case .lllBCD:
      output.append(digit(length, 100))
      output.append(lowest)
    case .llBinary: output.append(UInt8(truncatingIfNeeded: length))
    case .lllBinary:
      output.append(UInt8(truncatingIfNeeded: length >> 8))
      output.append(UInt8(truncatingIfNeeded: length))
    }
  }

  private static func appendHex(_ byte: UInt8, to output: inout [UInt8]) {
    output.append(hexDigit(byte >> 4))
    output.append(hexDigit(byte & 15))
  }

  private static func hexDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x41 + nibble - 10 }

  private static func digit(_ value: Int, _ divisor: Int) -> UInt8 { UInt8(truncatingIfNeeded: value / divisor % 10) }

  /// Of so many digits, highest first.
  private static func divisors(_ count: Int) -> ArraySlice<Int> { powers.suffix(count) }
  private static let powers = [1_000, 100, 10, 1]
}
