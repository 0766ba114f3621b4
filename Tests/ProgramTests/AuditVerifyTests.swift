import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// `countersign-server audit verify` on the folder of a real service, beside the running server and after it.
@Suite(.serialized, .timeLimit(.minutes(3))) struct AuditVerifyTests {
  private static func verify(_ desk: Desk, _ arguments: [String] = []) throws -> Program.Result {
    try Program.run("countersign-server", ["audit", "verify", "--data", "\(desk.server.root)/server"] + arguments)
  }

  private static func head(_ result: Program.Result) throws -> String {
    let line = try #require(result.output.split(separator: "\n").first { $0.hasPrefix("  head/1 ") })
    return line.dropFirst(2) + "\n"
  }

  /// Changes the ledger as somebody with the file's rights could; the server is not running.
  private static func alter(_ desk: Desk, _ statement: String) throws {
    try runProgram("sqlite3", ["\(desk.server.root)/server/ledger.db", statement]).good()
  }

  @Test func attacksOnTheFileAreFoundAndTheFirstBadRecordIsNamed() async throws {
    let desk = try Desk()
    let folder = desk.server.root
    for _ in 0..<3 { #expect(try desk.pay(card: Desk.card).status == 0) }
    let beside = try Self.verify(desk)
    #expect(beside.status == 0 && beside.output.hasPrefix("whole: "), "\(beside.errors)\(beside.output)")
    #expect(desk.server.stop() == 0)

    let whole = try Self.verify(desk)
    #expect(whole.status == 0 && !whole.output.contains("no head is over"), "\(whole.output)")
    let kept = try Self.head(whole)
    try Data(kept.utf8).write(to: URL(fileURLWithPath: "\(folder)/kept"))
    let against = try Self.verify(desk, ["--against", "\(folder)/kept", "--key", "\(folder)/server/audit/public.pem"])
    #expect(against.status == 0 && against.output.contains("agree with 1 kept elsewhere"), "\(against.output)")

    let rows = try Sqlite.lines("\(folder)/server/ledger.db", "SELECT seq FROM payment ORDER BY seq DESC LIMIT 1")
    let payment = try #require(rows.first.flatMap { Int($0) })
    try Self.alter(desk, "UPDATE payment SET amount = amount * 10 WHERE seq = \(payment)")
    let altered = try Self.verify(desk)
    #expect(altered.status == 1 && altered.output == "bad: record \(payment) was altered\n", "\(altered.output)")
    try Self.alter(desk, "UPDATE payment SET amount = amount / 10 WHERE seq = \(payment)")

    try Self.alter(
      desk,
      """
      DELETE FROM payment WHERE seq >= \(payment); DELETE FROM outcome WHERE seq >= \(payment);
      DELETE FROM event WHERE seq >= \(payment); DELETE FROM head WHERE last >= \(payment)
      """)
    let own = try Self.verify(desk)
    #expect(own.status == 1 && own.output.contains("has a signed head"), "\(own.output)")
    #expect(own.output.hasPrefix("bad: record \(payment) is missing: \(folder)/server/heads/"), "\(own.output)")
    try FileManager.default.removeItem(atPath: "\(folder)/server/heads")
    #expect(try Self.verify(desk).status == 0, "a cut end shows against a kept head alone")
    let cut = try Self.verify(desk, ["--against", "\(folder)/kept", "--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(cut.output.utf8)) as? [String: Any]
    #expect(cut.status == 1 && object?["record"] as? Int == payment, "\(cut.output)")
    #expect((object?["text"] as? String)?.contains("\(folder)/kept, line 1") == true, "\(cut.output)")
  }

  /// By hand, in the ledger or in a backup: the journal still says who is revoked.
  @Test func aConsultantMadeGoodAgainByHandIsFoundAndNotRestored() throws {
    let desk = try Desk()
    let root = desk.server.root
    try desk.admin(["consultant", "add", "Lee", "--company", "Acme"]).good()
    try desk.admin(["revoke", "consultant", "Kim", "--reason", "key-compromise"]).good()
    try desk.admin(["revoke", "device", "02:00:00:00:00:09", "--reason", "superseded"]).good()
    try desk.admin(
      ["administrator", "add", "Park", "--role", "auditor", "--folder", "\(root)/park"]
    ).good()
    #expect(desk.server.stop() == 0)
    #expect(try Self.verify(desk).status == 0)
    try Program.run("countersign-server", ["backup", "--data", "\(root)/server", "\(root)/copy.db"]).good()

    try Self.alter(desk, "UPDATE consultant SET revoked = NULL, reason = NULL WHERE id = 1")
    let found = try Self.verify(desk)
    #expect(found.status == 1, "\(found)")
    #expect(
      found.output.hasPrefix("bad: table consultant, row 1: the journal says revoked at ")
        && found.output.contains(" for key-compromise (record ")
        && found.output.hasSuffix("the register not revoked\n"),
      "\(found)")
    let json = try Self.verify(desk, ["--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let rows = object?["register"] as? [[String: String]]
    #expect(object?["result"] as? String == "bad" && rows?.count == 1, "\(json)")
    #expect(rows?.first?["table"] == "consultant" && rows?.first?["row"] == "1", "\(json)")

    try runProgram(
      "sqlite3", ["\(root)/copy.db", "UPDATE administrator SET roles = 7 WHERE name = 'Park'; DELETE FROM device"]
    ).good()
    let refused = try Program.run(
      "countersign-server", ["restore", "--data", "\(root)/server", "\(root)/copy.db"])
    #expect(refused.status == 1 && refused.errors.contains("the register is not what the journal says"), "\(refused)")
    #expect(refused.errors.contains("table administrator, row 2: the journal says auditor (record "), "\(refused)")
    #expect(refused.errors.contains("table device, row 02:00:00:00:00:09: the journal says revoked"), "\(refused)")
  }

  @Test func aCertificateThatIsNotWhatItsRowSaysIsFoundAndNotRestored() throws {
    let desk = try Desk()
    let root = desk.server.root
    try BackupTests.backup(desk).good()
    #expect(desk.server.stop() == 0)
    let change = "UPDATE certificate SET not_after = not_after + 1, subject_text = 'CN=Eve' WHERE holder_kind = 1"
    try runProgram("sqlite3", ["\(root)/copy.db", change]).good()
    let refused = try BackupTests.restore(root)
    #expect(refused.status == 1, "\(refused)")
    #expect(refused.errors.contains("subject_text CN=Eve, and its certificate CN="), "\(refused)")
    #expect(refused.errors.contains("not_after ") && refused.errors.contains("table certificate, row "), "\(refused)")
    #expect(try Self.verify(desk).status == 0)
  }

  /// Every row is as it was, and would not be after the next payment.
  @Test func aTriggerThatSomebodyAddedIsFoundAndNeitherRestoredNorServed() throws {
    let desk = try Desk()
    let root = desk.server.root
    let trigger = """
      CREATE TRIGGER tt AFTER INSERT ON payment BEGIN
        UPDATE consultant SET revoked = NULL, reason = NULL; UPDATE certificate SET revoked = NULL, reason = NULL;
      END
      """
    try desk.admin(["consultant", "add", "Lee", "--company", "Acme"]).good()
    try desk.admin(["revoke", "consultant", "Lee", "--reason", "key-compromise"]).good()
    let ledger = "\(root)/server/ledger.db"
    try BackupTests.backup(desk).good()
    // Beside the running server, which goes on and whose connections run no trigger.
    try runProgram("sqlite3", [ledger, trigger]).good()
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try Sqlite.lines(ledger, "SELECT count(*) FROM consultant WHERE revoked IS NOT NULL") == ["1"])
    let backup = try BackupTests.backup(desk, to: "other.db")
    #expect(backup.status == 1 && backup.errors.contains("\n  trigger tt on payment was added"), "\(backup)")
    #expect(desk.server.stop() == 0)

    let found = try Self.verify(desk)
    #expect(found.status == 1 && found.output == "bad: schema: trigger tt on payment was added\n", "\(found)")
    let json = try Self.verify(desk, ["--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let objects = object?["schema"] as? [[String: String]]
    #expect(
      json.status == 1
        && objects == [["type": "trigger", "name": "tt", "table": "payment", "problem": "was added"]], "\(json)")
    let started = try Program.run(
      "countersign-server", ["run", "--data", "\(root)/server", "--port", "0", "--acquirer", "simulator"])
    #expect(
      started.status == 74
        && started.errors.contains("\(ledger): the schema was altered: trigger tt on payment was added"), "\(started)")

    try runProgram("sqlite3", ["\(root)/copy.db", trigger]).good()
    let refused = try Program.run(
      "countersign-server", ["restore", "--data", "\(root)/server", "\(root)/copy.db"])
    #expect(
      refused.status == 1 && refused.errors.contains("the schema is not that of a ledger:\n  trigger tt on payment"),
      "\(refused)")
    try runProgram("sqlite3", [ledger, "DROP TRIGGER tt; ANALYZE"]).good()
    #expect(try Self.verify(desk).status == 0)
    try desk.server.start()
  }

  /// With an index that has lost its entries a key could be charged twice.
  @Test func anIndexThatSomebodyEmptiedIsFoundWithIndexes() throws {
    let desk = try Desk()
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(desk.server.stop() == 0)
    let whole = try Self.verify(desk, ["--indexes"])
    #expect(whole.status == 0 && whole.output.hasPrefix("whole: "), "\(whole.errors)\(whole.output)")
    let text = "CREATE UNIQUE INDEX payment_key ON payment (key, company)"
    try Self.alter(
      desk,
      """
      DROP INDEX payment_key; \(text) WHERE 0; PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = '\(text)' WHERE name = 'payment_key'
      """)
    let emptied = try Self.verify(desk, ["--indexes"])
    #expect(emptied.status == 74, "\(emptied.output)")
    #expect(emptied.errors.contains("is damaged: row 1 missing from index payment_key"), "\(emptied.errors)")
  }

  @Test func wrongFilesAreNamed() throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    let text = "\(root)/no-heads"
    try Data("head/1 1 2 3\n".utf8).write(to: URL(fileURLWithPath: text))
    let noHeads = try Self.verify(desk, ["--against", text])
    #expect(noHeads.status == 65 && noHeads.errors.contains("\(text), line 1: is no head"), "\(noHeads.errors)")
    let (folder, file) = ("\(root)/empty-folder", "\(root)/empty-file")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: file))
    let good = "\(root)/one-head"
    try Data(try Self.head(try Self.verify(desk)).utf8).write(to: URL(fileURLWithPath: good))
    for empty in [folder, file] {
      let nothing = try Self.verify(desk, ["--against", empty])
      #expect(nothing.status == 65 && nothing.errors.contains("no head in \(empty)"), "\(nothing.errors)")
      let beside = try Self.verify(desk, ["--against", good, "--against", empty])
      #expect(beside.status == 65 && beside.errors.contains("no head in \(empty)"), "\(beside.errors)")
    }
    let missing = try Self.verify(desk, ["--against", "\(root)/missing"])
    #expect(missing.status == 74 && missing.errors.contains("\(root)/missing"), "\(missing.errors)")
    let noKey = try Self.verify(desk, ["--key", "\(root)/passphrase"])
    #expect(noKey.status == 77 && noKey.errors.contains("is not a PEM public key"), "\(noKey.errors)")
    let noLedger = try Program.run(
      "countersign-server", ["audit", "verify", "--ledger", text, "--key", "\(root)/server/audit/public.pem"])
    #expect(noLedger.status == 74 && noLedger.errors.contains(text), "\(noLedger.errors)")
    let noFile = try Program.run(
      "countersign-server", ["audit", "verify", "--ledger", root, "--key", "\(root)/server/audit/public.pem"])
    #expect(noFile.status == 74 && noFile.errors.contains("\(root) cannot be opened: it is no regular file"))
    let nothing = try Program.run("countersign-server", ["audit", "verify"])
    #expect(nothing.status == 64 && nothing.errors.contains("--data"), "\(nothing.errors)")
  }

  @Test func headsOfAnotherServiceAreNotTakenForThisOnes() throws {
    let (one, other) = (try Desk.shared.get(), try Desk())
    let file = "\(other.server.root)/heads"
    try Data(try Self.head(try Self.verify(other)).utf8).write(to: URL(fileURLWithPath: file))
    let result = try Self.verify(one, ["--against", file])
    #expect(result.status == 65 && result.errors.contains("\(file), line 1: the head is not signed with this key"))
  }

  @Test func otherProcessesOfTheMachineGoFirst() async throws {
    let folder = try Desk.shared.get().server.root
    let key = "\(folder)/\(UUID().uuidString)"
    try runProgram("mkfifo", [key]).good()
    // It waits for its key, which nobody writes.
    let program = try RunningProgram(
      Program.folder.appending(path: "countersign-server").path,
      ["audit", "verify", "--data", "\(folder)/server", "--key", key])
    defer { program.kill() }
    var nice: Set<Substring> = []
    for _ in 0..<500 where nice != ["19"] {
      try await Task.sleep(for: .milliseconds(20))
      nice = try Self.nice(program.pid)
    }
    #expect(nice == ["19"])
  }

  /// Nice values of a process's threads: the 19th field of each one's stat (proc(5)).
  private static func nice(_ process: pid_t) throws -> Set<Substring> {
    let tasks = "/proc/\(process)/task"
    return Set(
      try FileManager.default.contentsOfDirectory(atPath: tasks).compactMap { task in
        let text = try String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)
        return text.split(separator: ")").last?.split(separator: " ")[16]
      })
  }
}
