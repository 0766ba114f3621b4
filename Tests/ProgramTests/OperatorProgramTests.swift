import Foundation
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

  @Test(arguments: [
    (["trace"], "", Int32(64), "one of PAYMENT, --order, --card, --consultant"),
    (["trace", "1", "--card"], "", 64, "one of"), (["trace", "1", "--from", "2026-01-01"], "", 64, "--consultant"),
    (["trace", "--consultant", "Kim", "--from", "2026-02-30"], "", 64, "--from 2026-02-30"),
    (["trace", "--consultant", "Kim", "--to", "yesterday"], "", 64, "--to yesterday"),
    (["trace", "--card"], "4111111111111112", 1, "card_number"), (["trace", "--card"], "", 1, "card_number"),
    (["trace", "--order", "4111111111111111"], "", 1, "order_reference"),
    (["trace", "--order", "no such"], "", 1, "PAYMENT_NOT_FOUND"),
  ])
  func aWrongQuestionIsNamed(_ arguments: [String], _ input: String, _ status: Int32, _ words: String) throws {
    let result = try Desk.shared.get().admin(arguments, input: input)
    #expect(result.status == status, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(!result.errors.contains("4111111111111112"))
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
