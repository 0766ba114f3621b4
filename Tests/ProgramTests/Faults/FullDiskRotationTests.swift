import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// A rotation of the vault's keys on a disk that has no room, and then has. Source: docs/operations.md, "Vault keys".
@Suite(.serialized, .enabled(if: SmallDisk.isPossible(.tmpfs)), .timeLimit(.minutes(3))) struct FullDiskRotationTests {
  @Test func aRotationWaitsForRoomAndGoesOnByItself() async throws {
    let disk = try SmallDisk(.tmpfs, megabytes: 192)
    let server = try ServerProcess()
    try disk.take(server)
    let desk = try Desk(server: server)
    let ledger = "\(server.root)/server/ledger.db"
    for _ in 0..<3 { #expect(try desk.pay(card: Desk.card).status == 0) }
    #expect(server.stop() == 0)
    try FileManager.default.copyItem(atPath: ledger, toPath: "\(server.root)/before.db")
    try server.start()
    _ = try desk.twoOfficers(["keys", "rotate"])
    #expect(server.stop() == 0)
    // The key is made and the ledger is as it was before: a crash between the two leaves that.
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: ledger + suffix) }
    try FileManager.default.copyItem(atPath: "\(server.root)/before.db", toPath: ledger)
    try disk.fill(leaving: 65_536)
    try server.start()

    var status = try desk.admin(["keys", "status"])
    while !status.output.contains("the rotation waits") { status = try desk.admin(["keys", "status"]) }
    #expect(status.output.contains("less than 128 MiB of its disk are free"), "\(status)")
    #expect(status.output.contains("data key 2 is in force (at hand: 1, 2); rotating: payment 0 of "), "\(status)")
    #expect(try Self.cards(server.root) == ["1 3", "4111111111111111"])
    #expect(server.logText.contains("cards are not sealed again for now"))
    try disk.fill()
    try await Task.sleep(for: .milliseconds(1_500))
    #expect(try Self.cards(server.root) == ["1 3", "4111111111111111"])

    try disk.empty()
    let finished = "SELECT finished FROM rotation"
    while try Sqlite.lines(ledger, finished) != ["1"] { try await Task.sleep(for: .milliseconds(50)) }
    #expect(try Self.cards(server.root) == ["2 3", "4111111111111111"])
    let after = try desk.admin(["keys", "status"])
    #expect(after.output.contains("not rotating") && !after.output.contains("waits"), "\(after)")
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(server.stop() == 0)
  }

  /// "VERSION COUNT" for each data key, then each card, as an independent program opens them.
  private static func cards(_ root: String) throws -> [String] {
    try Repository.runPython("cards.py", ["\(root)/server/ledger.db", "\(root)/server/vault"]).good().lines
      .map(String.init)
  }
}
