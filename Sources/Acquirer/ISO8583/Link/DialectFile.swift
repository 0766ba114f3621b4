import Files
import ISO8583
import Payments

extension Dialect {
  /// Reads a configuration and the field table that it names, and tries every message once.
  ///
  /// - Throws: `ConfigurationError` that names file and line, or `FileError`.
  public init(path: String) throws {
    let source = try ConfigurationLines(file: path, bytes: try Files.read(path, limit: 1 << 18))
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    func beside(_ name: String) -> String {
      name.hasPrefix("/") || folder.isEmpty && !path.hasPrefix("/") ? name : "\(folder)/\(name)"
    }
    guard let line = source.lines.first(where: { $0.first == "fields" }), line.words.count == 2 else {
      throw ConfigurationError(file: path, line: 0, "\"fields\" is missing: the file with the field table")
    }
    let tablePath = beside(line.words[1].text)
    let table = try FieldTable(file: tablePath, bytes: try Files.read(tablePath, limit: 1 << 18))
    try self.init(source, table: table, beside: beside)
  }

  /// - Parameter beside: makes the path of a file that the configuration names.
  init(_ source: ConfigurationLines, table: FieldTable, beside: (String) -> String) throws(ConfigurationError) {
    self.init(table: table)
    var reader = DialectReader(source: source, dialect: self)
    for line in source.lines { try reader.take(line, beside) }
    self = reader.dialect
    try DialectCheck(file: source.file, dialect: self).run()
  }
}

/// Takes one line after the other.
private struct DialectReader {
  let source: ConfigurationLines
  var dialect: Dialect
  private var message: Dialect.MessageKind?
  private var seen: Set<String> = []

  init(source: ConfigurationLines, dialect: Dialect) {
    self.source = source
    self.dialect = dialect
  }

  mutating func take(_ line: ConfigurationLines.Line, _ beside: (String) -> String) throws(ConfigurationError) {
    if line.isIndented {
      guard let message else { throw source.error(line, "only fields of a message are indented") }
      return try takeField(line, message)
    }
    message = nil
    switch line.first {
    case "address": dialect.addresses.append(try address(line))
    case "codes": try takeCodes(line)
    case "message": try takeMessage(line)
    case "terminals": try takeTerminals(line)
    default:
      guard seen.insert(line.first).inserted else { throw source.error(line, "\"\(line.first)\" stands here twice") }
      try takeSetting(line, beside)
    }
  }

  private mutating func takeSetting(
    _ line: ConfigurationLines.Line, _ beside: (String) -> String
  ) throws(ConfigurationError) {
    switch line.first {
    case "acquirer": dialect.name = try text(line)
    case "fields": _ = try text(line)
    case "connections": dialect.connections = Int(try number(line, 1...64))
    case "header": dialect.header = try header(line)
    case "acquirer-id": dialect.acquirer = try digits(line)
    case "local-offset": dialect.localOffset = try offset(line)
    case "cut-off": dialect.cutOff = try timeOfDay(line)
    case "answer-timeout": dialect.answerTimeout = try number(line, 100...120_000)
    case "echo-interval": dialect.echoInterval = try number(line, 1_000...3_600_000)
    case "open-limit": dialect.openLimit = Int(try number(line, 1...1_000_000))
    case "match": dialect.match = try matchFields(line)
    case "tls-anchors":
      let path = beside(try text(line))
      dialect.tls = Dialect.TLS(anchors: path, name: nil, chain: nil, key: nil)
    case "tls-name", "tls-chain", "tls-key":
      guard dialect.tls != nil else { throw source.error(line, "\"tls-anchors\" must stand before \"\(line.first)\"") }
      let text = try text(line)
      switch line.first {
      case "tls-name": dialect.tls?.name = text
      case "tls-chain": dialect.tls?.chain = beside(text)
      default: dialect.tls?.key = beside(text)
      }
    default: throw source.error(line, "\"\(line.first)\" is not known; see docs/iso8583.md")
    }
  }

  // MARK: - Messages

  private mutating func takeMessage(_ line: ConfigurationLines.Line) throws(ConfigurationError) {
    guard line.words.count == 3 || line.words.count == 5 && line.words[3].text == "repeat" else {
      throw source.error(line, "write: message KIND TYPE, or: message KIND TYPE repeat TYPE")
    }
    let kind: Dialect.MessageKind = try source.choice(line, 1, "message")
    guard dialect.messages[kind] == nil else { throw source.error(line, "message \(kind.rawValue) stands here twice") }
    let again = line.words.count == 5 ? try type(line, 4) : nil
    dialect.messages[kind] = Template(type: try type(line, 2), repeatType: again, line: line.number)
    message = kind
  }

  private func type(_ line: ConfigurationLines.Line, _ index: Int) throws(ConfigurationError) -> UInt16 {
    let text = line.words[index].text
    guard text.utf8.count == 4, let type = UInt16(text), type / 10 % 2 == 0 else {
      throw source.error(line, "\"\(text)\" is not the type of a request: four digits, the third even")
    }
    return type
  }

  private mutating func takeField(
    _ line: ConfigurationLines.Line, _ kind: Dialect.MessageKind
  ) throws(ConfigurationError) {
    guard let number = Int(line.first), let format = dialect.table[number] else {
      throw source.error(line, "\"\(line.first)\" is no field of table \(dialect.table.name)")
    }
    guard line.words.count >= 2 else { throw source.error(line, "field \(number) needs a value") }
    guard dialect.messages[kind]?.fields.contains(where: { $0.number == number }) == false else {
      throw source.error(line, "field \(number) stands in message \(kind.rawValue) twice")
    }
    var values: [Template.Value] = []
    for (index, word) in line.words.enumerated().dropFirst() {
      if word.isQuoted {
        values.append(.fixed(try fixed(line, word.text, format)))
      } else {
        values.append(.source(try source.choice(line, index, "value")))
      }
    }
    dialect.messages[kind]?.fields.append(Template.Field(number: number, values: values, line: line.number))
  }

  private func fixed(
    _ line: ConfigurationLines.Line, _ text: String, _ format: FieldFormat
  ) throws(ConfigurationError) -> [UInt8] {
    guard format.content == .binary else { return Array(text.utf8) }
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while rest.count >= 2, let byte = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    guard rest.isEmpty else { throw source.error(line, "\"\(text)\" must be hexadecimal, since the field is binary") }
    return bytes
  }

  // MARK: - Codes

  private mutating func takeCodes(_ line: ConfigurationLines.Line) throws(ConfigurationError) {
    guard line.words.count >= 4 else { throw source.error(line, "write: codes ANSWER MEANING CODE…") }
    let list: Dialect.CodeList = try source.choice(line, 1, "answer")
    let meaning: Dialect.Meaning = try source.choice(line, 2, "meaning")
    guard Self.meanings(of: list).contains(meaning) else {
      let known = Self.meanings(of: list).map(\.rawValue).joined(separator: ", ")
      throw source.error(line, "codes of \(list.rawValue) may mean \(known)")
    }
    var codes = dialect.codes[list] ?? Dialect.Codes()
    for word in line.words.dropFirst(3) {
      if word.text == "*" {
        guard codes.others == nil, meaning != .approved else {
          throw source.error(line, "\"*\" stands once, and never for approved")
        }
        codes.others = meaning
      } else {
        guard let code = ResponseCode(word.text) else {
          throw source.error(line, "code \"\(word.text)\" must have two or three characters")
        }
        guard codes.meanings.updateValue(meaning, forKey: code) == nil else {
          throw source.error(line, "code \(word.text) stands for two meanings")
        }
      }
    }
    dialect.codes[list] = codes
  }

  private static func meanings(of list: Dialect.CodeList) -> [Dialect.Meaning] {
    switch list {
    case .sale: [.approved, .declined, .formatError]
    case .reversal: [.reversed, .notFound, .refused, .formatError]
    case .inquiry: [.approved, .declined, .notFound, .formatError]
    case .network: [.approved]
    }
  }

  // MARK: - Values

  private func text(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> String {
    guard line.words.count == 2 else { throw source.error(line, "\"\(line.first)\" needs one value") }
    return line.words[1].text
  }

  private func number(
    _ line: ConfigurationLines.Line, _ range: ClosedRange<Int64>
  ) throws(ConfigurationError) -> Int64 {
    let text = try text(line)
    guard let value = Int64(text), range.contains(value) else {
      throw source.error(
        line, "\(line.first): \"\(text)\" must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func address(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> Dialect.Address {
    let text = try text(line)
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0,
      colon > text.startIndex
    else { throw source.error(line, "\"\(text)\" must be HOST:PORT") }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return Dialect.Address(host: String(host), port: port)
  }

  private func header(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> LengthHeader {
    switch (line.words.dropFirst().first?.text, line.words.count) {
    case ("binary2", 2): return .binary2
    case ("ascii4", 2): return .ascii4
    case ("tpdu", 3):
      let text = line.words[2].text
      guard text.utf8.count == 10, text.hasPrefix("60"), let value = UInt64(text, radix: 16) else {
        throw source.error(line, "TPDU \"\(text)\" must be ten hexadecimal digits that begin with 60")
      }
      return .tpdu(
        destination: UInt16(truncatingIfNeeded: value >> 16), source: UInt16(truncatingIfNeeded: value))
    default: throw source.error(line, "header is binary2, ascii4, or tpdu and ten hexadecimal digits")
    }
  }

  private func digits(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> OriginalElements.DigitText {
    let text = try text(line)
    guard (1...11).contains(text.utf8.count), text.utf8.allSatisfy({ $0 &- 0x30 < 10 }), let value = UInt64(text) else {
      throw source.error(line, "\(line.first): \"\(text)\" must be 1 to 11 digits")
    }
    return OriginalElements.DigitText(value: value, count: UInt8(text.utf8.count))
  }

  private func offset(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> Int64 {
    let text = Array(try text(line).utf8)
    guard text.count == 6, text[0] == UInt8(ascii: "+") || text[0] == UInt8(ascii: "-"), text[3] == UInt8(ascii: ":"),
      [1, 2, 4, 5].allSatisfy({ text[$0] &- 0x30 < 10 })
    else { throw source.error(line, "local-offset must look like +09:00") }
    let digits = [1, 2, 4, 5].map { Int64(text[$0] - 0x30) }
    let seconds = (digits[0] * 10 + digits[1]) * 3_600 + (digits[2] * 10 + digits[3]) * 60
    guard digits[2] < 6, seconds <= 14 * 3_600 else { throw source.error(line, "local-offset must look like +09:00") }
    return text[0] == UInt8(ascii: "-") ? -seconds : seconds
  }

  private func matchFields(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> Dialect.MatchFields {
    var fields: Dialect.MatchFields = []
    for word in line.words.dropFirst() {
      guard let known = Dialect.MatchFields.numbers.first(where: { String($0.number) == word.text }) else {
        throw source.error(line, "match: \"\(word.text)\" is not one of 7, 11, 37, 41")
      }
      fields.insert(known.field)
    }
    guard fields.contains(.stan) else { throw source.error(line, "match: field 11 must be among them") }
    return fields
  }

  /// Seconds after midnight of hh:mm.
  private func timeOfDay(_ line: ConfigurationLines.Line) throws(ConfigurationError) -> Int64 {
    let parts = try text(line).split(separator: ":", omittingEmptySubsequences: false)
    let isTime = parts.count == 2 && parts.allSatisfy { $0.utf8.count == 2 && $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }
    guard isTime, let hours = Int64(parts[0]), let minutes = Int64(parts[1]), hours < 24, minutes < 60 else {
      throw source.error(line, "cut-off must look like 23:30")
    }
    return hours * 3_600 + minutes * 60
  }

  private mutating func takeTerminals(_ line: ConfigurationLines.Line) throws(ConfigurationError) {
    guard line.words.count >= 2 else { throw source.error(line, "\"terminals\" needs at least one") }
    for word in line.words.dropFirst() {
      for text in try names(line, word.text) {
        guard dialect.terminals.count < 10_000 else { throw source.error(line, "at most 10,000 terminals") }
        guard let terminal = TextNumber.pack(Array(text.utf8), limit: 8) else {
          throw source.error(line, "terminal \"\(text)\" must have 1 to 8 ASCII characters")
        }
        guard dialect.add(terminal: terminal) else {
          throw source.error(line, "terminal \"\(text)\" stands here twice")
        }
      }
    }
  }

  /// T0000001..T0000008, or a single one.
  private func names(_ line: ConfigurationLines.Line, _ text: String) throws(ConfigurationError) -> [String] {
    guard let dots = text.range(of: "..") else { return [text] }
    let (first, last) = (String(text[..<dots.lowerBound]), String(text[dots.upperBound...]))
    let stem = first.reversed().drop { $0.isASCII && $0.isNumber }
    let digits = first.count - stem.count
    let head = String(stem.reversed())
    guard digits > 0, last.hasPrefix(head), first.utf8.count == last.utf8.count,
      let low = Int(first.suffix(digits)), let high = Int(last.suffix(digits)), low <= high, high - low < 10_000
    else { throw source.error(line, "\"\(text)\" must look like T0000001..T0000008") }
    return (low...high).map { number in
      let text = String(number)
      return head + String(repeating: "0", count: digits - text.count) + text
    }
  }
}

extension String {
  /// Where a short text first stands.
  fileprivate func range(of text: String) -> Range<String.Index>? {
    indices.lazy.compactMap { start in
      self[start...].hasPrefix(text) ? start..<self.index(start, offsetBy: text.count) : nil
    }.first
  }
}
