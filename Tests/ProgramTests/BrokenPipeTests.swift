import Foundation
import TestPrograms
import Testing

/// Where nobody reads what a program prints any more, it ends as other Unix programs do.
@Suite(.serialized) struct BrokenPipeTests {
  /// A pipe whose reader has ended before the program begins to write: 141 is 128 and SIGPIPE's 13.
  @Test func aListThatNobodyReadsEndsWithoutAWord() throws {
    let desk = try Desk.shared.get()
    for command in [
      "countersign-admin consultant list", "countersign-admin consultant list --output json",
      "countersign-server audit verify --data '\(desk.server.root)/server'",
    ] {
      let run = try Self.intoClosedPipe(command, desk.server.admin)
      #expect(run.output == "141\n" && run.errors.isEmpty, "\(command): \(run)")
    }
  }

  @Test func theFirstLineAloneCanBeTaken() throws {
    let desk = try Desk()
    for _ in 0..<3 { #expect(try desk.pay(card: Desk.card).status == 0) }
    let run = try Program.shell(
      "'\(Program.folder.path)/countersign-admin' trace --order A-1 | head -1", environment: desk.server.admin)
    #expect(run.output.hasPrefix("payment      ") && run.errors.isEmpty, "\(run)")
  }

  /// It was charged: that must be told somewhere.
  @Test func whatHappenedIsTold() throws {
    let desk = try Desk()
    let card = try desk.card(Desk.card)
    let run = try Self.intoClosedPipe(
      "countersign-terminal pay --order A-1 --amount 5 --currency KRW <'\(card)'", desk.environment)
    #expect(run.output == "74\n", "\(run)")
    #expect(run.errors.contains("it would have said:\npayment ") && run.errors.contains("APPROVED"), "\(run)")
  }

  /// Nobody else knows a token, and the name is taken.
  @Test func aTokenIsToldAndHowToGetAnother() throws {
    let desk = try Desk()
    let run = try Program.shell(
      "'\(Program.folder.path)/countersign-admin' consultant add Lee --company Acme >/dev/full",
      environment: desk.server.admin)
    #expect(run.status == 74 && run.errors.contains("it would have said:\nconsultant 2\ntoken "), "\(run)")
    #expect(run.errors.hasSuffix("for another token: countersign-admin consultant token 2\n"), "\(run)")
    let cut = try Program.shell(
      "'\(Program.folder.path)/countersign-admin' company list >/dev/full", environment: desk.server.admin)
    #expect(cut.status == 74 && cut.errors.contains("a command that only reads may be given again"), "\(cut)")
  }

  private static func intoClosedPipe(_ command: String, _ environment: [String: String]) throws -> Program.Result {
    try runProgram(
      "bash", ["-c", "exec 4> >(exit 0); wait $!; '\(Program.folder.path)'/\(command) >&4; echo $?"],
      environment: environment)
  }
}
