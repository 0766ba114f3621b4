extension FieldTable {
  /// Reads one message, all of `bytes`, into `message`, whose former contents are erased.
  ///
  /// Values come out as they stand in the message, with what fills fixed fields up.
  ///
  /// - Throws: ``CodecError`` with the field's path; `message` is then empty or partly read.
  public func decode(_ bytes: UnsafeRawBufferPointer, into message: inout Message) throws(CodecError) {
    message.erase()
    var reader = Reader(bytes: bytes)
    message.type = try decodeType(&reader)
    var primary = try decodeBitmap(&reader, .bitmap)
    let hasSecondary = primary >> 63 == 1
    var secondary = hasSecondary ? try decodeBitmap(&reader, .secondaryBitmap) : 0
    primary &= ~(1 << 63)
    while primary != 0 {
      let bit = primary.leadingZeroBitCount
      primary &= ~(1 << UInt64(63 - bit))
      try decodeField(bit + 1, &reader, into: &message)
    }
    while secondary != 0 {
      let bit = secondary.leadingZeroBitCount
      secondary &= ~(1 << UInt64(63 - bit))
      try decodeField(bit + 65, &reader, into: &message)
    }
    guard reader.left == 0 else { throw CodecError(.end, .trailing(reader.left)) }
  }

  private func decodeType(_ reader: inout Reader) throws(CodecError) -> UInt16 {
    var type: UInt16 = 0
    switch typeEncoding {
    case .ascii:
      for (index, byte) in try reader.take(4, .messageType).enumerated() {
        guard byte &- 0x30 < 10 else { throw CodecError(.messageType, .character(at: index)) }
        type = type * 10 + UInt16(byte - 0x30)
      }
    case .bcd:
      for (index, byte) in try reader.take(2, .messageType).enumerated() {
        guard byte >> 4 < 10, byte & 15 < 10 else { throw CodecError(.messageType, .character(at: index * 2)) }
        type = type * 100 + UInt16(byte >> 4) * 10 + UInt16(byte & 15)
      }
    }
    return type
  }

  private func decodeBitmap(_ reader: inout Reader, _ place: CodecError.Place) throws(CodecError) -> UInt64 {
    switch bitmapEncoding {
    case .binary: return try reader.take(8, place).reduce(0) { $0 << 8 | UInt64($1) }
    case .hex:
      var bitmap: UInt64 = 0
      for (index, byte) in try reader.take(16, place).enumerated() {
        guard let nibble = Self.hexValue(byte) else { throw CodecError(place, .character(at: index)) }
        bitmap = bitmap << 4 | UInt64(nibble)
      }
      return bitmap
    }
  }

  private func decodeField(_ field: Int, _ reader: inout Reader, into message: inout Message) throws(CodecError) {
    guard let format = self[field] else { throw CodecError(.field(field), .undefined) }
    let counted = format.isFixed ? format.length : try Self.decodeLength(&reader, format, field)
    let count: Int
    switch format.encoding {
    case .ascii, .binary: count = counted
    case .bcd, .bcdRight: count = (counted + 1) / 2
    case .hex: count = format.isFixed ? counted * 2 : counted
    }
    let bytes = try reader.take(count, .field(field))
    try message.append(field) { (output: inout [UInt8]) throws(CodecError) in
      try Self.decode(bytes, counted, format, field, into: &output)
    }
  }

  /// The length that a prefix tells, in what it counts.
  private static func decodeLength(
    _ reader: inout Reader, _ format: FieldFormat, _ field: Int
  ) throws(CodecError) -> Int {
    let bytes = try reader.take(format.prefix.size, .length(field))
    var length = 0
    switch format.prefix {
    case .none: break
    case .ll, .lll:
      for byte in bytes {
        guard byte &- 0x30 < 10 else { throw CodecError(.length(field), .lengthNotANumber) }
        length = length * 10 + Int(byte - 0x30)
      }
    case .llBCD, .lllBCD:
      for byte in bytes {
        guard byte >> 4 < 10, byte & 15 < 10 else { throw CodecError(.length(field), .lengthNotANumber) }
        length = length * 100 + Int(byte >> 4) * 10 + Int(byte & 15)
      }
    case .llBinary, .lllBinary: length = bytes.reduce(0) { $0 << 8 | Int($1) }
    }
    let limit = format.encoding == .hex ? format.length * 2 : format.length
    guard length <= limit else { throw CodecError(.length(field), .tooLong(length, limit: limit)) }
    guard format.encoding != .hex || length & 1 == 0 else { throw CodecError(.length(field), .padding) }
    return length
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ counted: Int, _ format: FieldFormat, _ field: Int, into output: inout [UInt8]
  ) throws(CodecError) {
    switch format.encoding {
    case .ascii, .binary:
      for index in bytes.indices where !format.allows(bytes[index], at: index) {
        throw CodecError(.field(field), .character(at: index))
      }
      output.append(contentsOf: bytes)
    case .hex:
      for index in stride(from: 0, to: bytes.count - 1, by: 2) {
        guard let high = hexValue(bytes[index]), let low = hexValue(bytes[index + 1]) else {
          throw CodecError(.field(field), .character(at: index))
        }
        output.append(high << 4 | low)
      }
    case .bcd, .bcdRight: try decodeBCD(bytes, counted, format, field, into: &output)
    }
  }

  private static func decodeBCD(
    _ bytes: UnsafeRawBufferPointer, _ count: Int, _ format: FieldFormat, _ field: Int, into output: inout [UInt8]
  ) throws(CodecError) {
    let isRight = format.encoding == .bcdRight
    func nibble(_ index: Int) -> UInt8 { index & 1 == 0 ? bytes[index / 2] >> 4 : bytes[index / 2] & 15 }
    let pad = count & 1
    if pad == 1 {
      guard isRight ? nibble(count) == 0xF : nibble(0) == 0 else { throw CodecError(.field(field), .padding) }
    }
    for index in 0..<count {
      let value = nibble(index + (isRight ? 0 : pad))
      let byte = value < 10 ? 0x30 + value : value == 0xD ? UInt8(ascii: "=") : 0
      guard format.allows(byte, at: index) else { throw CodecError(.field(field), .character(at: index)) }
      output.append(byte)
    }
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}

/// What is left of a message.
private struct Reader {
  let bytes: UnsafeRawBufferPointer
  private var place = 0

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var left: Int { bytes.count - place }

  mutating func take(_ count: Int, _ what: CodecError.Place) throws(CodecError) -> UnsafeRawBufferPointer {
    guard count <= left else { throw CodecError(what, .truncated(needed: count, left: left)) }
    defer { place += count }
    return UnsafeRawBufferPointer(rebasing: bytes[place..<place + count])
  }
}
