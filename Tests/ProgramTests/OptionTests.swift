import Foundation
import TestPrograms
import Testing

/// What the programs say of options that are wrong by themselves or together.
@Suite(.serialized) struct OptionTests {
  /// The argument parser alone would say that the value is missing.
  @Test(arguments: [
    ("countersign-admin", ["trace", "--order", "A", "--limit", "-1"], "--limit must be at least 1"),
    ("countersign-admin", ["payments", "list", "--limit", "-5"], "--limit must be at least 1"),
    ("countersign-admin", ["gateway", "add", "Acme", "--host", "a", "--port", "-1"], "--port must be 1 to 65535"),
    (
      "countersign-admin", ["trace", "--order", "A", "--after", "-1"], "The value '-1' is invalid for '--after <after>'"
    ),
    (
      "countersign-server", ["run", "--data", "/nowhere", "--acquirer", "simulator", "--port", "-1"],
      "--port \"-1\": must be a number from 0 to 65535"
    ),
  ])
  func aNegativeNumberIsSaidToBeWrongAndNotMissing(
    _ program: String, _ arguments: [String], _ words: String
  ) throws {
    let run = try Program.run(program, arguments)
    #expect(run.status == 64 && run.errors.contains(words), "\(run)")
    #expect(!run.errors.contains("Missing value"), "\(run)")
  }

  /// Options of each kind of number, with a default, with none, and that must be given.
  @Test(arguments: [
    ("countersign-admin", ["payments", "list", "--after"]), ("countersign-admin", ["payments", "list", "--limit"]),
    ("countersign-admin", ["gateway", "add", "Acme", "--host", "a", "--port"]),
    ("countersign-server", ["run", "--port"]), ("countersign-server", ["run", "--public-https-port"]),
    ("countersign-gateway", ["run", "--handshakes"]),
    ("countersign-terminal", ["pay", "--order", "A", "--amount", "1", "--currency", "KRW", "--instalments"]),
    ("countersign-bench", ["idle", "--pid"]),
  ])
  func aNumberIsOfDigitsAlone(_ program: String, _ arguments: [String]) throws {
    for (value, words) in [
      ("+5", "must be a number, of digits alone"), ("0x5", "must be a number, of digits alone"),
      ("99999999999999999999", "must be at most "),
    ] {
      let run = try Program.run(program, arguments + [value])
      let option = arguments.last ?? ""
      #expect(run.status == 64 && run.errors.contains("The value '\(value)' is invalid for '\(option) "), "\(run)")
      #expect(run.errors.contains("': \(words)"), "\(run)")
    }
  }

  @Test func theDefaultOfANumberIsShown() throws {
    let help = try Program.run("countersign-admin", ["gateway", "add", "--help"]).good()
    #expect(help.output.contains("(default: 7443)"), "\(help)")
  }

  @Test func bothSubjectsOfUnlockAreNotTaken() throws {
    let both = try Program.run("countersign-admin", ["unlock", "--consultant", "1", "--source", "192.0.2.7"])
    #expect(both.status == 64 && both.errors.contains("--consultant and --source do not go together"), "\(both)")
  }

  @Test func whatReconcileNeedsIsNotShownAsOptional() throws {
    let help = try Program.run("countersign-admin", ["reconcile", "--help"]).good()
    #expect(help.output.contains("<file> --from <from> --to <to> ["), "\(help)")
  }

  /// Help, the parser and docs/operations.md have one list.
  @Test(arguments: ["countersign-server", "countersign-gateway"]) func allLogLevelsAreKnown(_ program: String) throws {
    let levels = "trace, debug, info, notice, warning, error, critical"
    let help = try Program.run(program, ["run", "--help"]).good()
    let words = help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("Log level, default info: \(levels)."), "\(help)")
    let wrong = try Program.run(program, ["run", "--data", "/nowhere", "--log-level", "all"])
    #expect(wrong.status == 64 && wrong.errors.contains("--log-level \"all\": must be one of \(levels)"), "\(wrong)")
    let document = try String(contentsOfFile: Repository.path("docs/operations.md"), encoding: .utf8)
    #expect(document.components(separatedBy: "| info; \(levels) |").count == 3)
  }
}
