import Foundation
import TestAcquirer
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
      (["epoch", "confirm", "--comment", "a\nb"], 64, "--comment:"),
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

  @Test func anOrderOrCardThatNobodyPaidIsSaidToBeUnknown() throws {
    let desk = try Desk.shared.get()
    for (arguments, input, name) in [
      (["--order", "nobody's"], "", "--order"), (["--card"], "5555555555554444", "card number"),
      (["999999"], "", "PAYMENT"), ([String(repeating: "0", count: 32)], "", "PAYMENT"),
    ] {
      let trace = try desk.admin(["trace"] + arguments, input: input)
      #expect(trace.status == 1 && trace.errors.contains("; \(name): nothing is known of it"), "\(trace)")
      #expect(!trace.errors.contains("may still arrive"), "\(trace)")
    }
  }

  @Test func whoIsRevokedIsSaidToBeRevoked() throws {
    let desk = try Desk()
    let root = desk.server.root
    let first = try desk.admin(["revoke", "consultant", "1", "--reason", "privilege-withdrawn"]).good()
    let time = try #require(first.output.firstMatch(of: #/at ([-0-9]+ [0-9:.]+ UTC), privilege-withdrawn:/#)?.1)
    let again = try desk.admin(["revoke", "consultant", "1", "--reason", "key-compromise"]).good()
    #expect(
      again.output.hasPrefix("consultant 1 was revoked already at \(time), privilege-withdrawn: 0 sessions"),
      "\(again)")
    let json = try #require(try desk.json(["revoke", "consultant", "1", "--reason", "superseded"]).first)
    #expect(json["is_new"] as? Bool == false && json["reason"] as? String == "privilege-withdrawn", "\(json)")

    let token = try desk.admin(["consultant", "token", "1"])
    #expect(token.status == 1 && token.errors.contains("REVOKED"), "\(token)")
    #expect(token.errors.contains("; CONSULTANT: consultant 1, Kim, is revoked for good"), "\(token)")
    let same = try desk.admin(["consultant", "add", "Kim", "--company", "Acme"])
    #expect(same.status == 1 && same.errors.contains("NAME: is the name of consultant 1, who is revoked"), "\(same)")
    try desk.admin(["revoke", "company", "1", "--reason", "cessation-of-operation"]).good()
    for command in [["consultant", "add", "Lee", "--company", "Acme"], ["gateway", "add", "Acme", "--host", "here"]] {
      let added = try desk.admin(command)
      #expect(added.status == 1 && added.errors.contains("company 1, Acme, is revoked for good"), "\(added)")
    }
    for (kind, id) in [("company", "1"), ("device", "52:54:00:12:34:56")] {
      try desk.admin(["revoke", kind, id, "--reason", "superseded"]).good()
      let twice = try desk.admin(["revoke", kind, id, "--reason", "unspecified"]).good()
      let reason = kind == "company" ? "cessation-of-operation" : "superseded"
      #expect(twice.output.contains("was revoked already at ") && twice.output.contains(", \(reason): "), "\(twice)")
    }
    let certificate = try Program.shell("openssl x509 -in '\(root)/acme.pem' -noout -serial").output.dropFirst(7)
    let serial = try desk.admin(
      ["revoke", "certificate", certificate.trimmingCharacters(in: .newlines), "--reason", "unspecified"])
    #expect(serial.output.contains("was revoked already at ") && serial.output.contains("cessation"), "\(serial)")
  }

  @Test func aConsultantWhoDoesNotExistIsNotUnlocked() throws {
    let unlocked = try Desk.shared.get().admin(["unlock", "--consultant", "99"])
    #expect(unlocked.status == 1 && unlocked.errors.contains("CONSULTANT_NOT_FOUND"), "\(unlocked)")
    #expect(unlocked.errors.contains("countersign-admin consultant list"), "\(unlocked)")
  }

  /// What is asked for is an argument; what was asked for before and is confirmed now is not.
  @Test func moreThanIsLeftIsAWrongAmount() throws {
    let desk = try Desk()
    try desk.admin(["administrator", "add", "Lee", "--role", "operator", "--folder", "\(desk.server.root)/lee"]).good()
    _ = try desk.pay(card: Desk.card)
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let asked = try (0..<2).map { _ in
      try #require(try desk.json(["refund", "\(payment)", "--amount", "12000"]).first?["operation"] as? Int)
    }
    try desk.admin(["confirm", "\(asked[0])", "--admin", "\(desk.server.root)/lee"]).good()
    let over = try desk.admin(["refund", "\(payment)", "--amount", "901"])
    #expect(over.status == 64, "\(over)")
    #expect(
      over.errors == "error: --amount: 901 minor units are more than the 900 that are left of the payment\n", "\(over)")
    let second = try desk.admin(["confirm", "\(asked[1])", "--admin", "\(desk.server.root)/lee"])
    #expect(second.status == 1 && second.errors.contains("AMOUNT_OVER_PAYMENT"), "\(second)")
    #expect(second.errors.contains("; OPERATION: 12000 minor units are more than the 900 that are left"), "\(second)")
  }

  /// The gateway's refusal has no seal and another form; a person reads one and the same.
  @Test(arguments: [
    ("--most-per-payment", "KRW=10000", "; --amount: must be at most 10000 in minor units"),
    ("--currency", "USD", "; --currency: is none of the company's currencies"),
  ])
  func aPolicyRefusalReadsTheSameFromGatewayAndService(_ option: String, _ value: String, _ words: String) throws {
    let refused = "SELECT count(*) FROM event WHERE kind = 'PAYMENT_REFUSED'"
    let desk = try Desk()
    try desk.admin(["company", "policy", "Acme", option, value]).good()
    let direct = try desk.pay(card: Desk.card)
    #expect(try Sqlite.lines("\(desk.server.root)/server/ledger.db", refused) == ["1"])
    #expect(direct.status == 1 && direct.errors.hasSuffix("; nothing was charged\(words)\n"), "\(direct)")

    let gateway = try GatewayProcess()
    _ = try gateway.terminal("Kim")
    try gateway.admin(["company", "policy", "Acme", option, value])
    gateway.kill()
    try gateway.start()
    let forwarded = try Program.run(
      "countersign-terminal", ["pay", "--order", "A-1", "--amount", "12900", "--currency", "KRW"], input: Desk.card,
      environment: gateway.environment("Kim"))
    #expect(try Sqlite.lines("\(gateway.server.root)/server/ledger.db", refused) == ["0"])
    #expect(forwarded.status == 1 && forwarded.errors == direct.errors, "\(forwarded)")
  }

  /// Which of the two certificates a login showed.
  @Test(arguments: [
    ("consultant", "it is the consultant's certificate"), ("company", "it is the company's certificate"),
  ])
  func aRevokedLoginIsToldWhoseCertificateIsMeant(_ holder: String, _ words: String) throws {
    let desk = try Desk()
    try desk.admin(["revoke", holder, "1", "--reason", "key-compromise"]).good()
    for command in [["login"], ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW"]] {
      let refused = try desk.terminal(command, input: Desk.card)
      #expect(refused.status == 1 && refused.errors.contains("(REVOKED): "), "\(refused)")
      #expect(refused.errors.contains("; \(words), alone or with its \(holder) or "), "\(refused)")
    }
  }

  @Test func aNegativeAmountIsSaidToBeWrong() throws {
    let desk = try Desk.shared.get()
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "-1", "--currency", "KRW"], input: Desk.card)
    #expect(paid.status == 64, "\(paid)")
    #expect(paid.errors.contains("must be 1 to 999999999999 minor units"), "\(paid)")
    let key = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "1", "--currency", "KRW", "--key", "123"], input: Desk.card)
    #expect(key.status == 64 && key.errors.hasPrefix("error: --key 123: must be a key of 32"), "\(key)")
  }

  /// Each number is confirmed by one command, and the other one says which.
  @Test func whoConfirmsWithTheWrongCommandIsToldTheRightOne() throws {
    let desk = try Desk()
    _ = try desk.pay(card: Desk.card)
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let refund = try #require(try desk.json(["refund", "\(payment)", "--amount", "1"]).first?["operation"] as? Int)
    let act = try #require(try desk.json(["keys", "rotate"]).first?["operation"] as? Int)
    let first = try desk.admin(["confirm", "\(act)"])
    #expect(first.status == 1 && first.errors.contains("; countersign-admin keys confirm \(act) "), "\(first)")
    let second = try desk.admin(["keys", "confirm", "\(refund)"])
    #expect(second.status == 1 && second.errors.contains("; countersign-admin confirm \(refund) "), "\(second)")
    let neither = try desk.admin(["confirm", "99999"])
    #expect(neither.status == 1 && neither.errors.contains("OPERATION_NOT_FOUND"), "\(neither)")
  }
}
