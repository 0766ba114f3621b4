import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// Commands on copies and keys, killed at their system calls. Source: docs/operations.md, "Backup" and "Vault keys".
@Suite(.serialized, .enabled(if: Injection.isPossible), .timeLimit(.minutes(5))) struct CutOffTests {
  /// Killed at the Nth call of each kind, until a backup comes to its end: before that, no file has the copy's name.
  @Test(arguments: ["pwrite64", "fsync", "rename"])
  func aBackupThatIsKilledLeavesNothingThatLooksWhole(_ call: String) throws {
    let desk = try Desk()
    let root = desk.server.root
    for _ in 0..<3 { #expect(try desk.pay(card: Desk.card).status == 0) }
    #expect(desk.server.stop() == 0)
    var (kills, place) = (0, 1)
    while true {
      let backup = try Self.kill(
        call, place, ["backup", "--data", "\(root)/server", "\(root)/copy.db"], in: root, server: desk.server)
      let isThere = FileManager.default.fileExists(atPath: "\(root)/copy.db")
      guard backup.status != 0 else {
        #expect(isThere)
        break
      }
      kills += 1
      // Killed once it has its name, when all that is left is to make that durable: it is whole, as told below.
      if isThere { break }
      let again = try Program.run("countersign-server", ["backup", "--data", "\(root)/server", "\(root)/copy.db"])
      let partial = FileManager.default.fileExists(atPath: "\(root)/copy.db.partial")
      #expect(partial == (again.status == 74 && again.errors.contains("copy.db.partial")), "\(again)")
      if partial { try FileManager.default.removeItem(atPath: "\(root)/copy.db.partial") }
      if again.status == 0 { try FileManager.default.removeItem(atPath: "\(root)/copy.db") }
      place = place < 4 ? place + 1 : place * 2
    }
    #expect(kills > 0)
    try Self.verify(root)
  }

  /// The server is killed while it copies: what the command was writing keeps the name that says so.
  @Test func aBackupWhoseServerIsKilledFails() throws {
    let desk = try Desk()
    let root = desk.server.root
    #expect(try desk.pay(card: Desk.card).status == 0)
    let injection = try Injection("pwrite64", "signal=KILL", place: 8, server: desk.server)
    let backup = try BackupTests.backup(desk)
    #expect(injection.hasStruck && backup.status != 0, "\(backup)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/copy.db"))
    injection.end()
  }

  /// The command is killed while the service copies: nobody gives the copy its name.
  @Test func aBackupWhoseCommandIsKilledKeepsThePartialName() async throws {
    let desk = try Desk()
    let root = desk.server.root
    #expect(try desk.pay(card: Desk.card).status == 0)
    let backup = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-server").path,
      ["backup", "--data", "\(root)/server", "\(root)/copy.db"], environment: desk.server.admin)
    while !FileManager.default.fileExists(atPath: "\(root)/copy.db.partial") { usleep(500) }
    backup.kill()
    // On a machine that is busy elsewhere it may have come to its end before.
    if FileManager.default.fileExists(atPath: "\(root)/copy.db") { return try Self.verify(root) }
    let again = try BackupTests.backup(desk)
    #expect(again.status != 0 && again.errors.contains("copy.db.partial"), "\(again)")
    try FileManager.default.removeItem(atPath: "\(root)/copy.db.partial")
    #expect(try BackupTests.backup(desk).status == 0)
    try Self.verify(root)
    #expect(desk.server.stop() == 0)
  }

  /// Whatever call of its files the change of the key-encryption key is killed at, the next start opens every card, and
  /// the change may be confirmed again.
  @Test(arguments: ["rename", "unlink", "fsync"])
  func aRewrapThatIsKilledGoesOn(_ call: String) throws {
    let desk = try Desk()
    let root = desk.server.root
    for _ in 0..<2 { try desk.pay(card: Desk.card).good() }
    let park = "\(root)/park"
    try desk.admin(["administrator", "add", "Park", "--role", "security-officer", "--folder", park]).good()
    var (kills, place) = (0, 1)
    while true {
      let asked = try desk.admin(["keys", "rewrap", "--output", "json"]).good()
      let object = try JSONSerialization.jsonObject(with: Data(asked.output.utf8)) as? [String: Any]
      let number = try #require(object?["operation"] as? Int)
      let injection = try Injection(call, "signal=KILL", place: place, server: desk.server, thread: .any)
      let confirmed = try desk.admin(["keys", "confirm", "\(number)", "--admin", park])
      injection.end()
      guard confirmed.status != 0 else { break }
      kills += 1
      place += 1
      #expect(try Self.cards(root) == ["1 2", "4111111111111111"], "killed at \(call) \(place - 1)")
      try desk.server.start()
      #expect(try Self.cards(root) == ["1 2", "4111111111111111"], "started after \(call) \(place - 1)")
      let again = try desk.admin(["keys", "confirm", "\(number)", "--admin", park])
      #expect(again.status == 0 && again.output.contains("2 keys are wrapped"), "\(again)")
    }
    #expect(kills > 0)
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try Self.cards(root) == ["1 3", "4111111111111111"])
    #expect(desk.server.stop() == 0)
  }

  /// The copy's journal is whole.
  private static func verify(_ root: String) throws {
    let (copy, key) = ("\(root)/copy.db", "\(root)/server/audit/public.pem")
    let whole = try Program.run("countersign-server", ["audit", "verify", "--ledger", copy, "--key", key])
    #expect(whole.status == 0, "\(whole)")
  }

  /// Runs countersign-server under strace, which kills it at its Nth call.
  private static func kill(
    _ call: String, _ place: Int, _ arguments: [String], in root: String, server: ServerProcess
  ) throws -> Program.Result {
    let program = Program.folder.appendingPathComponent("countersign-server").path
    let inject = ["-f", "-qq", "-o", "\(root)/strace.log", "-e", "trace=\(call)"]
    return try runProgram(
      "strace", inject + ["-e", "inject=\(call):signal=KILL:when=\(place)", program] + arguments,
      environment: server.admin)
  }

  /// "VERSION COUNT" for each data key, then each card, as an independent program opens them.
  private static func cards(_ root: String) throws -> [String] {
    try Repository.runPython("cards.py", ["\(root)/server/ledger.db", "\(root)/server/vault"]).good().lines
      .map(String.init)
  }
}
