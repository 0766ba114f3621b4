import Foundation
import TestPrograms
import Testing

/// The file given with --settings: what is wrong in it is named, with its line.
@Suite struct SettingsFileTests {
  @Test(arguments: [
    ("COUNTERSIGN_PROT=7443\n", "line 1: COUNTERSIGN_PROT is no setting; the nearest is COUNTERSIGN_PORT"),
    ("# port\n\n  COUNTERSIGN_PORT = 1\nPORT=1\n", "line 4: PORT is no setting"),
    ("COUNTERSIGN_HTTP_PORT=1", "line 1: COUNTERSIGN_HTTP_PORT is no setting; the nearest is COUNTERSIGN_HTTPS_PORT"),
    ("COUNTERSIGN_PORT 7443\n", "line 1: must be NAME=value"),
    ("COUNTERSIGN_PORT=1\nCOUNTERSIGN_PORT=2\n", "line 2: COUNTERSIGN_PORT comes twice"),
    ("# port\nCOUNTERSIGN_PORT=1\r\n", "line 2: ends with a carriage return"),
  ])
  func aWrongLineIsNamed(_ text: String, _ words: String) throws {
    let run = try Self.run(with: Data(text.utf8))
    #expect(run.status == 78, "\(run)")
    #expect(run.errors.contains(words), "\(run)")
  }

  @Test func bytesThatAreNoTextAreRefused() throws {
    let run = try Self.run(with: Data([0xff, 0xfe]))
    #expect(run.status == 78 && run.errors.contains("is not UTF-8"), "\(run)")
  }

  @Test(arguments: ["/", "/nonexistent/settings"])
  func aFileThatCannotBeReadIsNamedInPlainWords(_ path: String) throws {
    let run = try Program.run("countersign-server", ["run", "--settings", path])
    #expect(run.status == 78, "\(run)")
    let cause = path == "/" ? "Is a directory" : "No such file or directory"
    #expect(run.errors == "error: settings file: cannot read \(path): \(cause)\n")
  }

  /// Every name in the tables is known, each once.
  @Test func everyDocumentedNameIsASetting() throws {
    let text = try String(contentsOfFile: Repository.path("docs/operations.md"), encoding: .utf8)
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("|") }.joined()
    let names = Set(rows.matches(of: /COUNTERSIGN_[A-Z_]+/).map { String($0.output) })
    #expect(names.count > 20)
    let run = try Self.run(with: Data(names.map { "\($0)=\n" }.joined().utf8))
    #expect(!run.errors.contains("is no setting") && !run.errors.contains("comes twice"), "\(run)")
  }

  private static func run(with contents: Data) throws -> Program.Result {
    let path = NSTemporaryDirectory() + "countersign-settings-\(UUID().uuidString)"
    try contents.write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try Program.run("countersign-server", ["run", "--settings", path])
  }
}
