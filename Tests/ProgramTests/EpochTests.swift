import CountersignClient
import Foundation
import Messages
import TestAcquirer
import TestPrograms
import Testing

/// Lives of a ledger between two restores, and how one is told from another. Source: docs/operations.md, "Backup";
/// docs/audit.md, "After a restore".
@Suite(.serialized, .timeLimit(.minutes(5))) struct EpochTests {
  @Test func aLedgerThatWasNeverRestoredHasNothingToConfirm() throws {
    let refused = try Desk.shared.get().admin(["epoch", "confirm", "--comment", "why not"])
    #expect(refused.status == 1 && refused.errors.contains("EPOCH_NOT_WAITING"), "\(refused)")
    #expect(refused.errors.contains("never restored"), "\(refused)")
  }

  @Test(arguments: [
    (["--comment", "x", "--without-reconciliation"], "--reason TEXT go together"), ([], "--comment TEXT is needed"),
    (["--comment", "x", "--reason", "y"], "--reason TEXT go together"),
  ])
  func aConfirmationSaysWhatItStandsOn(_ arguments: [String], _ words: String) throws {
    let result = try Desk.shared.get().admin(["epoch", "confirm"] + arguments)
    #expect(result.status == 64 && result.errors.contains(words), "\(result)")
  }

  /// What was open when the copy was made goes on after the confirmation, in the same process; a refund of the lost
  /// ledger stands in the acquirer's file alone.
  @Test func whatWasOpenGoesOnAndLostRefundsAreListed() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let ledger = "\(root)/server/ledger.db"
    let terminal = try BackupTests.terminal(root)
    let session = try await terminal.login()
    let key = session.makeKey()
    let paid = try await session.pay(BackupTests.order, card: BackupTests.card, key: key)
    #expect(try BackupTests.backup(desk).status == 0)
    #expect(desk.server.stop() == 0)
    try Self.makeOpen("\(root)/copy.db")
    let outcome = "SELECT max(seq) FROM outcome"
    #expect(try BackupTests.restore(root).status == 0)
    try desk.server.start()
    let states = "SELECT body FROM event WHERE kind = 'STATE' AND payment = \(paid.payment)"
    #expect(try Sqlite.lines(ledger, states).isEmpty)
    try Data("kind,payment,amount,currency\nrefund,\(paid.payment),200,KRW\n".utf8).write(
      to: URL(fileURLWithPath: "\(root)/settlement.csv"))
    let compared = try desk.admin(["reconcile", "\(root)/settlement.csv", "--from", "2026-01-01", "--to", "2099-01-01"])
    #expect(compared.status == 3 && compared.output.contains("ONLY_IN_FILE  line 2  refund of 200 KRW"), "\(compared)")
    #expect(try desk.admin(["epoch", "confirm", "--comment", "the refund stands"]).status == 0)
    while try Sqlite.lines(ledger, states).first != "UNKNOWN" { try await Task.sleep(for: .milliseconds(20)) }
    while try Sqlite.lines(ledger, outcome).first ?? "" == "" { try await Task.sleep(for: .milliseconds(20)) }
    let again = try await terminal.login()
    #expect(try await again.payment(key: key)?.outcome != .pending)
    #expect(try await again.pay(BackupTests.order, card: BackupTests.card).outcome == .approved)
    #expect(desk.server.stop() == 0)
    #expect(try BackupTests.journal(ledger, root).status == 0)
  }

  /// The lost ledger has told it as approved, and the simulator does not know it any more: a reversal would take it back.
  @Test func aPaymentThatWasOpenInTheCopyAndThatTheFileHasIsApprovedWithTheConfirmation() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let ledger = "\(root)/server/ledger.db"
    let terminal = try BackupTests.terminal(root)
    let session = try await terminal.login()
    let key = session.makeKey()
    let paid = try await session.pay(BackupTests.order, card: BackupTests.card, key: key)
    try BackupTests.backup(desk).good()
    #expect(desk.server.stop() == 0)
    try Self.makeOpen("\(root)/copy.db")
    try BackupTests.restore(root).good()
    try desk.server.start()

    let file = "\(root)/settlement.csv"
    func reconcile(_ from: String, _ to: String) throws -> Program.Result {
      try desk.admin(["reconcile", file, "--from", from, "--to", to])
    }
    try Data("payment,amount,currency,approval_code\n\(paid.payment),500,KRW,A1B2C3\n".utf8).write(
      to: URL(fileURLWithPath: file))
    // Over hours that have nothing of what was lost.
    let early = try reconcile("2026-01-01", "2026-01-02")
    #expect(early.status == 3, "\(early)")
    #expect(early.output.contains("this does not count for epoch confirm: --from must be "), "\(early)")
    let refused = try desk.admin(["epoch", "confirm", "--comment", "compared"])
    #expect(refused.status == 1 && refused.errors.contains("RECONCILIATION_REQUIRED"), "\(refused)")
    #expect(refused.errors.contains("once a reconcile begins at ") && refused.errors.contains(" UTC"), "\(refused)")

    let compared = try reconcile("2026-01-01", "2099-01-01")
    #expect(compared.status == 3, "\(compared)")
    #expect(
      compared.output.contains("payment \(paid.payment)  charged according to the file, INTENT in the ledger"),
      "\(compared)")
    #expect(compared.output.contains("1 payment is open in the restored ledger and charged: APPROVED"), "\(compared)")
    let shown = try desk.admin(["epoch", "show"]).good()
    #expect(shown.output.contains("1 payment that was open in the copy and charged"), "\(shown)")
    let confirmed = try desk.admin(["epoch", "confirm", "--comment", "compared"]).good()
    #expect(confirmed.output.contains("and charged: APPROVED now"), "\(confirmed)")

    let again = try await terminal.login()
    let told = try await again.payment(key: key)
    #expect(told?.outcome == .approved && told?.approvalCode == "A1B2C3", "\(String(describing: told))")
    #expect(try await again.pay(BackupTests.order, card: BackupTests.card).outcome == .approved)
    let states = "SELECT body FROM event WHERE kind = 'STATE' AND payment = \(paid.payment)"
    #expect(try Sqlite.lines(ledger, states) == ["UNKNOWN, charged according to the acquirer's file"])
    #expect(try desk.admin(["unresolved"]).good().output.isEmpty)
    #expect(desk.server.stop() == 0)
    #expect(try BackupTests.journal(ledger, root).status == 0)
    let body = try Sqlite.lines(ledger, "SELECT body FROM event WHERE kind = 'EPOCH_CONFIRMED'")
    #expect(body.first?.hasSuffix("1 open payment charged according to the acquirer's file") == true, "\(body)")
  }

  /// As a copy made between intent and outcome has it: the newest payment without its outcome, behind the last head.
  private static func makeOpen(_ copy: String) throws {
    let outcome = "SELECT max(seq) FROM outcome"
    let open = """
      DELETE FROM event WHERE seq > (\(outcome)); DELETE FROM head WHERE last >= (\(outcome));
      DELETE FROM outcome; UPDATE mark SET low_water = 1
      """
    try runProgram("sqlite3", [copy, open]).good()
  }

  /// The same backup is restored twice, and the first of the two goes on for a while.
  @Test func keptHeadsSayWhichLifeOfTheLedgerTheyAreOf() async throws {
    let desk = try Desk()
    let root = desk.server.root
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try BackupTests.backup(desk).status == 0)
    let last = try Sqlite.lines("\(root)/copy.db", "SELECT max(last) FROM head")[0]
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(desk.server.stop() == 0)
    let first = try Self.epochID(try BackupTests.restore(root))
    try desk.server.start()
    #expect(try desk.admin(["epoch", "show"]).output.contains("id \(first)"))
    #expect(desk.server.stop() == 0)

    let lost = try Self.verify(root, against: "\(root)/server/heads.before-epoch-2")
    #expect(lost.status == 1, "\(lost)")
    #expect(
      lost.output.contains(
        "is of epoch 1, and this ledger was restored after it: epoch 2 (id \(first)) goes on from the head over record "
          + "\(last), what came behind it was lost"), "\(lost)")
    #expect(try Self.verify(root, against: "\(root)/server/heads").status == 0)

    try Program.shell("cd \(root) && mv server/heads heads-one && rm -r server/*.before-epoch-2*").good()
    let second = try Self.epochID(try BackupTests.restore(root))
    #expect(first != second)
    try desk.server.start()
    #expect(try desk.admin(["epoch", "show"]).output.contains("id \(second)"))
    #expect(desk.server.stop() == 0)
    let beside = try Self.verify(root, against: "\(root)/heads-one")
    #expect(beside.status == 1, "\(beside)")
    #expect(
      beside.output.contains(
        "is of epoch 2 (id \(first)), which this ledger does not have: its epoch 2 (id \(second)) is another one; another "
          + "ledger was restored beside it"), "\(beside)")
    #expect(try BackupTests.journal("\(root)/server/ledger.db", root).status == 0)
  }

  private static func epochID(_ restored: Program.Result) throws -> String {
    #expect(restored.status == 0, "\(restored)")
    let id = restored.output.prefix(while: { $0 != "\n" }).split(separator: " ").first { $0.count == 33 }
    return String(try #require(id).dropLast())
  }

  private static func verify(_ root: String, against heads: String) throws -> Program.Result {
    try Program.run("countersign-server", ["audit", "verify", "--data", "\(root)/server", "--against", heads])
  }
}
