import Foundation
import Messages
import TestPrograms
import Testing

@testable import CountersignClient

/// What becomes of keys that a terminal keeps while a ledger is lost, restored and confirmed. Source: docs/payments.md,
/// "Idempotency".
@Suite(.serialized, .timeLimit(.minutes(3))) struct RestoredKeyTests {
  @Test func aKeyOfTheHeldLedgerIsNotChargedAndAKeyOfTheLostOneStaysUnknown() async throws {
    let desk = try Desk()
    let root = desk.server.root
    let terminal = try BackupTests.terminal(root)
    let lost = try await terminal.login()
    #expect(try BackupTests.backup(desk).status == 0)
    // By the time in them neither of the two was made before the restore: clocks that are ahead make such keys.
    let lostKeys = [lost.makeKey(), lost.makeKey(at: lost.serviceTime + 240_000)]
    for key in lostKeys {
      _ = try await lost.pay(BackupTests.order, card: BackupTests.card, key: key)
      try Self.leaveOpen(key, in: lost)
    }
    #expect(desk.server.stop() == 0)
    #expect(try BackupTests.restore(root).status == 0)
    try desk.server.start()

    let held = try await terminal.login()
    let heldKey = held.makeKey()
    try Self.leaveOpen(heldKey, in: held)
    for key in lostKeys { #expect(await Self.staysUnknown { try await held.settle(key: key) }) }
    #expect(await Self.staysUnknown { try await held.pay(BackupTests.order, card: BackupTests.card, key: lostKeys[1]) })
    #expect(try await held.settle(key: heldKey) == nil)
    let known = ["--without-reconciliation", "--reason", "nothing was lost"]
    #expect(try desk.admin(["epoch", "confirm"] + known).status == 0)

    let after = try await terminal.login()
    #expect(
      await Self.refusal { try await after.pay(BackupTests.order, card: BackupTests.card, key: heldKey) }
        .contains("nothing was charged"))
    for key in lostKeys { #expect(await Self.staysUnknown { try await after.settle(key: key) }) }
    let early = try desk.terminal(["status"])
    #expect(early.status == 2 && early.output.contains("ask again in ten minutes"), "\(early)")
    // What was sent so long ago cannot arrive any more.
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -660)], ofItemAtPath: Self.file(heldKey, root))
    let late = try desk.terminal(["status"])
    #expect(late.status == 2 && late.output.contains("nothing was charged"), "\(late)")
    #expect(late.errors.split(separator: "\n").count == 2 && late.errors.contains("LEDGER_RESTORED"), "\(late)")
    #expect(try Set(terminal.folder.pending().map(\.idempotencyKey)) == Set(lostKeys))
    // What people do once they have asked the acquirer: docs/operations.md, "Keys that stay LEDGER_RESTORED".
    for key in lostKeys { try FileManager.default.removeItem(atPath: Self.file(key, root)) }
    let ended = try desk.terminal(["status"]).good()
    #expect(ended.output == "no payment of this terminal is open\n" && ended.errors.isEmpty, "\(ended)")
  }

  /// Nothing became unknown by the attempt, so nothing is left to be asked about for good.
  @Test func aCallersKeyThatTheRestoredLedgerDoesNotKnowLeavesNothingOpen() throws {
    let desk = try Desk()
    #expect(try BackupTests.backup(desk).status == 0)
    #expect(desk.server.stop() == 0)
    #expect(try BackupTests.restore(desk.server.root).status == 0)
    try desk.server.start()
    let key = String(repeating: "0", count: 32)
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW", "--key", key], input: Desk.card)
    #expect(paid.status == 2 && paid.errors.contains("LEDGER_RESTORED"), "\(paid)")
    let status = try desk.terminal(["status"]).good()
    #expect(status.output == "no payment of this terminal is open\n", "\(status)")
  }

  /// Such a key would look as if it were made after the confirmation of a restore.
  @Test func aKeyFarAheadIsRefusedWithBothTimes() async throws {
    let desk = try Desk()
    let session = try await BackupTests.terminal(desk.server.root).login()
    let key = session.makeKey(at: session.serviceTime + 600_000).map { String(format: "%02x", $0) }.joined()
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW", "--key", key], input: Desk.card)
    let time = #"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"#
    let told = try Regex(
      "^error: --key: is of \(time), more than 5 minutes ahead of the service's clock, \(time); make keys by")
    #expect(try paid.status == 64 && told.firstMatch(in: paid.errors) != nil, "\(paid)")
  }

  /// What a terminal leaves that was killed before its payment was answered.
  private static func leaveOpen(_ key: [UInt8], in session: TerminalSession) throws {
    try session.terminal.folder.remember(
      session.message(BackupTests.order, key: key), ledger: session.own(key).ledger)
  }

  private static func file(_ key: [UInt8], _ root: String) -> String {
    "\(root)/terminal/pending/" + key.map { String(format: "%02x", $0) }.joined()
  }

  private static func staysUnknown(_ body: () async throws -> PaymentResult?) async -> Bool {
    do {
      _ = try await body()
      return false
    } catch TerminalError.outcomeUnknown(_, let text) {
      return text.contains("LEDGER_RESTORED")
    } catch {
      return false
    }
  }

  private static func refusal(_ body: () async throws -> PaymentResult) async -> String {
    do {
      return "\(try await body())"
    } catch {
      return "\(error)"
    }
  }
}
