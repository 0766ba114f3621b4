/// Comma-separated values as RFC 4180 has them.
public enum CSV {
  /// One record without its line break; fields are quoted where they must be.
  public static func line(_ fields: [String]) -> String {
    fields.map { field in
      let mustBeQuoted = field.utf8.contains { [UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D].contains($0) }
      return mustBeQuoted
        ? "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\"" : field
    }.joined(separator: ",")
  }

  /// A record and the number of the line that it begins on, from 1.
  public struct Record: Sendable, Equatable {
    public let line: Int
    public let fields: [String]

    public init(line: Int, fields: [String]) {
      self.line = line
      self.fields = fields
    }
  }

  /// Reads records; empty lines are left out, and a byte order mark.
  ///
  /// - Throws: ``CSVFault`` that names the line.
  public static func read(_ bytes: [UInt8]) throws(CSVFault) -> [Record] {
    var reader = Reader(bytes: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...])
    var records: [Record] = []
    while let record = try reader.record() {
      if record.fields != [""] { records.append(record) }
    }
    return records
  }

  private struct Reader {
    var bytes: ArraySlice<UInt8>
    var line = 1

    init(bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Nil at the end.
    mutating func record() throws(CSVFault) -> Record? {
      guard !bytes.isEmpty else { return nil }
      let start = line
      var fields: [String] = []
      while true {
        fields.append(try field())
        guard let byte = bytes.popFirst() else { break }
        if byte == UInt8(ascii: ",") { continue }
        if byte == 0x0D, bytes.first == 0x0A { bytes.removeFirst() }
        line += 1
        break
      }
      return Record(line: start, fields: fields)
    }

    /// Up to the comma or line break behind it.
    private mutating func field() throws(CSVFault) -> String {
      let start = line
      guard bytes.first == UInt8(ascii: "\"") else {
        let end = bytes.firstIndex { [UInt8(ascii: ","), 0x0A, 0x0D].contains($0) } ?? bytes.endIndex
        return try text(take(to: end), start)
      }
      bytes.removeFirst()
      var value: [UInt8] = []
      while let quote = bytes.firstIndex(of: UInt8(ascii: "\"")) {
        let part = take(to: quote)
        line += part.count { $0 == 0x0A }
        value += part
        bytes.removeFirst()
        guard bytes.first == UInt8(ascii: "\"") else {
          guard bytes.first.map({ [UInt8(ascii: ","), 0x0A, 0x0D].contains($0) }) ?? true else {
            throw CSVFault(line: line, description: "has text behind a closing quote")
          }
          return try text(value[...], start)
        }
        value.append(bytes.removeFirst())
      }
      throw CSVFault(line: start, description: "has a quote that is never closed")
    }

    private mutating func take(to end: Int) -> ArraySlice<UInt8> {
      defer { bytes = bytes[end...] }
      return bytes[..<end]
    }

    private func text(_ bytes: ArraySlice<UInt8>, _ line: Int) throws(CSVFault) -> String {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CSVFault(line: line, description: "is not UTF-8")
      }
      return text
    }
  }
}

/// Why a file is no CSV.
public struct CSVFault: Error, Sendable, Equatable {
  /// From 1.
  public let line: Int
  public let description: String

  public init(line: Int, description: String) {
    self.line = line
    self.description = description
  }
}
