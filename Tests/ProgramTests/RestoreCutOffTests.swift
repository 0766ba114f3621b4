import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// `countersign-server restore`, cut off at each call that moves its files or makes them durable: the former ledger is as
/// it was, or nobody opens the folder before the command is given again. Source: docs/operations.md, "Backup".
@Suite(.serialized, .enabled(if: Injection.isPossible), .timeLimit(.minutes(5))) struct RestoreCutOffTests {
  private enum Effect: String, CaseIterable {
    case kill = "signal=KILL"
    case fail = "error=EIO"
  }

  /// Of the three payments, the copy has one, and two are in the WAL of a server that was killed.
  @Test(arguments: ["rename", "fsync", "fdatasync", "unlink"])
  func aRestoreThatIsCutOffNeverLeavesAnOlderLedgerInService(_ call: String) throws {
    let root = try Self.killedService()
    defer { try? FileManager.default.removeItem(atPath: root) }
    var struck = 0
    for effect in Effect.allCases {
      for place in 1... {
        try Program.shell("cd '\(root)' && rm -rf server && cp -a before server").good()
        let restored = try Self.restore(root, "inject=\(call):\(effect.rawValue):when=\(place)")
        let isStruck = try String(contentsOfFile: "\(root)/strace.log", encoding: .utf8).contains(
          effect == .kill ? "killed by SIGKILL" : "INJECTED")
        guard isStruck else {
          try Self.checkRestored(root, "\(call), nothing struck at \(place)")
          break
        }
        struck += 1
        try Self.check(root, restored, "\(call) \(place) \(effect)")
      }
    }
    #expect(struck >= 4, "\(struck)")
  }

  /// Whether the WAL is with it shows in the number of outcomes.
  private static func check(_ root: String, _ restored: Program.Result, _ place: String) throws {
    let data = "\(root)/server"
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(data)/\(name)") }
    if isThere("ledger.db.restore-begun") {
      #expect(restored.status != 0, "\(place): \(restored)")
      for command in [
        ["run", "--acquirer", "simulator", "--port", "0"], ["audit", "verify"], ["backup", "\(root)/other.db"],
      ] {
        let refused = try Program.run("countersign-server", command + ["--data", data])
        #expect(
          refused.status == 78 && refused.errors.contains("ledger.db.restore-begun is there: a restore was cut off")
            && refused.errors.contains("give countersign-server restore again"), "\(place), \(command): \(refused)")
      }
      let again = try Self.restore(root)
      #expect(
        again.status == 0
          && again.output.contains(
            "the former ledger is kept as \(data)/ledger.db.before-epoch-2, with \(data)/heads.before-epoch-2, "
              + "\(data)/ledger.db.before-epoch-2-wal"),
        "\(place): \(again)")
      try checkRestored(root, place)
    } else if isThere("ledger.db.before-epoch-2") {
      // All was done but to make it durable that the marker is gone.
      try checkRestored(root, place)
    } else {
      #expect(restored.status != 0, "\(place): \(restored)")
      #expect(!isThere("heads.before-epoch-2") && !isThere("ledger.db.before-epoch-2-wal"), "\(place)")
      try checkFormer("ledger.db", "heads", root, place)
    }
  }

  private static func checkRestored(_ root: String, _ place: String) throws {
    #expect(try outcomes("\(root)/server/ledger.db") == 1, "\(place)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/server/ledger.db.restore-begun"), "\(place)")
    try checkFormer("ledger.db.before-epoch-2", "heads.before-epoch-2", root, place)
  }

  private static func checkFormer(_ ledger: String, _ heads: String, _ root: String, _ place: String) throws {
    let data = "\(root)/server"
    #expect(try outcomes("\(data)/\(ledger)") == 3, "\(place)")
    let verified = try Program.run(
      "countersign-server",
      [
        "audit", "verify", "--ledger", "\(data)/\(ledger)", "--key", "\(data)/audit/public.pem", "--against",
        "\(data)/\(heads)",
      ])
    #expect(verified.status == 0 && verified.output.contains("kept elsewhere"), "\(place): \(verified)")
  }

  private static func outcomes(_ ledger: String) throws -> Int? {
    Int(try Sqlite.lines(ledger, "SELECT count(*) FROM outcome")[0])
  }

  // MARK: - Support

  /// - Returns: a folder with `before`, the server's folder as a kill left it, and `copy.db`.
  private static func killedService() throws -> String {
    let desk = try Desk()
    let root = NSTemporaryDirectory() + "countersign-restore-\(UUID().uuidString)"
    let data = "\(desk.server.root)/server"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    try desk.pay(card: Desk.card).good()
    try BackupTests.backup(desk).good()
    // While somebody reads an older state, the WAL cannot be copied into the ledger.
    let reader = try RunningProgram("sqlite3", ["-readonly", "\(data)/ledger.db"])
    reader.type("BEGIN; SELECT 'held', count(*) FROM outcome;\n")
    try reader.prints("held")
    for _ in 0..<2 { try desk.pay(card: Desk.card).good() }
    desk.server.kill()
    reader.kill()
    try Program.shell("mv '\(desk.server.root)/copy.db' '\(root)/' && cp -a '\(data)' '\(root)/before'").good()
    return root
  }

  /// - Parameter inject: what strace does to one of its calls; nil: it runs undisturbed.
  private static func restore(_ root: String, _ inject: String? = nil) throws -> Program.Result {
    let arguments = ["restore", "--data", "\(root)/server", "\(root)/copy.db"]
    guard let inject else { return try Program.run("countersign-server", arguments) }
    let call = String(inject.split(separator: ":")[0].dropFirst("inject=".count))
    let program = Program.folder.appendingPathComponent("countersign-server").path
    return try runProgram(
      "strace",
      ["-f", "--seccomp-bpf", "-o", "\(root)/strace.log", "-e", "trace=\(call)", "-e", inject, program] + arguments)
  }
}
