import Files
import Foundation
import ISO8583
import TestAcquirer
import TestPrograms
import Testing

@testable import AcquirerISO8583

/// Configurations of acquirers: mistakes are told with file and line before a card is charged.
@Suite struct DialectFileTests {
  @Test func theExamplesAreGood() throws {
    let old = try Dialect(path: Repository.path("dialects/example-1987.conf"))
    #expect(old.terminals.count == 8 && old.connections == 2 && old.header == .binary2)
    #expect(old.localOffset == 9 * 3_600 && old.match == [.time, .stan, .retrieval, .terminal])
    #expect(old.codes[.sale]?[.init(ascii: "51")] == .declined)
    #expect(old.codes[.sale]?[.init(ascii: "91")] == nil)
    let new = try Dialect(path: Repository.path("dialects/example-1993.conf"))
    #expect(new.header == .tpdu(destination: 1, source: 0))
    #expect(new.messages[.inquiry] == nil && new.codes[.reversal]?[.init(ascii: "400")] == .reversed)
  }

  @Test(
    arguments: [
      ("header", "header utf8", "line 6: header is binary2, ascii4, or tpdu and ten hexadecimal digits"),
      ("header", "header tpdu 61", "line 6: TPDU \"61\" must be ten hexadecimal digits that begin with 60"),
      ("address", "address nowhere", "line 7: \"nowhere\" must be HOST:PORT"),
      ("connections", "connections 65", "line 8: connections: \"65\" must be a number from 1 to 64"),
      ("acquirer-id", "acquirer-id 12x", "line 9: acquirer-id: \"12x\" must be 1 to 11 digits"),
      ("terminals", "terminals T1..T", "line 10: \"T1..T\" must look like T0000001..T0000008"),
      ("terminals", "terminals T1 T1", "line 10: terminal \"T1\" stands here twice"),
      ("terminals", "terminals TOOLONG01", "line 10: terminal \"TOOLONG01\" must have 1 to 8 ASCII characters"),
      ("local-offset", "local-offset 9", "line 11: local-offset must look like +09:00"),
      ("answer-timeout", "answer-timeout 1", "line 12: answer-timeout: \"1\" must be a number from 100 to 120000"),
      ("match", "match 7 12", "line 14: match: \"12\" is not one of 7, 11, 37, 41"),
      ("match", "match 7", "line 14: match: field 11 must be among them"),
      ("match", "colour red", "line 14: \"colour\" is not known; see docs/iso8583.md"),
      ("match", "connections 2", "line 14: \"connections\" stands here twice"),
      ("match", "codes sale reversed 00", "line 14: codes of sale may mean approved, declined, format-error"),
      ("match", "codes sale approved 0", "line 14: code \"0\" must have two or three characters"),
      ("match", "codes sale approved *", "line 14: \"*\" stands once, and never for approved"),
      ("match", "codes sale declined 00", "line 18: code 00 stands for two meanings"),
      ("match", "tls-name host", "line 14: \"tls-anchors\" must stand before \"tls-name\""),
      ("match", "message sale 0210", "line 14: \"0210\" is not the type of a request: four digits, the third even"),
      ("match", "message sale 0200", "line 31: message sale stands here twice"),
      (
        "match", "message fly 0200",
        "line 14: message \"fly\" is not one of sale, reversal, inquiry, void, refund, sign-on, sign-off, echo"
      ),
      ("match", "message sale", "line 14: write: message KIND TYPE, or: message KIND TYPE repeat TYPE"),
      ("match", "  2 pan", "line 14: only fields of a message are indented"),
      ("connections", "match 41", "line 8: match: field 11 must be among them"),
    ])
  func aMistakeNamesItsLine(_ word: String, _ line: String, _ words: String) throws {
    let error = #expect(throws: ConfigurationError.self) { try Dialect.example("example-1987", [word: line]) }
    #expect(error.map { "\($0)".hasSuffix("test.conf, \(words)") } == true, "\(String(describing: error))")
  }

  @Test(
    arguments: [
      ("  2   pan", "  2   card", "value \"card\" is not one of pan, expiry, amount"),
      ("  2   pan", "  201 pan", "\"201\" is no field of table iso8583-1987-ascii"),
      ("  2   pan", "  2", "field 2 needs a value"),
      ("  2   pan", "  4   pan", "field 4 stands in message sale twice"),
      ("  3   \"000000\"", "  3   \"0000000\"", "message sale: DE3: 7 is more than 6"),
      ("  3   \"000000\"", "  3   \"00a000\"", "message sale: DE3: the character at 2 is not allowed in this field"),
      ("  3   \"000000\"", "  52  \"12x4\"", "\"12x4\" must be hexadecimal, since the field is binary"),
      ("  37  retrieval", "  38  \"1\"", "message sale needs field 37, by which answers are matched"),
    ])
  func aFieldThatCannotBeSentNamesItsLine(_ old: String, _ new: String, _ words: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try Self.dialect { $0.replacing(old, with: new, maxReplacements: 1) }
    }
    #expect(error.map { "\($0)".contains(words) && $0.line > 27 } == true, "\(String(describing: error))")
  }

  @Test(
    arguments: [
      "acquirer ", "address", "terminals", "codes sale      approved", "codes sale      declined",
      "codes reversal  reversed", "codes reversal  not-found", "codes inquiry   approved", "codes network   approved",
      "fields",
    ])
  func whatIsMissingIsNamed(_ line: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try Self.dialect { text in
        text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix(line) }
          .joined(separator: "\n")
      }
    }
    let name = line.split(separator: " ").joined(separator: " ")
    #expect(error.map { "\($0)".contains("test.conf: \"\(name)\" is missing") } == true, "\(String(describing: error))")
  }

  @Test func aTableThatIsNotThereIsNamed() throws {
    let error = #expect(throws: FileError.self) {
      try Dialect.example("example-1987", ["fields": "fields nowhere.fields"])
    }
    #expect(error.map { "\($0)".contains("nowhere.fields") } == true)
  }

  private static func dialect(_ change: (String) -> String) throws -> Dialect {
    let folder = TemporaryFolder()
    let text = try String(contentsOfFile: Repository.path("dialects/example-1987.conf"), encoding: .utf8)
    let path = folder.path + "/test.conf"
    try change(text).replacing("iso8583-", with: Repository.path("dialects/iso8583-"))
      .write(toFile: path, atomically: true, encoding: .utf8)
    return try Dialect(path: path)
  }
}
