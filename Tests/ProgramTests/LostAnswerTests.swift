import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// Refunds and voids whose answer is lost: they may have been taken, so the program does not say that nothing happened.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LostAnswerTests {
  /// The simulator does not answer an amount that ends with 52 the first time.
  @Test func aConfirmationWhoseLineIsLostIsUnknown() async throws {
    let desk = try Desk()
    try desk.pay(card: Desk.card).good()
    let folder = "\(desk.server.root)/lee"
    try desk.admin(["administrator", "add", "Lee Jun", "--role", "operator", "--folder", folder]).good()
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let asked = try desk.json(["refund", "\(payment)", "--amount", "52"])
    let number = try #require(asked.first?["operation"] as? Int)
    let confirming = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-admin").path, ["confirm", "\(number)", "--admin", folder],
      environment: desk.server.admin, errors: .kept)
    let ledger = "\(desk.server.root)/server/ledger.db"
    // SENDING
    while try Sqlite.lines(ledger, "SELECT state FROM operation") != ["4"] {
      try await Task.sleep(for: .milliseconds(5))
    }
    desk.server.kill()
    #expect(try confirming.wait() == 2, "\(confirming.errors)")
    #expect(confirming.errors.contains("countersign-admin operations list tells"), "\(confirming.errors)")

    let unsent = try desk.admin(["confirm", "\(number)", "--admin", folder])
    #expect(unsent.status == 69 && unsent.errors.contains("no connection"), "\(unsent)")
    try desk.server.start()
    let again = try desk.json(["operations", "list"])
    #expect(again.first?["state"] as? String == "UNKNOWN", "\(again)")
  }

  /// The service is killed when it makes the request durable.
  @Test(.enabled(if: Injection.isPossible)) func aRequestWhoseAnswerIsLostIsUnknownAndMayBeGivenAgain() async throws {
    let desk = try Desk()
    try desk.pay(card: Desk.card).good()
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let ledger = "\(desk.server.root)/server/ledger.db"
    // Nothing is left to be written but what is asked for.
    let isIdle = "SELECT (SELECT max(last) FROM head) >= (SELECT max(seq) FROM event)"
    while try Sqlite.lines(ledger, isIdle) != ["1"] { try await Task.sleep(for: .milliseconds(20)) }
    let injection = try Injection("fdatasync", "signal=KILL", place: 1, server: desk.server)
    let lost = try desk.admin(["refund", "\(payment)", "--amount", "100"])
    injection.end()
    #expect(lost.status == 2 && lost.errors.contains("give the command again with --key "), "\(lost)")
    let words = lost.errors.split(separator: " ")
    let key = try #require(words.last).trimmingCharacters(in: .newlines)
    try desk.server.start()
    try desk.admin(["refund", "\(payment)", "--amount", "100", "--key", key]).good()
    #expect(try desk.json(["operations", "list"]).count == 1)
  }
}
