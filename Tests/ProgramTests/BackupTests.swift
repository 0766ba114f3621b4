import CountersignClient
import CountersignRPC
import Foundation
import Messages
import TestAcquirer
import TestPrograms
import Testing

/// Copies made while payments go on, and what begins with one that is restored. Source: docs/operations.md, "Backup".
@Suite(.serialized, .timeLimit(.minutes(5))) struct BackupTests {
  @Test func aCopyMadeDuringPaymentsIsWholeAndHasAllThatWasToldBefore() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let session = try await Self.terminal(root).login()
    var told: [PaymentResult] = []
    for _ in 0..<50 { told.append(try await session.pay(Self.order, card: Self.card)) }
    let paying = Paying(session)
    let count = "SELECT count(*) FROM outcome"
    while try Sqlite.lines("\(root)/server/ledger.db", count) == ["50"] { try await Task.sleep(for: .milliseconds(20)) }
    let copied = try Self.backup(desk)
    let meanwhile = try await paying.end()
    #expect(copied.status == 0 && copied.output.contains(" records, whole"), "\(copied)")
    #expect(!meanwhile.isEmpty && meanwhile.allSatisfy { $0.outcome == .approved })
    #expect(try Self.files(root).filter { $0.hasPrefix("copy.db") } == ["copy.db"])
    #expect(try FileManager.default.attributesOfItem(atPath: "\(root)/copy.db")[.posixPermissions] as? Int == 0o600)
    // Outside truth: Python computes every leaf and head again, and SQLite's own program checks the file.
    #expect(try Self.journal("\(root)/copy.db", root).status == 0)
    #expect(try Sqlite.lines("\(root)/copy.db", "PRAGMA integrity_check") == ["ok"])
    let inCopy = Set(try Sqlite.lines("\(root)/copy.db", "SELECT payment FROM outcome").compactMap(UInt64.init))
    #expect(inCopy.isSuperset(of: told.map(\.payment)))
    let kinds = try Sqlite.lines(
      "\(root)/server/ledger.db", "SELECT kind FROM event WHERE kind LIKE 'BACKUP%' ORDER BY seq")
    #expect(kinds == ["BACKUP_STARTED", "BACKUP_FINISHED"])

    let before = try Data(contentsOf: URL(fileURLWithPath: "\(root)/copy.db"))
    let again = try Self.backup(desk)
    #expect(again.status == 74 && again.errors.contains("copy.db exists already"), "\(again)")
    #expect(desk.server.stop() == 0)
    let stopped = try Self.backup(desk, to: "stopped.db")
    #expect(stopped.status == 0, "\(stopped)")
    #expect(try Self.journal("\(root)/stopped.db", root).status == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: "\(root)/copy.db")) == before)
  }

  /// Each is whole, or refused with the true reason, whichever of them the service was asked about last.
  @Test func backupsAtOnceAreWholeOrRefusedTruly() async throws {
    let desk = try Desk()
    let (root, environment) = (desk.server.root, desk.server.admin)
    for round in 0..<4 {
      let results = try await withThrowingTaskGroup(of: (String, Program.Result).self) { group in
        for number in 0..<4 {
          let name = "copy-\(round)-\(number).db"
          group.addTask { (name, try Self.backup(root, environment, to: name)) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(results.contains { $0.1.status == 0 })
      for (name, result) in results {
        let isThere = try Self.files(root).contains(name)
        #expect(isThere == (result.status == 0), "\(result)")
        #expect(result.status == 0 || result.errors.contains("another copy is being made"), "\(result)")
      }
    }
  }

  @Test func aRestoredBackupBeginsANewEpochAndTakesPaymentsOnlyOnceItWasConfirmed() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let ledger = "\(root)/server/ledger.db"
    let terminal = try Self.terminal(root)
    let session = try await terminal.login()
    let told = try await session.pay(Self.order, card: Self.card)
    #expect(try Self.backup(desk).status == 0)
    let lostKey = session.makeKey()
    _ = try await session.pay(Self.order, card: Self.card, key: lostKey)
    let oldKey = session.makeKey()
    let running = try Self.restore(root)
    #expect(running.status == 74 && running.errors.contains("in use by a server process"), "\(running)")
    #expect(desk.server.stop() == 0)
    let head = try Sqlite.lines("\(root)/copy.db", "SELECT max(last) FROM head")[0]
    let restored = try Self.restore(root)
    #expect(restored.status == 0, "\(restored)")
    #expect(restored.output.hasPrefix("epoch 2, id "), "\(restored)")
    #expect(restored.output.contains("goes on from the head over record \(head); data key 2 is in force"))
    #expect(try Self.files("\(root)/server").isSuperset(of: ["ledger.db.before-epoch-2", "heads.before-epoch-2"]))

    try desk.server.start()
    #expect(try Sqlite.lines(ledger, "SELECT count(*) FROM session WHERE ended IS NULL") == ["0"])
    #expect(try desk.admin(["trace", "\(told.payment)"]).output.contains("APPROVED"))
    let held = try await terminal.login()
    #expect(await Self.reason { _ = try await held.pay(Self.order, card: Self.card) } == "LEDGER_UNCONFIRMED")
    // Told at once, since waiting does not help.
    let paying = try desk.pay(card: Desk.card)
    #expect(paying.status == 69 && paying.errors.split(separator: "\n").count == 1, "\(paying)")
    #expect(
      paying.errors.contains("payments are stopped until an administrator has confirmed the restored ledger"),
      "\(paying)")
    #expect(desk.server.logText.contains("restored from a backup"))
    let refund = try desk.admin(["refund", "\(told.payment)", "--amount", "100"])
    let advice = "countersign-admin reconcile, then epoch confirm"
    #expect(refund.status == 69 && refund.errors.contains(advice), "\(refund)")
    #expect(!refund.errors.contains("the answer was lost"), "\(refund)")
    #expect(try desk.admin(["unresolved"]).errors.contains(advice))
    #expect(try desk.admin(["epoch", "show"]).output.contains("not confirmed"))
    let waiting = try await terminal.login()
    let early = try desk.admin(["epoch", "confirm", "--comment", "compared by hand"])
    #expect(early.status == 1 && early.errors.contains("RECONCILIATION_REQUIRED"), "\(early)")
    #expect(try Self.reconcile(desk, "2026-01-01", "2026-01-02").status == 0)
    let other = try desk.admin(["epoch", "confirm", "--comment", "a file of another time"])
    #expect(other.status == 1 && other.errors.contains("RECONCILIATION_REQUIRED"), "\(other)")
    let compared = try Self.reconcile(desk, "2026-01-01", "2099-01-01")
    #expect(compared.status == 3 && compared.output.contains("epoch confirm, of epoch 2"), "\(compared)")
    let confirmed = try desk.admin(["epoch", "confirm", "--comment", "compared by hand"])
    #expect(confirmed.status == 0 && confirmed.output.contains("; confirmed"), "\(confirmed)")
    let twice = try desk.admin(["epoch", "confirm", "--comment", "once more"])
    #expect(twice.status == 1 && twice.errors.contains("EPOCH_NOT_WAITING"), "\(twice)")

    // In the session of before, in the same process. A terminal's keys have the service's time as its login told it, which
    // a busy machine tells late.
    try await Task.sleep(for: .seconds(3))
    let paid = try await waiting.pay(Self.order, card: Self.card)
    let after = try await terminal.login()
    #expect(paid.outcome == .approved)
    let versions = "SELECT DISTINCT key_version FROM payment WHERE seq = \(paid.payment)"
    #expect(try Sqlite.lines(ledger, versions) == ["2"])
    // Made before the confirmation: it may have been charged by the ledger that was lost.
    #expect(
      await Self.reason { _ = try await after.pay(Self.order, card: Self.card, key: oldKey) } == "LEDGER_RESTORED")
    #expect(await Self.reason { _ = try await after.payment(key: lostKey) } == "LEDGER_RESTORED")
    #expect(desk.server.stop() == 0)
    #expect(try Self.journal(ledger, root).status == 0)
    let events = try Sqlite.lines(ledger, "SELECT body FROM event WHERE kind IN ('EPOCH_BEGUN', 'EPOCH_CONFIRMED')")
    #expect(events.count == 2 && events[0].contains("goes on from the head over record \(head)"), "\(events)")
    #expect(events.last?.contains(", reconciled by record ") == true && events.last?.contains("by hand") == true)
  }

  @Test func theLinkGoesOnWithSTANsThatTheLostLedgerCannotHaveUsed() async throws {
    let server = try ServerProcess()
    let host = try HostProcess(folder: server.root)
    server.acquirer = try AcquirerKillTests.acquirer(server, host)
    let desk = try Desk(server: server)
    let terminal = try Self.terminal(server.root)
    #expect(try Self.backup(desk).status == 0)
    var session = try await terminal.login()
    for _ in 0..<3 { #expect(try await session.pay(Self.order, card: Self.card).outcome == .approved) }
    let lost = host.charged
    #expect(server.stop() == 0)
    #expect(try Self.restore(server.root).status == 0)
    try server.start()
    let known = ["--without-reconciliation", "--reason", "three sales, reversed by hand"]
    #expect(try desk.admin(["epoch", "confirm"] + known).status == 0)
    session = try await terminal.login()
    for _ in 0..<3 { #expect(try await session.pay(Self.order, card: Self.card).outcome == .approved) }
    // Terminal and STAN without the time, which alone would tell them apart.
    let names = host.charged.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
    #expect(lost.count == 3 && names.count == 6 && Set(names).count == 6, "\(host.charged)")
    #expect(server.stop() == 0)
  }

  @Test func aRefundThatWasOnItsWayIsLeftToPeople() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let paid = try await Self.terminal(root).login().pay(Self.order, card: Self.card)
    let asked = try desk.admin(["refund", "\(paid.payment)", "--amount", "100"])
    #expect(asked.status == 0, "\(asked)")
    #expect(try Self.backup(desk).status == 0)
    #expect(desk.server.stop() == 0)
    #expect(try Self.restore(root).status == 0)
    let states = try Sqlite.lines("\(root)/server/ledger.db", "SELECT body FROM event WHERE kind = 'OPERATION'")
    #expect(states.count == 2 && states[1].contains("EXPIRED") && states[1].contains("the ledger was restored"))
  }

  @Test func aBackupThatWasAlteredIsNotRestored() async throws {
    let desk = try Desk()
    let root = desk.server.root
    _ = try await Self.terminal(root).login().pay(Self.order, card: Self.card)
    #expect(try Self.backup(desk).status == 0)
    #expect(desk.server.stop() == 0)
    let before = try Data(contentsOf: URL(fileURLWithPath: "\(root)/server/ledger.db"))
    try runProgram("sqlite3", ["\(root)/copy.db", "UPDATE payment SET amount = 5"]).good()
    let result = try Self.restore(root)
    #expect(result.status == 1 && result.errors.contains("the journal is not whole: record"), "\(result)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: "\(root)/server/ledger.db")) == before)
  }

  @Test(arguments: [("/nowhere/copy.db", 74), ("/etc/passwd", 74)] as [(String, Int32)])
  func whatIsNoBackupLeavesTheLedgerAsItIs(_ file: String, _ status: Int32) throws {
    let server = try ServerProcess()
    let before = try Data(contentsOf: URL(fileURLWithPath: "\(server.root)/server/ledger.db"))
    let result = try Program.run("countersign-server", ["restore", "--data", "\(server.root)/server", file])
    #expect(result.status == status && result.errors.contains(file), "\(result)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: "\(server.root)/server/ledger.db")) == before)
  }

  /// Also under another name.
  @Test func theLedgerItselfIsNotRestored() throws {
    let server = try ServerProcess()
    let ledger = "\(server.root)/server/ledger.db"
    let before = try Data(contentsOf: URL(fileURLWithPath: ledger))
    try FileManager.default.createSymbolicLink(atPath: "\(server.root)/link.db", withDestinationPath: ledger)
    try FileManager.default.linkItem(atPath: ledger, toPath: "\(server.root)/second.db")
    for file in [ledger, "\(server.root)/link.db", "\(server.root)/second.db"] {
      let result = try Program.run("countersign-server", ["restore", "--data", "\(server.root)/server", file])
      #expect(result.status == 64 && result.errors.contains("\(file) is the ledger itself"), "\(result)")
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: ledger)) == before)
  }

  /// One that SQLite cannot read, and one of another program.
  @Test func aFileThatIsNoLedgerIsNotRestoredAndSaysWhatIsWanted() throws {
    let server = try ServerProcess()
    let (text, other) = ("\(server.root)/text.db", "\(server.root)/other.db")
    try Data("this is no database\n".utf8).write(to: URL(fileURLWithPath: text))
    try runProgram("sqlite3", [other, "CREATE TABLE t (a); INSERT INTO t VALUES (1)"]).good()
    for file in [text, other] {
      let result = try Program.run("countersign-server", ["restore", "--data", "\(server.root)/server", file])
      let words = "\(file) is no copy of a service's ledger; name a file that countersign-server backup made"
      #expect(result.status == 74 && result.errors.contains(words), "\(result)")
    }
  }

  /// Its journal is whole, and an index of it is empty.
  @Test func aDamagedBackupIsNamedAndNotRestored() throws {
    let desk = try Desk()
    let (root, copy) = (desk.server.root, "\(desk.server.root)/copy.db")
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try Self.backup(desk).status == 0)
    #expect(desk.server.stop() == 0)
    let find = "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'payment'"
    let page = try #require(UInt64(try Sqlite.lines(copy, find)[0]))
    let size = try #require(UInt64(try Sqlite.lines(copy, "PRAGMA page_size")[0]))
    let file = try FileHandle(forWritingTo: URL(filePath: copy))
    try file.seek(toOffset: (page - 1) * size)
    // sqlite.org/fileformat2.html, section 1.6: a leaf of an index without cells.
    try file.write(contentsOf: [0x0A, 0, 0, 0, 0, UInt8(size >> 8), UInt8(size & 0xFF), 0])
    try file.close()
    let restored = try Self.restore(root)
    #expect(restored.status == 74 && restored.errors.contains("\(copy) is damaged: "), "\(restored)")
    #expect(!restored.errors.contains(".restoring"), "\(restored)")
  }

  @Test func aBackupThatWasCutOffIsToldByTheNext() throws {
    let desk = try Desk.shared.get()
    let partial = "\(desk.server.root)/left.db.partial"
    try Data("cut off".utf8).write(to: URL(filePath: partial))
    let told = try Self.backup(desk, to: "left.db")
    #expect(told.status == 74 && told.errors.contains("\(partial) is there: another backup is making it"), "\(told)")
    try FileManager.default.removeItem(atPath: partial)
    #expect(try Self.backup(desk, to: "left.db").status == 0)
  }

  /// Source: docs/operations.md, "On another machine".
  @Test func aServiceBeginsAnewOnAnotherMachineFromWhatABackupHas() async throws {
    let desk = try Desk(server: try ServerProcess())
    let root = desk.server.root
    _ = try await Self.terminal(root).login().pay(Self.order, card: Self.card)
    let copied = try Self.backup(desk)
    let line = try #require(copied.output.split(separator: "\n").first { $0.hasPrefix("not in it: ") })
    let folders = line.dropFirst("not in it: ".count).prefix { $0 != ";" }.replacing(",", with: "")
    #expect(folders.hasPrefix("vault audit authority sealing tls admin ocsp"), "\(copied)")
    #expect(desk.server.stop() == 0)
    let moved = try Program.shell(
      """
      cd '\(root)/server' && \(try Self.documentedTar(to: "\(root)/folders.tar")) && tar -cf ../vault.tar vault && cd .. &&
      mv server former && mkdir -m 700 server && tar -C server -xpf folders.tar && tar -C server -xpf vault.tar
      """)
    try #require(moved.status == 0, "\(moved)")
    let restored = try Self.restore(root)
    #expect(restored.status == 0 && !restored.output.contains("the former ledger is"), "\(restored)")
    try desk.server.start()
    let reason = ["--without-reconciliation", "--reason", "nothing was charged since"]
    #expect(try desk.admin(["epoch", "confirm"] + reason).status == 0)
    let paid = try desk.pay(card: Desk.card)
    #expect(paid.status == 0, "\(paid)")
    #expect(try Self.journal("\(root)/server/ledger.db", root).status == 0)
  }

  // MARK: - Support

  static let order = Order(reference: "B-1", amount: 500, currency: "KRW")
  static var card: CardData {
    var card = CardData()
    card.cardNumber = "4111111111111111"
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    return card
  }

  /// Payments one after the other until it is ended.
  private struct Paying {
    private let task: Task<[PaymentResult], any Error>

    init(_ session: TerminalSession) {
      task = Task {
        var told: [PaymentResult] = []
        while !Task.isCancelled {
          // A payment that has begun is brought to its end.
          told.append(try await Task { try await session.pay(order, card: card) }.value)
        }
        return told
      }
    }

    func end() async throws -> [PaymentResult] {
      task.cancel()
      return try await task.value
    }
  }

  static func terminal(_ root: String) throws -> Terminal {
    try Terminal(
      folder: TerminalFolder("\(root)/terminal"), passphrase: .init(copying: Array("correct horse".utf8)),
      program: "backup/1")
  }

  /// The line of docs/operations.md that copies the folders beside the ledger, whatever of them is there.
  private static func documentedTar(to file: String) throws -> String {
    let docs = try String(contentsOfFile: Repository.path("docs/operations.md"), encoding: .utf8)
    let begin = try #require(docs.firstRange(of: "tar -cf /backup/folders.tar ")?.lowerBound)
    let end = try #require(docs[begin...].firstRange(of: "2>/dev/null)")?.upperBound)
    return String(docs[begin..<end]).replacing("/backup/folders.tar", with: "'\(file)'")
  }

  private static func files(_ folder: String) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: folder))
  }

  static func backup(_ desk: Desk, to name: String = "copy.db") throws -> Program.Result {
    try backup(desk.server.root, desk.server.admin, to: name)
  }

  private static func backup(
    _ root: String, _ environment: [String: String], to name: String
  ) throws -> Program.Result {
    try Program.run(
      "countersign-server", ["backup", "--data", "\(root)/server", "\(root)/\(name)"], environment: environment)
  }

  static func restore(_ root: String) throws -> Program.Result {
    try Program.run("countersign-server", ["restore", "--data", "\(root)/server", "\(root)/copy.db"])
  }

  /// Compares with an acquirer that charged nothing.
  static func reconcile(_ desk: Desk, _ from: String, _ to: String) throws -> Program.Result {
    let file = "\(desk.server.root)/settlement.csv"
    try Data("payment,amount,currency\n".utf8).write(to: URL(fileURLWithPath: file))
    return try desk.admin(["reconcile", file, "--from", from, "--to", to])
  }

  static func journal(_ ledger: String, _ root: String) throws -> Program.Result {
    try Repository.runPython("journal.py", [ledger, "\(root)/server/audit/public.pem"])
  }

  private static func reason(_ body: () async throws -> Void) async -> String? {
    do {
      try await body()
      return nil
    } catch TerminalError.refused(let status) {
      return status.reason
    } catch TerminalError.outcomeUnknown(_, let text) {
      // "FAILED_PRECONDITION (LEDGER_RESTORED): the ledger was restored …"
      return text.split(separator: "(").dropFirst().first.map { String($0.prefix { $0 != ")" }) }
    } catch {
      return "\(error)"
    }
  }
}
