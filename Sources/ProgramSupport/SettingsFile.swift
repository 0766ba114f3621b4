import Files

/// The names in a settings file. swift-configuration reads the values and skips what it does not know; a name that is
/// misspelt must not become a default.
enum SettingsFile {
  /// - Throws: ``ProgramError`` that names file and line, and the name that was probably meant.
  static func check(_ path: String) throws {
    let text: String
    do {
      guard let read = String(validating: try Files.read(path), as: UTF8.self) else {
        throw ProgramError(.configuration, "settings file \(path): is not UTF-8")
      }
      text = read
    } catch let error as FileError {
      throw ProgramError(.configuration, "settings file: \(error)")
    }
    if let place = text.utf8.firstIndex(of: 0x0D) {
      let line = text.utf8[..<place].count { $0 == 0x0A } + 1
      throw ProgramError(
        .configuration, "settings file \(path), line \(line): ends with a carriage return; save it with line feeds only"
      )
    }
    var seen: Set<Substring> = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      guard let first = line.first(where: { !$0.isWhitespace }), first != "#" else { continue }
      do throws(Problem) {
        try check(line, &seen)
      } catch {
        throw ProgramError(.configuration, "settings file \(path), line \(index + 1): \(error.text)")
      }
    }
  }

  private struct Problem: Error { let text: String }

  private static func check(_ line: Substring, _ seen: inout Set<Substring>) throws(Problem) {
    let names = Setting.allCases.map(\.variable)
    guard let equals = line.firstIndex(of: "=") else {
      throw Problem(text: "must be NAME=value, for example \(names[0])=…")
    }
    let name = trimmed(line[..<equals])
    guard names.contains(String(name)) else {
      let nearest = names.min { distance($0, name) < distance($1, name) } ?? ""
      throw Problem(text: "\(name) is no setting; the nearest is \(nearest), all stand in docs/operations.md")
    }
    guard seen.insert(name).inserted else { throw Problem(text: "\(name) comes twice") }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let start = text.drop { $0.isWhitespace }
    return start.lastIndex { !$0.isWhitespace }.map { start[...$0] } ?? start
  }

  /// Characters to insert, remove or replace (Levenshtein).
  private static func distance(_ first: some StringProtocol, _ second: some StringProtocol) -> Int {
    var row = Array(0...second.count)
    for (index, character) in first.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for (place, other) in second.enumerated() {
        let replaced = diagonal + (character == other ? 0 : 1)
        diagonal = row[place + 1]
        row[place + 1] = min(replaced, min(row[place], row[place + 1]) + 1)
      }
    }
    return row[second.count]
  }
}
