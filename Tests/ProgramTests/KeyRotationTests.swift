import CountersignClient
import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// The server is killed again and again while it seals cards again. Source: docs/security.md, "Card data".
@Suite(.serialized, .timeLimit(.minutes(5))) struct KeyRotationTests {
  @Test func aRotationGoesOnOverKillsAndTheCardsOpenAllTheTime() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let terminal = try Terminal(
      folder: TerminalFolder("\(root)/terminal"), passphrase: .init(copying: Array("correct horse".utf8)),
      program: "kill/1")
    var told = 0
    // Enough cards for the rotation to be cut off.
    while told <= 400 {
      let session = try await terminal.login()
      told += try await KillTests.payUntilKilled(desk.server, session).filter { $0.1 != nil }.count
      try desk.server.start()
    }
    let rotated = try desk.twoOfficers(["keys", "rotate"])
    #expect(rotated.output.hasPrefix("data key 2 is in force"), "\(rotated)")
    var positions: [Int64] = []
    for _ in 0..<20 {
      desk.server.kill()
      positions.append(try Self.position(root))
      _ = try Self.cards(root)
      try desk.server.start()
      if try Self.isFinished(root) { break }
    }
    #expect(positions == positions.sorted(), "a rotation went back: \(positions)")
    while !(try Self.isFinished(root)) { try await Task.sleep(for: .milliseconds(20)) }
    let status = try desk.admin(["keys", "status"])
    #expect(status.output.hasPrefix("data key 2 is in force (at hand: 1, 2); not rotating"), "\(status)")
    let payments = try Sqlite.lines("\(root)/server/ledger.db", "SELECT count(*) FROM payment")[0]
    #expect(try Self.cards(root) == ["2 \(payments)", "4111111111111111"])
    let rewrapped = try desk.twoOfficers(["keys", "rewrap"])
    #expect(rewrapped.output.hasPrefix("3 keys are wrapped under a new key-encryption key"), "\(rewrapped)")
    #expect(desk.server.stop() == 0)
    #expect(try Self.cards(root) == ["2 \(payments)", "4111111111111111"])
    let journal = try Repository.runPython(
      "journal.py", ["\(root)/server/ledger.db", "\(root)/server/audit/public.pem"])
    #expect(journal.status == 0, "\(journal)")
  }

  private static func position(_ root: String) throws -> Int64 {
    Int64(try Sqlite.lines("\(root)/server/ledger.db", "SELECT position FROM rotation").first ?? "0") ?? 0
  }

  private static func isFinished(_ root: String) throws -> Bool {
    try Sqlite.lines("\(root)/server/ledger.db", "SELECT finished FROM rotation").first == "1"
  }

  /// "VERSION COUNT" for each data key, then each card, as an independent program opens them.
  private static func cards(_ root: String) throws -> [String] {
    try Repository.runPython("cards.py", ["\(root)/server/ledger.db", "\(root)/server/vault"]).good().lines
      .map(String.init)
  }
}
