import MessageRuntime
import Testing

/// Each way in which bytes break the decoding rules of proto/PROTOCOL.md, and what the sender is told.
@Suite struct RefusalTests {
  typealias W = WireBytes

  struct Refused: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let failure: DecodingFailure
    var testDescription: String { name }

    init(_ name: String, _ bytes: [UInt8], _ reason: String, field: String = "") {
      self.name = name
      self.bytes = bytes
      failure = DecodingFailure(reason, field: field)
    }
  }

  static let scalars: [Refused] = [
    Refused("tag cut", [0x80], "ends in the middle of a number"),
    Refused("value missing", W.tag(3, 0), "ends in the middle of a number", field: "int32_value"),
    Refused("varint cut", W.tag(3, 0) + [0xFF], "ends in the middle of a number", field: "int32_value"),
    Refused(
      "varint of eleven bytes", W.tag(4, 0) + W.many(10, [0x80]) + [0], "has a number of more than 64 bits",
      field: "int64_value"),
    Refused(
      "varint of 65 bits", W.tag(4, 0) + W.many(9, [0xFF]) + [2], "has a number of more than 64 bits",
      field: "int64_value"),
    Refused(
      "varint without end", W.tag(4, 0) + W.many(100, [0xFF]), "has a number of more than 64 bits", field: "int64_value"
    ),
    Refused("fixed32 cut", W.tag(9, 5) + [1, 2, 3], "ends in the middle of a field", field: "fixed32_value"),
    Refused(
      "fixed64 cut", W.tag(10, 1) + [1, 2, 3, 4, 5, 6, 7], "ends in the middle of a field", field: "fixed64_value"),
    Refused("bytes cut", W.tag(15, 2) + [4, 1, 2, 3], "ends in the middle of a field", field: "bytes_value"),
    Refused("length missing", W.tag(15, 2), "ends in the middle of a number", field: "bytes_value"),
    Refused("length 2^31", W.tag(15, 2) + W.varint(1 << 31), "ends in the middle of a field", field: "bytes_value"),
    Refused("length 2^32", W.tag(15, 2) + W.varint(1 << 32), "ends in the middle of a field", field: "bytes_value"),
    Refused("length 2^63", W.tag(15, 2) + W.varint(1 << 63), "ends in the middle of a field", field: "bytes_value"),
    Refused("length 2^64 - 1", W.tag(15, 2) + W.varint(.max), "ends in the middle of a field", field: "bytes_value"),
    Refused(
      "length of an unknown field over the end", W.tag(99, 2) + W.varint(1 << 40), "ends in the middle of a field"),
    Refused("field number 0", W.tag(0, 0) + [1], "has a field number out of range"),
    Refused("field number 2^29", W.tag(1 << 29, 0) + [1], "has a field number out of range"),
    Refused("group", W.tag(99, 3) + W.tag(99, 4), "has a field of wire type 3, which proto3 does not know"),
    Refused("end of a group", W.tag(99, 4), "has a field of wire type 4, which proto3 does not know"),
    Refused("wire type 6", W.tag(3, 6), "has a field of wire type 6, which proto3 does not know"),
    Refused("wire type 7", W.tag(3, 7), "has a field of wire type 7, which proto3 does not know"),
    Refused("integer as bytes", W.field(3, [1]), "has another wire type than the field", field: "int32_value"),
    Refused(
      "integer as fixed32", W.tag(3, 5) + [1, 0, 0, 0], "has another wire type than the field", field: "int32_value"),
    Refused("text as integer", W.varintField(14, 1), "has another wire type than the field", field: "string_value"),
    Refused(
      "bytes as fixed64", W.tag(15, 1) + W.many(8, [0]), "has another wire type than the field", field: "bytes_value"),
    Refused(
      "double as fixed32", W.tag(1, 5) + [0, 0, 0, 0], "has another wire type than the field", field: "double_value"),
  ]

  @Test(arguments: scalars) func scalarIsRefused(_ refused: Refused) {
    #expect(throws: refused.failure) { try Scalars(decoding: refused.bytes) }
  }

  static let texts: [(name: String, bytes: [UInt8])] = [
    ("NUL alone", [0]), ("NUL inside", [0x61, 0, 0x62]), ("NUL at the end", [0x61, 0]),
    ("continuation alone", [0x80]), ("two bytes cut", [0xC3]), ("three bytes cut", [0xE2, 0x82]),
    ("four bytes cut", [0xF0, 0x9F, 0x98]), ("overlong slash of two", [0xC0, 0xAF]), ("overlong NUL", [0xC0, 0x80]),
    ("overlong of three", [0xE0, 0x9F, 0xBF]), ("overlong of four", [0xF0, 0x8F, 0xBF, 0xBF]),
    ("surrogate", [0xED, 0xA0, 0x80]), ("above U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
    ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
    ("0xFF", [0xFF]), ("lead after lead", [0xC3, 0xC3]), ("Latin-1", [0x4D, 0xFC, 0x6C]),
  ]

  @Test(arguments: texts) func textIsRefused(_ text: (name: String, bytes: [UInt8])) {
    #expect(throws: DecodingFailure("is not UTF-8 without NUL", field: "string_value")) {
      try Scalars(decoding: W.field(14, text.bytes))
    }
  }

  @Test func textInsideAMapIsCheckedToo() {
    let entry = W.varintField(1, 1) + W.field(2, [0xFF])
    #expect(throws: DecodingFailure("is not UTF-8 without NUL", field: "maps.by_int32.value")) {
      try Everything(decoding: W.field(3, W.field(1, entry)))
    }
  }

  @Test func textOfEveryLengthOfScalarIsTaken() throws {
    let text = "a\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}"
    #expect(try Scalars(decoding: W.field(14, text)).stringValue == text)
  }

  @Test func messageAsIntegerIsRefused() {
    #expect(throws: DecodingFailure("has another wire type than the field", field: "tree")) {
      try Everything(decoding: W.varintField(5, 1))
    }
  }

  @Test func packedElementCutIsRefused() {
    #expect(throws: DecodingFailure("ends in the middle of a number", field: "int32_values")) {
      try Lists(decoding: W.field(3, [1, 0x80]))
    }
    #expect(throws: DecodingFailure("ends in the middle of a field", field: "fixed64_values")) {
      try Lists(decoding: W.field(10, W.many(9, [1])))
    }
  }

  @Test func everyBeginningOfAMessageIsTakenOrRefusedWithoutHarm() throws {
    let whole = W.field(2, W.field(3, [1, 2, 3]) + W.field(14, "text")) + W.field(5, W.tree(depth: 4))
    _ = try Everything(decoding: whole)
    for end in 0..<whole.count { _ = try? Everything(decoding: [UInt8](whole[..<end])) }
  }

  @Test func failureSaysTheFieldAndTheReason() {
    #expect("\(DecodingFailure("comes twice", field: "a.b"))" == "a.b comes twice")
    #expect("\(DecodingFailure("is nested deeper than 8"))" == "the message is nested deeper than 8")
  }
}
