import CountersignClient
import Foundation
import Messages
import TestAcquirer
import TestPrograms
import Testing

/// Exports of a running service, verified by a program that knows docs/audit.md alone.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ExportProgramTests {
  private static func python(_ export: String, _ desk: Desk) throws -> Program.Result {
    try Repository.runPython("export.py", [export, "\(desk.server.root)/server/audit/public.pem"])
  }

  private static func lines(_ file: String) throws -> [[String: Any]] {
    try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func anExportIsVerifiedFromTheDocumentAlone() throws {
    let desk = try Desk()
    for _ in 0..<3 { #expect(try desk.pay(card: Desk.card).status == 0) }
    let all = "\(desk.server.root)/all.jsonl"
    let exported = try desk.admin(["audit", "export", "--output", all])
    #expect(exported.status == 0, "\(exported.errors)")
    let verified = try Self.python(all, desk)
    #expect(verified.status == 0 && exported.output.hasPrefix("\(all): "), "\(verified.output)\(verified.errors)")
    let found = try Self.lines(all)
    let payments = found.filter { $0["type"] as? String == "payment" }
    try #require(payments.count == 3)
    #expect(payments[0]["first6"] as? Int == 411_111)
    #expect(
      found.filter { $0["type"] as? String == "outcome" }.allSatisfy { $0["state_name"] as? String == "APPROVED" })
    // Card number and expiry stand nowhere in it.
    let text = try String(contentsOfFile: all, encoding: .utf8)
    #expect(!text.contains("4111111111111111") && !text.contains("203512"))

    // A part has the heads over what was asked for, whole.
    let number = try #require(payments[1]["number"] as? Int)
    let part = "\(desk.server.root)/part.jsonl"
    let some = try desk.admin(["audit", "export", "--from", "\(number)", "--to", "\(number)", "--output", part])
    #expect(some.status == 0, "\(some.errors)")
    #expect(try Self.python(part, desk).status == 0)
    let begin = try Self.lines(part)[0]
    #expect(try #require(begin["first"] as? Int) <= number && (try #require(begin["last"] as? Int)) >= number)

    let read = try Sqlite.lines(
      "\(desk.server.root)/server/ledger.db", "SELECT body FROM event WHERE kind = 'EXPORT_READ' ORDER BY seq")
    #expect(read.count == 2 && read[0].hasPrefix("records 1 to ") && read[1].contains("by CN=first administrator"))
  }

  @Test func timesChooseHeads() throws {
    let desk = try Desk()
    let root = desk.server.root
    #expect(try desk.pay(card: Desk.card).status == 0)
    let all = try desk.admin(
      [
        "audit", "export", "--since", "2020-01-01T00:00:00Z", "--until", "2099-01-01T00:00:00Z", "--output",
        "\(root)/a",
      ])
    #expect(all.status == 0, "\(all.errors)")
    #expect(try Self.python("\(root)/a", desk).status == 0)
    #expect(try Self.lines("\(root)/a")[0]["first"] as? Int == 1)
    let none = try desk.admin(["audit", "export", "--since", "2099-01-01T00:00:00Z", "--output", "\(root)/b"])
    #expect(none.status == 64 && none.errors.contains("--since: no head is over it yet"), "\(none.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/b"))
  }

  /// More records than one part has, and heads among them.
  @Test func anExportOfManyPartsIsWhole() async throws {
    let desk = try Desk()
    let admin = "\(desk.server.root)/server/admin"
    let administrator = try Administrator(
      certificate: "\(admin)/chain.pem", key: "\(admin)/key.pem", host: "localhost", port: UInt16(desk.server.port))
    // Each reading is a record.
    try await administrator.run { client in
      for _ in 0..<600 { _ = try await client.listUnresolved(.init()) }
    }
    let all = "\(desk.server.root)/all.jsonl"
    #expect(try desk.admin(["audit", "export", "--output", all]).status == 0)
    #expect(try Self.python(all, desk).status == 0)
    #expect(try Self.lines(all).count > 512)
  }

  @Test(arguments: [
    (["--from", "5", "--since", "2026-01-01T00:00:00Z"], "--from or --since"),
    (["--to", "5", "--until", "2026-01-01T00:00:00Z"], "--to or --until"), (["--from", "0"], "numbered from 1"),
    (["--since", "yesterday"], "2026-11-23T14:05:09Z"),
  ])
  func aWrongArgumentIsNamed(_ arguments: [String], _ words: String) throws {
    let desk = try Desk.shared.get()
    let result = try desk.admin(["audit", "export", "--output", "\(desk.server.root)/no"] + arguments)
    #expect(result.status == 64 && result.errors.contains(words), "\(result.errors)")
  }
}
