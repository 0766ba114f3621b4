/// A line of a configuration file that cannot be used.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
  public let file: String
  /// From 1; 0: the whole file.
  public let line: Int
  public let text: String

  public init(file: String, line: Int, _ text: String) {
    self.file = file
    self.line = line
    self.text = text
  }

  public var description: String { line > 0 ? "\(file), line \(line): \(text)" : "\(file): \(text)" }
}

/// Lines of a configuration file: words between blanks, text in double quotes is one word; `#` begins a comment.
public struct ConfigurationLines {
  public struct Word: Sendable, Equatable {
    public var text: String
    /// It stood in double quotes.
    public var isQuoted: Bool
  }
  public struct Line: Sendable {
    public var number: Int
    public var words: [Word]
    /// It began with a blank.
    public var isIndented: Bool
    /// The first word, or "".
    public var first: String { words.first?.text ?? "" }
  }

  public let file: String
  /// Lines that are not empty.
  public let lines: [Line]

  /// - Throws: ``ConfigurationError`` where a quote is not closed or the text is no UTF-8.
  public init(file: String, bytes: [UInt8]) throws(ConfigurationError) {
    self.file = file
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationError(file: file, line: 0, "is not UTF-8 text")
    }
    var lines: [Line] = []
    let parts = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, part) in parts.enumerated() {
      guard let words = Self.words(part) else {
        throw ConfigurationError(file: file, line: index + 1, "a quote is not closed")
      }
      guard !words.isEmpty else { continue }
      lines.append(Line(number: index + 1, words: words, isIndented: part.first == " " || part.first == "\t"))
    }
    self.lines = lines
  }

  public func error(_ line: Line, _ text: String) -> ConfigurationError {
    ConfigurationError(file: file, line: line.number, text)
  }

  private static func words(_ line: Substring) -> [Word]? {
    var words: [Word] = []
    var rest = line[...]
    while let first = rest.first {
      if first == " " || first == "\t" || first == "\r" {
        rest.removeFirst()
      } else if first == "#" {
        return words
      } else if first == "\"" {
        rest.removeFirst()
        guard let end = rest.firstIndex(of: "\"") else { return nil }
        words.append(Word(text: String(rest[..<end]), isQuoted: true))
        rest = rest[rest.index(after: end)...]
      } else {
        let end = rest.firstIndex { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "#" } ?? rest.endIndex
        words.append(Word(text: String(rest[..<end]), isQuoted: false))
        rest = rest[end...]
      }
    }
    return words
  }
}

extension FieldTable {
  /// Reads a table from a file's contents; the format is described in docs/iso8583.md.
  ///
  /// - Throws: ``ConfigurationError`` that names file and line.
  public init(file: String, bytes: [UInt8]) throws(ConfigurationError) {
    let source = try ConfigurationLines(file: file, bytes: bytes)
    var (name, type, bitmap) = ("", TypeEncoding.ascii, BitmapEncoding.binary)
    var formats: [Int: FieldFormat] = [:]
    var seen: Set<String> = []
    for line in source.lines {
      if let field = Int(line.first) {
        guard (2...128).contains(field) else { throw source.error(line, "fields are numbered from 2 to 128") }
        guard formats[field] == nil else { throw source.error(line, "field \(field) stands here twice") }
        formats[field] = try Self.format(line, source)
        continue
      }
      guard line.words.count == 2 else { throw source.error(line, "\"\(line.first)\" needs one value") }
      guard seen.insert(line.first).inserted else { throw source.error(line, "\"\(line.first)\" stands here twice") }
      switch line.first {
      case "table": name = line.words[1].text
      case "mti": type = try source.choice(line, 1, "mti")
      case "bitmap": bitmap = try source.choice(line, 1, "bitmap")
      default: throw source.error(line, "\"\(line.first)\" is neither a field nor table, mti or bitmap")
      }
    }
    for word in ["table", "mti", "bitmap"] where !seen.contains(word) {
      throw ConfigurationError(file: file, line: 0, "\"\(word)\" is missing")
    }
    guard !formats.isEmpty else { throw ConfigurationError(file: file, line: 0, "has no field") }
    self.init(name: name, typeEncoding: type, bitmapEncoding: bitmap, formats: formats)
  }

  /// field contents length encoding prefix visibility name…
  private static func format(
    _ line: ConfigurationLines.Line, _ source: ConfigurationLines
  ) throws(ConfigurationError) -> FieldFormat {
    guard line.words.count >= 6 else {
      throw source.error(line, "a field needs contents, length, encoding, prefix, visibility, and may have a name")
    }
    let prefix: FieldFormat.Prefix = try source.choice(line, 4, "prefix")
    let text = line.words[2].text
    guard text.hasPrefix("..") == (prefix != .none) else {
      throw source.error(line, "length \"\(text)\": with a prefix write the longest as ..19, without one write 6")
    }
    guard let length = Int(text.drop { $0 == "." }) else { throw source.error(line, "length \"\(text)\" is no number") }
    let format = FieldFormat(
      content: try source.choice(line, 1, "contents"), encoding: try source.choice(line, 3, "encoding"), prefix: prefix,
      length: length, visibility: try source.choice(line, 5, "visibility"),
      name: line.words.dropFirst(6).map(\.text).joined(separator: " "))
    if let contradiction = format.contradiction { throw source.error(line, contradiction) }
    return format
  }
}

extension ConfigurationLines {
  /// One of several words.
  public func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ line: Line, _ index: Int, _ what: String
  ) throws(ConfigurationError) -> Choice {
    let word = line.words[index].text
    guard let choice = Choice(rawValue: word) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw error(line, "\(what) \"\(word)\" is not one of \(known)")
    }
    return choice
  }
}
