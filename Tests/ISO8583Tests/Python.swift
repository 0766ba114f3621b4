import Foundation
import ISO8583
import TestPrograms
import Testing

extension Repository {
  static func table(_ path: String) throws -> FieldTable {
    try FieldTable(file: path, bytes: [UInt8](try Data(contentsOf: root.appending(path: path))))
  }
}

/// A message as Tests/Python/iso8583_cases.py writes it.
struct Case {
  var bytes: [UInt8]
  var content: [String: String]

  init(_ line: Substring) throws {
    let parts = line.split(separator: " ", maxSplits: 1)
    try #require(parts.count == 2)
    bytes = try hexBytes(String(parts[0]))
    content = try Self.content(parts[1])
  }

  static func content(_ text: Substring) throws -> [String: String] {
    try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
  }
}

func hexBytes(_ text: String) throws -> [UInt8] {
  let digits = try text.map { try #require($0.hexDigitValue) }
  return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

func hexText(_ bytes: some Sequence<UInt8>) -> String { bytes.map { String(format: "%02X", $0) }.joined() }

/// Bytes of ISO 8859-1 as text.
func latin1(_ bytes: [UInt8]) -> String { String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) })) }

extension FieldTable {
  func decode(_ bytes: [UInt8]) throws(CodecError) -> Message {
    var message = Message()
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(CodecError) in try decode(bytes, into: &message) }
    }
    try result.get()
    return message
  }

  func encode(_ message: Message) throws(CodecError) -> [UInt8] {
    var bytes: [UInt8] = []
    try encode(message, into: &bytes)
    return bytes
  }

  /// As Tests/Python/iso8583_cases.py writes a message.
  func content(_ message: Message) -> [String: String] {
    var content = ["t": Message.text(of: message.type)]
    for field in message.fields {
      let value = message[field] ?? []
      content["\(field)"] = self[field]?.content == .binary ? hexText(value) : latin1(value)
    }
    return content
  }

  func message(_ content: [String: String]) throws -> Message {
    var message = Message(type: try #require(content["t"].flatMap(UInt16.init)))
    for (name, value) in content {
      guard let field = Int(name) else { continue }
      message.set(field, self[field]?.content == .binary ? try hexBytes(value) : Array(value.utf8))
    }
    return message
  }
}
