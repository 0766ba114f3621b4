import ISO8583
import TestPrograms
import Testing

/// Field tables as files: mistakes are told with file and line.
@Suite struct TableFileTests {
  private static let head = "table t\nmti ascii\nbitmap binary\n"

  @Test(
    arguments: [
      (
        "2 n ..19 ascii ll",
        "t.fields, line 4: a field needs contents, length, encoding, prefix, visibility, and may have a name"
      ),
      ("2 q ..19 ascii ll pan", "t.fields, line 4: contents \"q\" is not one of n, a, an, ans, z, x+n, b"),
      ("2 n ..19 utf8 ll pan", "t.fields, line 4: encoding \"utf8\" is not one of ascii, bcd, bcd-right, binary, hex"),
      (
        "2 n 19 ascii ll pan",
        "t.fields, line 4: length \"19\": with a prefix write the longest as ..19, without one write 6"
      ),
      (
        "2 n ..19 ascii - pan",
        "t.fields, line 4: length \"..19\": with a prefix write the longest as ..19, without one write 6"
      ),
      ("2 n ..x ascii ll pan", "t.fields, line 4: length \"..x\" is no number"),
      ("2 n ..100 ascii ll pan", "t.fields, line 4: a prefix ll cannot tell a length of 100"),
      ("2 b ..60 hex ll hidden", "t.fields, line 4: a prefix ll cannot tell a length of 120"),
      ("2 n ..1000 ascii lll pan", "t.fields, line 4: the length must be 1 to 999"),
      ("2 n 0 ascii - pan", "t.fields, line 4: the length must be 1 to 999"),
      ("2 ans 6 bcd - pan", "t.fields, line 4: encoding bcd needs contents n or z"),
      ("2 b 6 ascii - pan", "t.fields, line 4: contents b need encoding binary or hex"),
      ("2 n 6 hex - pan", "t.fields, line 4: encoding hex needs contents b"),
      ("2 n 6 ascii - open", "t.fields, line 4: visibility \"open\" is not one of hidden, pan, clear"),
      ("1 b 8 binary - hidden", "t.fields, line 4: fields are numbered from 2 to 128"),
      ("129 n 6 ascii - clear", "t.fields, line 4: fields are numbered from 2 to 128"),
      ("3 n 6 ascii - clear\n3 n 6 ascii - clear", "t.fields, line 5: field 3 stands here twice"),
      ("colour red", "t.fields, line 4: \"colour\" is neither a field nor table, mti or bitmap"),
      ("mti bcd", "t.fields, line 4: \"mti\" stands here twice"),
      ("3 n 6 ascii - clear \"name", "t.fields, line 4: a quote is not closed"),
      ("", "t.fields: has no field"),
    ])
  func aMistakeNamesFileAndLine(_ line: String, _ words: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try FieldTable(file: "t.fields", bytes: Array((Self.head + line).utf8))
    }
    #expect(error?.description == words)
  }

  @Test(arguments: ["table", "mti", "bitmap"]) func aMissingLineIsNamed(_ word: String) {
    let text = Self.head.split(separator: "\n").filter { !$0.hasPrefix(word) }.joined(separator: "\n")
    let error = #expect(throws: ConfigurationError.self) {
      try FieldTable(file: "t.fields", bytes: Array((text + "\n3 n 6 ascii - clear").utf8))
    }
    #expect(error?.description == "t.fields: \"\(word)\" is missing")
  }

  @Test func bytesThatAreNoTextAreRefused() {
    let error = #expect(throws: ConfigurationError.self) { try FieldTable(file: "t.fields", bytes: [0xFF, 0xFE]) }
    #expect(error?.description == "t.fields: is not UTF-8 text")
  }

  @Test(arguments: VectorTests.tables) func theTablesOfTheRepositoryHideAllCardData(_ path: String) throws {
    let table = try Repository.table(path)
    #expect(table[2]?.visibility == .pan)
    for field in [14, 35, 45, 52, 55] where table[field] != nil { #expect(table[field]?.visibility == .hidden) }
  }
}
