import Cryptography
import Files

/// Lines `name = value` of a file that operators write; `#` begins a comment line. Every name is asked for once, and what is left
/// over is an error, so that a misspelt line is never a line without effect.
package struct FolderSettings {
  private let path: String
  private var values: [String: (line: Int, value: String)] = [:]

  /// - Throws: `FileError` that names file and line.
  package init(reading path: String) throws(FileError) {
    self.path = path
    let bytes = try Files.readPart(
      path, orElse: "write its lines as docs/operations.md has them, or move its folder elsewhere")
    let text = String(decoding: bytes, as: UTF8.self)
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = line.trimmed
      guard !line.isEmpty, !line.hasPrefix("#") else { continue }
      guard let equals = line.firstIndex(of: "=") else {
        throw Self.error(path, index + 1, "\"\(line)\" must be NAME = VALUE")
      }
      let name = String(line[..<equals].trimmed)
      guard values[name] == nil else { throw Self.error(path, index + 1, "\(name) comes twice") }
      values[name] = (index + 1, String(line[line.index(after: equals)...].trimmed))
    }
  }

  /// A value that must be there, one of a few words.
  package mutating func required<Value>(_ name: String, among words: [String: Value]) throws(FileError) -> Value {
    guard let (line, text) = values.removeValue(forKey: name) else {
      throw Self.error(path, "\(name) is missing; it must be \(Self.list(words.keys))")
    }
    guard let value = words[text] else {
      throw Self.error(path, line, "\(name) \"\(text)\" must be \(Self.list(words.keys))")
    }
    return value
  }

  /// One of an enum's words.
  package mutating func value<Value: RawRepresentable & CaseIterable>(
    _ name: String, among: Value.Type
  ) throws(FileError) -> Value? where Value.RawValue == String {
    guard let (line, text) = values.removeValue(forKey: name) else { return nil }
    guard let value = Value(rawValue: text) else {
      throw Self.error(path, line, "\(name) \"\(text)\" must be \(Self.list(Value.allCases.map(\.rawValue)))")
    }
    return value
  }

  package mutating func number(
    _ name: String, in range: ClosedRange<Int64>, default standard: Int64
  ) throws(FileError) -> Int64 {
    guard let (line, text) = values.removeValue(forKey: name) else { return standard }
    guard let number = Int64(text), range.contains(number) else {
      throw Self.error(path, line, "\(name) \"\(text)\" must be \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  package mutating func address(_ name: String) throws(FileError) -> OCSPAddress? {
    guard let (line, text) = values.removeValue(forKey: name) else { return nil }
    guard let address = OCSPAddress(text) else {
      throw Self.error(path, line, "\(name) \"\(text)\" must be http://HOST[:PORT][/PATH]")
    }
    return address
  }

  /// A value that must be there, in a form of its own.
  ///
  /// - Parameters:
  ///   - form: as people write it, for the error.
  ///   - read: nil where the text does not have the form.
  package mutating func required<Value>(
    _ name: String, form: String, _ read: (String) -> Value?
  ) throws(FileError) -> Value {
    guard let (line, text) = values.removeValue(forKey: name) else {
      throw Self.error(path, "\(name) is missing; it must be \(form)")
    }
    guard let value = read(text) else { throw Self.error(path, line, "\(name) \"\(text)\" must be \(form)") }
    return value
  }

  /// `usage` or `policy`, exactly one of them.
  package mutating func mark() throws(FileError) -> RoleMark {
    let (usage, policy) = (values.removeValue(forKey: "usage"), values.removeValue(forKey: "policy"))
    guard (usage == nil) != (policy == nil), let (line, text) = usage ?? policy else {
      throw Self.error(path, "exactly one of usage and policy must name what marks the role in a leaf")
    }
    guard RoleMark.isIdentifier(text) else {
      throw Self.error(path, line, "\"\(text)\" must be an object identifier, for example 1.2.410.200004.10.1")
    }
    if usage != nil, let own = Role.allCases.first(where: { $0.identifier == text }) {
      throw Self.error(
        path, line, "\"\(text)\" is this service's own mark of role \(own); the authority must use another")
    }
    return usage != nil ? .usage(text, others: []) : .policy(text, others: [])
  }

  /// - Throws: `FileError` where a line was not asked for.
  package func end() throws(FileError) {
    if let (name, value) = values.min(by: { $0.value.line < $1.value.line }) {
      throw Self.error(path, value.line, "\(name) is not known; docs/operations.md has all names")
    }
  }

  private static func error(_ path: String, _ line: Int, _ text: String) -> FileError {
    error(path, "line \(line): \(text)")
  }

  private static func error(_ path: String, _ text: String) -> FileError {
    FileError(path: path, doing: "use", cause: text, isOfFolder: true)
  }

  private static func list(_ words: some Sequence<String>) -> String { words.sorted().joined(separator: ", ") }
}

extension Substring {
  /// Without blanks at both ends.
  fileprivate var trimmed: Substring {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    let head = drop(while: isBlank)
    guard let last = head.lastIndex(where: { !isBlank($0) }) else { return "" }
    return head[...last]
  }
}
