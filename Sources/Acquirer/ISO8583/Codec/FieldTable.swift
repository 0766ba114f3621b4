/// How all fields of one dialect travel. Pure: bytes in, message out, and back.
///
/// Source: ISO 8583:1987 and ISO 8583:1993, message structure; docs/iso8583.md.
public struct FieldTable: Sendable {
  public enum TypeEncoding: String, Sendable, CaseIterable {
    case ascii
    case bcd
  }
  public enum BitmapEncoding: String, Sendable, CaseIterable {
    case binary
    /// Sixteen hexadecimal digits, capitals.
    case hex
  }

  public var name: String
  public var typeEncoding: TypeEncoding
  public var bitmapEncoding: BitmapEncoding
  /// By field number; nil where the field is not used.
  private var formats: [FieldFormat?]

  public init(name: String, typeEncoding: TypeEncoding, bitmapEncoding: BitmapEncoding, formats: [Int: FieldFormat]) {
    self.name = name
    self.typeEncoding = typeEncoding
    self.bitmapEncoding = bitmapEncoding
    self.formats = (0...128).map { formats[$0] }
  }

  /// Format of a field from 2 to 128.
  public subscript(field: Int) -> FieldFormat? { formats.indices.contains(field) ? formats[field] : nil }

  /// Fields that the table knows, rising.
  public var fields: [Int] { formats.indices.filter { formats[$0] != nil } }

  /// A message for people: type and fields, each shown as far as the table allows.
  public func describe(_ message: Message) -> String {
    let values = message.fields.map { field in "DE\(field)=\(shown(message, field))" }
    return ([Message.text(of: message.type)] + values).joined(separator: " ")
  }

  private func shown(_ message: Message, _ field: Int) -> String {
    let value = message[field] ?? []
    guard let format = self[field] else { return "(\(value.count))" }
    switch format.visibility {
    case .hidden: return "(\(value.count))"
    case .pan:
      guard value.count >= 12 else { return "(\(value.count))" }
      let stars = String(repeating: "*", count: value.count - 10)
      return String(decoding: value.prefix(6), as: UTF8.self) + stars
        + String(decoding: value.suffix(4), as: UTF8.self)
    case .clear:
      guard format.content == .binary else { return String(decoding: value, as: UTF8.self) }
      return value.map { byte in [byte >> 4, byte & 15].map { String($0, radix: 16) }.joined() }.joined()
    }
  }
}
