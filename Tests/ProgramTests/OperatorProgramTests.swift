import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// What operators ask about payments, on the command line (docs/operations.md).
@Suite(.serialized) struct OperatorProgramTests {
  @Test func anOrderACardAndAConsultantAreTraced() throws {
    let desk = try Desk()
    let paid = try desk.pay(card: Desk.card)
    #expect(paid.status == 0, "\(paid.errors)")
    let today = String(ISO8601DateFormatter().string(from: Date()).prefix(10))
    for (arguments, input) in [
      (["--order", "A-1"], ""), (["--card"], "4111 1111 1111 1111\n"), (["--consultant", "Kim"], ""),
      (["--consultant", "1", "--from", today], ""),
    ] {
      let found = try desk.json(["trace"] + arguments, input: input)
      #expect(found.count == 1 && found.first?["consultant_name"] as? String == "Kim", "\(arguments) \(found)")
      #expect(found.first?["state"] as? String == "APPROVED")
      #expect((found.first?["company_issuer"] as? String)?.contains("CN=") == true)
      #expect((found.first?["steps"] as? [[String: Any]])?.count == 4)
    }
    let text = try desk.admin(["trace", "--order", "A-1"])
    #expect(text.status == 0 && text.output.contains("consultant   1 Kim") && text.output.contains("MAC address"))
    let before = try desk.json(["trace", "--consultant", "Kim", "--to", "2026-01-01"], expecting: 1)
    #expect(before.isEmpty)
  }

  /// A record's text must not look like other lines, nor reach the terminal's controls.
  @Test func aStepOfSeveralLinesIsShownOnOne() throws {
    let desk = try Desk()
    #expect(try desk.pay(card: Desk.card).status == 0)
    try runProgram(
      "sqlite3",
      [
        "\(desk.server.root)/server/ledger.db",
        "UPDATE event SET body = 'one' || char(10) || 'two' || char(27) || '[31m' WHERE kind = 'LOGIN'",
      ]
    ).good()
    let text = try desk.admin(["trace", "--order", "A-1"]).good()
    #expect(text.output.contains("LOGIN  one\\0Atwo\\1B[31m\n"), "\(text.output)")
  }

  @Test func paymentsAreListedReportedAndReconciled() throws {
    let desk = try Desk()
    let paid = try desk.pay(card: Desk.card)
    #expect(paid.status == 0, "\(paid.errors)")
    _ = try desk.pay(card: Desk.card.replacingOccurrences(of: "4111111111111111", with: "4000000000000515"))
    let all = try desk.json(["payments", "list"])
    #expect(all.map { $0["state"] as? String } == ["APPROVED", "DECLINED"])
    let declined = try desk.admin(["payments", "list", "--company", "Acme", "--state", "DECLINED"])
    #expect(declined.status == 0 && declined.output.contains("DECLINED  12900 KRW  400000******0515  order A-1"))
    #expect(all.map { $0["is_last"] as? Bool } == [false, true])
    let number = try #require(all[0]["payment"] as? Int)
    let limited = try desk.json(["payments", "list", "--limit", "1"])
    #expect(limited.count == 1 && limited.first?["is_last"] as? Bool == false, "\(limited)")
    let first = try desk.admin(["payments", "list", "--limit", "1"]).good()
    #expect(first.errors.hasPrefix("note: there are more payments; --after \(number) goes on"), "\(first)")
    for rest in [["--after", "\(number)", "--limit", "1"], ["--limit", "2"]] {
      let told = try desk.admin(["payments", "list"] + rest).good()
      #expect(told.errors.isEmpty && told.output.contains("DECLINED"), "\(told)")
    }

    let file = "\(desk.server.root)/settlement.csv"
    func reconcile(_ lines: String) throws -> Program.Result {
      try Data("payment,amount,currency\n\(lines)".utf8).write(to: URL(fileURLWithPath: file))
      return try desk.admin(["reconcile", file, "--from", Self.today, "--to", "2099-01-01"])
    }
    let same = try reconcile("\(number),12900,KRW\n")
    #expect(same.status == 0 && same.output == "1 line, 2 in the ledger, 0 differences\n", "\(same.errors)")
    let other = try reconcile("\(number + 1000),5,KRW\n")
    #expect(other.status == 3, "\(other.errors)")
    #expect(other.output.contains("ONLY_IN_FILE  line 2") && other.output.contains("ONLY_IN_LEDGER  payment \(number)"))
  }

  @Test func aDayIsSummedUpInThreeForms() throws {
    let desk = try Desk()
    _ = try desk.pay(card: Desk.card)
    _ = try desk.pay(card: Desk.card.replacingOccurrences(of: "4111111111111111", with: "4000000000000515"))
    let csv = try desk.admin(["report", "--day", Self.today, "--output", "csv"])
    #expect(
      csv.output.split(separator: "\n") == [
        "company,company_name,consultant,consultant_name,currency,state,count,amount,refunded",
        "1,Acme,1,Kim,KRW,APPROVED,1,12900,0", "1,Acme,1,Kim,KRW,DECLINED,1,12900,0",
      ], "\(csv.errors)")
    let text = try desk.admin(["report", "--day", Self.today, "--time-zone", "UTC"])
    #expect(
      text.output.contains("company 1 Acme\n  APPROVED  1  12900 KRW\n  DECLINED  1  12900 KRW\n  consultant 1 Kim"))
    let last = try desk.admin(["report", "--day", "9999-12-31"]).good()
    #expect(last.output.hasPrefix("from 9999-12-31 00:00:00.000 UTC to 10000-01-01 00:00:00.000 UTC\n"), "\(last)")
    let json = try desk.json(["report", "--day", Self.today])
    #expect((json.first?["totals"] as? [[String: Any]])?.count == 2)
  }

  @Test func anAdministratorOfARoleDoesThatAlone() throws {
    let desk = try Desk()
    let folder = "\(desk.server.root)/lee"
    let added = try desk.admin(["administrator", "add", "Lee Jun", "--role", "auditor", "--folder", folder])
    #expect(added.status == 0 && added.output == "administrator 2 Lee Jun: \(folder)\n", "\(added.errors)")
    let again = try desk.admin(["administrator", "add", "Lee Jun", "--role", "auditor", "--folder", folder])
    #expect(again.status == 74 && again.errors.contains("\(folder)/key.pem: it exists already"), "\(again)")
    let listed = try desk.admin(["payments", "list", "--admin", folder])
    #expect(listed.status == 0, "\(listed.errors)")
    let refused = try desk.admin(["revoke", "consultant", "1", "--reason", "superseded", "--admin", folder])
    #expect(refused.status == 1 && refused.errors.contains("ROLE_REQUIRED"), "\(refused.errors)")
    #expect(refused.errors.contains("security officer"), "\(refused.errors)")
    _ = try desk.admin(["administrator", "roles", "2", "--role", "operator", "--role", "security-officer"])
    let all = try desk.admin(["administrator", "list", "--admin", folder])
    #expect(
      all.output == """
        administrator 1 first administrator  operator, auditor, security-officer
        administrator 2 Lee Jun  operator, security-officer

        """, "\(all.errors)")
    let wrong = try desk.admin(["administrator", "add", "Park", "--role", "king", "--folder", folder])
    #expect(wrong.status == 64 && wrong.errors.contains("security-officer"), "\(wrong.errors)")
  }

  @Test func aRefundOfTwoAdministratorsIsDone() throws {
    let desk = try Desk()
    _ = try desk.pay(card: Desk.card)
    let folder = "\(desk.server.root)/lee"
    _ = try desk.admin(["administrator", "add", "Lee Jun", "--role", "operator", "--folder", folder])
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let asked = try #require(try desk.json(["refund", "\(payment)", "--amount", "2900"]).first)
    #expect(asked["state"] as? String == "REQUESTED")
    let number = try #require(asked["operation"] as? Int)
    let alone = try desk.admin(["confirm", "\(number)"])
    #expect(alone.status == 1 && alone.errors.contains("SECOND_ADMINISTRATOR_REQUIRED"), "\(alone.errors)")
    let done = try desk.admin(["confirm", "\(number)", "--admin", folder])
    #expect(done.status == 0 && done.output.contains("2900 KRW  DONE"), "\(done.output)\(done.errors)")
    let listed = try desk.json(["operations", "list", "--payment", "\(payment)"])
    #expect(listed.first?["confirmed_by"] as? String == "Lee Jun")
    #expect(try desk.json(["payments", "list"]).first?["state"] as? String == "PARTLY_REFUNDED")
    let csv = try desk.admin(["report", "--day", Self.today, "--output", "csv"]).good()
    #expect(csv.output.hasSuffix("1,Acme,1,Kim,KRW,PARTLY_REFUNDED,1,12900,2900\n"), "\(csv)")
    let report = try desk.admin(["report", "--day", Self.today]).good()
    #expect(report.output.contains("PARTLY_REFUNDED  1  12900 KRW, refunded 2900 KRW\n"), "\(report)")
    _ = try desk.pay(card: Desk.card)
    for (state, filter, count) in [
      ("PARTLY_REFUNDED", [], 1), ("PARTLY_REFUNDED", ["--consultant", "Kim"], 1), ("APPROVED", [], 1),
      ("APPROVED", ["--order", "A-1"], 1), ("REFUNDED", [], 0), ("VOIDED", [], 0),
    ] {
      let found = try desk.json(["payments", "list", "--state", state] + filter)
      #expect(found.map { $0["state"] as? String } == Array(repeating: state, count: count), "\(state) \(filter)")
    }
    let over = try desk.admin(["refund", "\(payment)", "--amount", "10001"])
    #expect(over.status == 64, "\(over)")
    #expect(
      over.errors == "error: --amount: 10001 minor units are more than the 10000 that are left of the payment\n",
      "\(over)")
    let void = try desk.admin(["void", "\(payment)"])
    #expect(void.status == 1 && void.errors.contains("OPERATION_CONFLICT"), "\(void.errors)")
  }

  @Test func thatNothingIsBehindANumberIsSaid() throws {
    let desk = try Desk()
    _ = try desk.pay(card: Desk.card)
    let questions = [["payments", "list"], ["trace", "--order", "A-1"], ["trace", "--consultant", "Kim"]]
    for question in questions + [["trace", "--card"]] {
      let beyond = try desk.admin(question + ["--after", "99999"], input: "4111111111111111").good()
      #expect(beyond.output.isEmpty && beyond.errors == "note: nothing is after payment 99999\n", "\(beyond)")
      let found = try desk.json(question, input: "4111111111111111")
      #expect(found.map { $0["is_last"] as? Bool } == [true], "\(question) \(found)")
    }
  }

  /// What the journal has of readings is what people asked for.
  @Test func whoWaitsForTheAcquirerReadsNothing() throws {
    let desk = try Desk()
    _ = try desk.pay(card: Desk.card)
    let folder = "\(desk.server.root)/lee"
    try desk.admin(["administrator", "add", "Lee", "--role", "operator", "--folder", folder]).good()
    let payment = try Sqlite.lines("\(desk.server.root)/server/ledger.db", "SELECT seq FROM payment")[0]
    // The simulator leaves a refund of this amount without an answer.
    let asked = try #require(try desk.json(["refund", payment, "--amount", "252"]).first?["operation"] as? Int)
    func readings() throws -> Int {
      try Sqlite.lines("\(desk.server.root)/server/ledger.db", "SELECT seq FROM event WHERE kind = 'PAYMENTS_READ'")
        .count
    }
    let waited = try desk.admin(["confirm", "\(asked)", "--admin", folder])
    #expect(waited.status == 2, "\(waited)")
    #expect(try readings() == 0)
    #expect(try desk.json(["operations", "list"]).count == 1)
    #expect(try readings() > 0)
  }

  @Test func nothingIsOpen() throws {
    let open = try Desk.shared.get().admin(["unresolved"])
    #expect(open.status == 0 && open.output.isEmpty, "\(open.errors)")
  }

  private static var today: String { String(ISO8601DateFormatter().string(from: Date()).prefix(10)) }

  @Test(arguments: [
    (["trace"], "", Int32(64), "one of PAYMENT, --order, --card, --consultant"),
    (["trace", "1", "--card"], "", 64, "one of"), (["trace", "1", "--from", "2026-01-01"], "", 64, "--consultant"),
    (["trace", "1", "--after", "5"], "", 64, "--after and --limit go with"),
    (["trace", "1", "--limit", "5"], "", 64, "go with"),
    (["trace", "--consultant", "Kim", "--from", "2026-02-30"], "", 64, "--from 2026-02-30"),
    (["trace", "--consultant", "Kim", "--to", "yesterday"], "", 64, "--to yesterday"),
    (["trace", "--card"], "4111111111111112", 65, "card number:"), (["trace", "--card"], "", 65, "card number:"),
    (["receipt", "zz"], "", 64, "must be the number of a payment, or its key of 32 hexadecimal digits"),
    (["refund", "1", "--amount", "0"], "", 64, "'--amount <amount>': must be 1 to 999999999999 minor units"),
    (["refund", "1", "--amount", "-1"], "", 64, "'--amount <amount>': must be 1 to 999999999999 minor units"),
    (["refund", "1", "--amount", "1", "--key", "7"], "", 64, "--key 7: must be a key of 32 hexadecimal digits"),
    (["trace", "--order", "no such"], "", 1, "PAYMENT_NOT_FOUND"),
    (["revoke", "consultant", "", "--reason", "superseded"], "", 64, "argument 3 is empty; give a value, or"),
    (["payments", "list", "--consultant", ""], "", 64, "argument 4 is empty"),
    (["payments", "list", "--state", "PAID"], "", 64, "--state PAID: must be one of INTENT, APPROVED, DECLINED,"),
    (["payments", "list", "--state", "PAID"], "", 64, "REFUNDING, PARTLY_REFUNDED, REFUNDED, VOIDING, VOIDED"),
    (["payments", "list", "--limit", "0"], "", 64, "--limit"),
    (["reconcile", "/nowhere.csv"], "", 64, "'--from <from>'"),
    (["reconcile", "/nowhere.csv", "--from", "2026-01-01", "--to", "2026-01-02"], "", 74, "/nowhere.csv"),
  ])
  func aWrongQuestionIsNamed(_ arguments: [String], _ input: String, _ status: Int32, _ words: String) throws {
    let result = try Desk.shared.get().admin(arguments, input: input)
    #expect(result.status == status, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(!result.errors.contains("4111111111111112"))
  }

  @Test func consultantsAreListed() throws {
    let desk = try Desk()
    let root = desk.server.root
    try desk.admin(["company", "add", "Other", "--certificate", "\(root)/o.pem", "--key", "\(root)/o.key"]).good()
    try desk.admin(["consultant", "add", "Lee", "--company", "Other"]).good()
    try desk.admin(["revoke", "consultant", "2", "--reason", "superseded"]).good()
    let all = try desk.admin(["consultant", "list"]).good()
    #expect(all.output == "consultant 1 Kim  company 1 Acme\nconsultant 2 Lee  company 2 Other  REVOKED\n")
    for company in ["Other", "2"] {
      let some = try desk.json(["consultant", "list", "--company", company])
      #expect(some.map { $0["name"] as? String } == ["Lee"] && some.first?["is_revoked"] as? Bool == true)
    }
    let none = try desk.admin(["consultant", "list", "--company", "nobody"])
    #expect(none.status == 1 && none.errors.contains("COMPANY_NOT_FOUND"), "\(none)")
  }
}

extension Desk {
  func admin(_ arguments: [String], input: String) throws -> Program.Result {
    try Program.run("countersign-admin", arguments, input: input, environment: server.admin)
  }

  /// Objects that a command of an operator prints, one a line.
  func json(_ arguments: [String], input: String = "", expecting status: Int32 = 0) throws -> [[String: Any]] {
    let result = try admin(arguments + ["--output", "json"], input: input)
    try #require(result.status == status, "\(arguments) \(result.status) \(result.errors)")
    return try result.output.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }
}
