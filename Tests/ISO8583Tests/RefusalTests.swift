import ISO8583
import TestPrograms
import Testing

/// Messages that must be refused: the error says where, and shows nothing of what stands there.
@Suite struct RefusalTests {
  static func table() throws -> FieldTable { try Repository.table("Tests/Vectors/iso8583/every-format.fields") }

  /// MTI 0200 in BCD and a bitmap in hexadecimal digits of these fields, then `rest`.
  static func message(_ fields: [Int], _ rest: [UInt8]) -> [UInt8] {
    var (primary, secondary) = (UInt64(0), UInt64(0))
    for field in fields {
      if field <= 64 { primary |= 1 << UInt64(64 - field) } else { secondary |= 1 << UInt64(128 - field) }
    }
    let bitmap = { (word: UInt64) in
      hexText(stride(from: 56, through: 0, by: -8).map { UInt8(word >> UInt64($0) & 255) })
    }
    var text = bitmap(secondary == 0 ? primary : primary | 1 << 63)
    if secondary != 0 { text += bitmap(secondary) }
    return [0x02, 0x00] + Array(text.utf8) + rest
  }

  @Test(
    arguments: [
      ([], [0x02], "MTI: needs 2 bytes and 1 are left"),
      ([], [0x0A, 0x00], "MTI: the character at 0 is not allowed in this field"),
      ([], [0x02, 0x00, 0x30], "bitmap: needs 16 bytes and 1 are left"),
    ] as [([Int], [UInt8], String)])
  func typeAndBitmap(_ fields: [Int], _ bytes: [UInt8], _ words: String) throws {
    try Self.expect(bytes, words)
  }

  @Test(
    arguments: [
      ([64], [], "DE64: is not in the field table"),
      ([3], [0x01, 0x23], "DE3: needs 3 bytes and 2 are left"),
      ([3], [0x11, 0x23, 0x45], "DE3: the half byte that fills it up is not the table's"),
      ([4], [0x12, 0x34, 0x50], "DE4: the half byte that fills it up is not the table's"),
      ([3], [0x01, 0x2B, 0x45], "DE3: the character at 2 is not allowed in this field"),
      ([5], [0x12], "DE5.length: 12 is more than 11"),
      ([5], [0x1A], "DE5.length: is not a number"),
      ([7], [0x01], "DE7.length: needs 2 bytes and 1 are left"),
      ([7], [0xFF, 0xFF], "DE7.length: 65535 is more than 300"),
      ([9], [0x30, 0x3A], "DE9.length: is not a number"),
      ([11], Array("0011223344556Z77".utf8), "DE11: the character at 12 is not allowed in this field"),
      ([12], Array("03ABC".utf8), "DE12.length: the half byte that fills it up is not the table's"),
      ([35], [0x30, 0x32, 0xA1], "DE35: the character at 0 is not allowed in this field"),
      ([39], Array("X00000000".utf8), "DE39: the character at 0 is not allowed in this field"),
      ([40], Array("abc1ef".utf8), "DE40: the character at 3 is not allowed in this field"),
      ([3], [0x01, 0x23, 0x45, 0x00], "message: 1 bytes follow the last field"),
      ([128], [1, 2, 3], "DE128: needs 8 bytes and 3 are left"),
    ] as [([Int], [UInt8], String)])
  func fields(_ fields: [Int], _ rest: [UInt8], _ words: String) throws {
    try Self.expect(Self.message(fields, rest), words)
  }

  @Test func aBitmapThatIsNoNumberIsRefused() throws {
    try Self.expect(
      [0x02, 0x00] + Array("000000000000000G".utf8), "bitmap: the character at 15 is not allowed in this field")
    try Self.expect(
      [0x02, 0x00] + Array("8000000000000000".utf8) + [0x30], "secondary bitmap: needs 16 bytes and 1 are left")
  }

  private static func expect(_ bytes: [UInt8], _ words: String) throws {
    let table = try table()
    let error = #expect(throws: CodecError.self) { try table.decode(bytes) }
    #expect(error?.description == words)
  }

  @Test(
    arguments: [
      (64, "1", "DE64: is not in the field table"),
      (3, "123456", "DE3: 6 is more than 5"),
      (3, "12E45", "DE3: the character at 2 is not allowed in this field"),
      (2, "41111111111111111111", "DE2: 20 is more than 19"),
      (39, "C1234567", "DE39: has length 8, and the table says 9"),
      (11, "short", "DE11: has length 5, and the table says 8"),
    ])
  func whatDoesNotFitIsNotWritten(_ field: Int, _ value: String, _ words: String) throws {
    let table = try Self.table()
    var message = Message(type: 200)
    message.set(field, value.utf8)
    let error = #expect(throws: CodecError.self) { try table.encode(message) }
    #expect(error?.description == words)
  }

  @Test func shortDigitsAndTextOfFixedFieldsAreFilledUp() throws {
    let table = try Self.table()
    var message = Message(type: 200)
    message.set(3, "7".utf8)
    message.set(40, "ab".utf8)
    let read = try table.decode(try table.encode(message))
    #expect(read.text(3) == "00007")
    #expect(read.text(40) == "ab    ")
  }
}
