import Foundation
import Testing

/// What the service finds wrong is told in the words of the command line, and ends a program as if the program had found
/// it. Source: docs/operations.md, "Exit codes".
@Suite(.serialized) struct ServiceRefusalTests {
  @Test(
    arguments: [
      (["trace", "--consultant", "nobody"], 1, "no consultant has this name or number; countersign-admin consultant"),
      (["trace", "--consultant", "Kim", "--from", "2026-02-01", "--to", "2026-01-01"], 64, "--to: must be later"),
      (["trace", "--order", "4111111111111111"], 64, "--order:"),
      (["report", "--day", "yesterday"], 64, "--day: must be a day"),
      (["payments", "list", "--from", "2026-02-01", "--to", "2026-01-01"], 64, "--to: must be later"),
      (["payments", "list", "--order", "4111111111111111"], 64, "--order:"),
      (["payments", "list", "--company", "nobody"], 1, "countersign-admin company list"),
      (["audit", "export", "--from", "999999", "--output", "ROOT/export"], 64, "--from: no head is over it yet"),
      (["audit", "export", "--since", "2099-01-01T00:00:00Z", "--output", "ROOT/export"], 64, "--since: no head"),
      (["company", "policy", "Acme", "--open", "always"], 64, "--open: \"always\" must be like"),
      (["company", "policy", "Acme", "--currency", "XYZ"], 64, "--currency: \"XYZ\" is not a currency"),
      (["company", "policy", "Acme", "--most-per-day", "XYZ=1"], 64, "--most-per-day: \"XYZ\""),
      (["company", "policy", "Acme", "--time-zone", "Mars"], 64, "--time-zone: \"Mars\""),
      (["company", "policy", "Acme", "--direct-from", "here"], 64, "--direct-from: \"here\""),
      (["gateway", "add", "Acme", "--host", "a b"], 64, "--host:"),
      (["gateway", "add", "Acme", "--host", "a", "--dns-name", "a b"], 64, "--dns-name:"),
      (["revoke", "device", "00:00:00:00:00:00", "--reason", "superseded"], 64, "ID: must be 6 bytes"),
      (["revoke", "consultant", "9", "--reason", "superseded", "--comment", "a\nb"], 64, "--comment:"),
      (["epoch", "confirm", "--comment", ""], 64, "--comment:"),
      (["keys", "rewrap", "--to", "here"], 64, "--to:"),
      (["report", "--day", "2026-11-23", "--time-zone", "Mars"], 64, "--time-zone:"),
      (["administrator", "roles", "1", "--role", "auditor"], 64, "--role: must have security officer"),
      (["administrator", "roles", "9", "--role", "auditor"], 1, "countersign-admin administrator list"),
    ] as [([String], Int32, String)])
  func aWrongFieldIsNamedAsTheCommandLineDoes(_ arguments: [String], _ status: Int32, _ words: String) throws {
    let desk = try Desk.shared.get()
    let result = try desk.admin(arguments.map { $0.replacing("ROOT", with: desk.server.root) })
    #expect(result.status == status, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(!result.errors.contains("_ms") && !result.errors.contains("filter."), "\(result.errors)")
  }

  /// Each number is confirmed by one command, and the other one says which.
  @Test func whoConfirmsWithTheWrongCommandIsToldTheRightOne() throws {
    let desk = try Desk()
    _ = try desk.pay(card: Desk.card)
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let refund = try #require(try desk.json(["refund", "\(payment)", "--amount", "1"]).first?["operation"] as? Int)
    let act = try #require(try desk.json(["keys", "rotate"]).first?["number"] as? Int)
    let first = try desk.admin(["confirm", "\(act)"])
    #expect(first.status == 1 && first.errors.contains("; countersign-admin keys confirm \(act) "), "\(first)")
    let second = try desk.admin(["keys", "confirm", "\(refund)"])
    #expect(second.status == 1 && second.errors.contains("; countersign-admin confirm \(refund) "), "\(second)")
    let neither = try desk.admin(["confirm", "99999"])
    #expect(neither.status == 1 && neither.errors.contains("OPERATION_NOT_FOUND"), "\(neither)")
  }
}
