import CountersignClient
import Foundation
import Messages
import TestAcquirer
import Testing

/// A real server whose disk has little room, and then none. Source: docs/payments.md, "Crash rules".
@Suite(.serialized, .enabled(if: SmallDisk.isPossible(.tmpfs)), .timeLimit(.minutes(3))) struct FullDiskTests {
  /// Kilobytes left: less than the reserve, and nothing.
  @Test(arguments: [65_536, 0]) func everythingThatWritesIsRefusedAndGoesOnOnceThereIsRoom(_ left: Int) async throws {
    let disk = try SmallDisk(.tmpfs, megabytes: 192)
    let server = try ServerProcess()
    try disk.take(server)
    let desk = try Desk(server: server)
    let process = server.processIdentifier
    let terminal = try Terminal(
      folder: TerminalFolder("\(server.root)/terminal"), passphrase: .init(copying: Array("correct horse".utf8)),
      program: "disk/1")
    let session = try await terminal.login()
    let key = session.makeKey()
    let paid = try await session.pay(
      Order(reference: "D-1", amount: 500, currency: "KRW"), card: Self.card, key: key)
    let token = try Self.token(desk.admin(["consultant", "add", "Lee", "--company", "Acme", "--output", "json"]))
    if left > 0 { try disk.fill(leaving: left) } else { try disk.fill() }

    await Self.refuses { _ = try await terminal.login() }
    await Self.refuses { _ = try await session.pay(Self.order, card: Self.card) }
    let enrolment = [
      "enrol", "localhost:\(server.port)", token, "--company", "\(server.root)/acme.pem", "--company-key",
      "\(server.root)/acme.key", "--data", "\(server.root)/lee",
    ]
    Self.refused(try desk.terminal(enrolment))
    Self.refused(try desk.admin(["consultant", "add", "Park", "--company", "Acme"]))
    Self.refused(try desk.admin(["company", "policy", "Acme", "--currency", "KRW"]))
    // What is known is told, from the ledger as it is.
    #expect(try await session.payment(key: key)?.payment == paid.payment)
    if left > 0 {
      #expect(try desk.admin(["trace", "\(paid.payment)"]).output.contains("APPROVED"))
      #expect(try desk.admin(["revoke", "consultant", "2", "--reason", "superseded"]).status == 0)
    }

    try disk.empty()
    _ = try await session.pay(Order(reference: "D-2", amount: 500, currency: "KRW"), card: Self.card)
    _ = try await terminal.login()
    #expect(try desk.admin(["consultant", "add", "Park", "--company", "Acme"]).status == 0)
    #expect(server.processIdentifier == process && kill(process, 0) == 0)
    let consultants = try Sqlite.lines("\(server.root)/server/ledger.db", "SELECT name FROM consultant ORDER BY id")
    #expect(consultants == ["Kim", "Lee", "Park"])
    #expect(server.stop() == 0)
    let verified = try Program.run("countersign-server", ["audit", "verify", "--data", "\(server.root)/server"])
    #expect(verified.status == 0, "\(verified)")
  }

  private static let order = Order(reference: "D-1", amount: 500, currency: "KRW", validForMilliseconds: 5_000)
  private static var card: CardData {
    var card = CardData()
    card.cardNumber = "4111111111111111"
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    return card
  }

  private static func token(_ added: Program.Result) throws -> String {
    let object = try JSONSerialization.jsonObject(with: Data(added.output.utf8)) as? [String: Any]
    return try #require(object?["token"] as? String)
  }

  private static func refused(_ result: Program.Result, _ location: SourceLocation = #_sourceLocation) {
    #expect(
      result.status == 69 && result.errors.contains("STORE_UNAVAILABLE"), "\(result)", sourceLocation: location)
  }

  private static func refuses(
    _ location: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
  ) async {
    do {
      try await body()
      Issue.record("was not refused", sourceLocation: location)
    } catch TerminalError.refused(let status) {
      #expect(status.reason == "STORE_UNAVAILABLE", sourceLocation: location)
    } catch {
      Issue.record(error, sourceLocation: location)
    }
  }
}
