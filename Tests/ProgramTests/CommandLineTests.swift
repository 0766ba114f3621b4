import Foundation
import Testing

/// The programs as people and other programs use them: output, errors and exit codes (docs/operations.md).
@Suite(.serialized) struct CommandLineTests {
  @Test func aConsultantEnrolsPaysAndIsFoundByTrace() throws {
    let desk = try Desk()
    let login = try desk.terminal(["login", "--check"])
    #expect(login.status == 0, "\(login.errors)")
    #expect(login.output.contains("login works: Kim of Acme at pay.test"))

    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "1999", "--currency", "EUR", "--output", "json"], input: Desk.card)
    #expect(paid.status == 0, "\(paid.errors)")
    let receipt = try #require(try JSONSerialization.jsonObject(with: Data(paid.output.utf8)) as? [String: Any])
    #expect(receipt["outcome"] as? String == "APPROVED")
    #expect(receipt["masked_card"] as? String == "411111******1111")
    let number = try #require(receipt["payment"] as? Int)

    let trace = try desk.admin(["trace", "\(number)", "--output", "json"])
    let found = try #require(try JSONSerialization.jsonObject(with: Data(trace.output.utf8)) as? [String: Any])
    #expect(found["consultant_name"] as? String == "Kim")
    #expect(found["company_name"] as? String == "Acme")
  }

  @Test func afterRevokingNothingIsCharged() throws {
    let desk = try Desk()
    let revoked = try desk.admin(["revoke", "consultant", "1", "--reason", "privilege-withdrawn"])
    #expect(revoked.status == 0 && revoked.output.contains("consultant 1 is revoked"), "\(revoked.errors)")
    let paid = try desk.pay(card: Desk.card)
    #expect(paid.status == 1 && paid.errors.contains("REVOKED"), "\(paid.errors)")
  }

  @Test(arguments: [
    (["revoke", "certificate", "Kim", "--reason", "superseded"], "hexadecimal digits"),
    (["revoke", "device", "52:54", "--reason", "superseded"], "MAC address"),
    (["revoke", "consultant", "1", "--reason", "because"], "key-compromise"),
    (["certificates", "--expiring", "soon"], "30d"), (["certificates", "--expiring", "+5d"], "30d"),
    (["unlock"], "--consultant or --source"),
    (["trace", "abc"], "number of a payment"),
  ])
  func aWrongArgumentOfAnOperatorIsNamed(_ arguments: [String], _ words: String) throws {
    let result = try Desk.shared.get().admin(arguments)
    #expect(result.status == 64)
    #expect(result.errors.contains(words), "\(result.errors)")
  }

  @Test func certificatesThatEndAreListed() throws {
    let listed = try Desk.shared.get().admin(["certificates", "--expiring", "91d"])
    #expect(listed.status == 0 && listed.output.contains("consultant 1  serial "), "\(listed.errors)\(listed.output)")
  }

  @Test func aDeclinedPaymentExitsWithOne() throws {
    let desk = try Desk()
    let declined = try desk.pay(card: Desk.card.replacingOccurrences(of: "4111111111111111", with: "4000000000000515"))
    #expect(declined.status == 1)
    #expect(declined.output.contains("DECLINED"), "\(declined.errors)")
  }

  @Test func aServiceThatIsNotThereIsUnreachable() throws {
    let desk = try Desk()
    desk.server.kill()
    let paid = try desk.pay(card: Desk.card)
    #expect(paid.status == 69, "\(paid.status) \(paid.errors)")
  }

  @Test(arguments: [
    ("{", "JSON object"), ("[]", "the document has the wrong type"),
    ("{\"card_number\":\"4111111111111111\"}", "expiry_year"),
    ("{\"card_number\":\"4111111111111111\",\"expiry_year\":-1,\"expiry_month\":12}", "expiry_year"),
    ("{\"card_number\":\"4111111111111111\",\"expiry_year\":2035,\"expiry_month\":12,\"pin\":\"1\"}", "pin"),
    (String(repeating: " ", count: 5_000), "4096 bytes"),
    (
      "{\"card_number\":\"4111111111111111\",\"expiry_year\":2035,\"expiry_month\":12,\"expiry_year\" : 2036}",
      "expiry_year\" stands twice"
    ),
    (Desk.card + Desk.card, "is not one JSON object"),
    (
      "{\"card_number\":\"4111111111111111\",\"expiry_year\":2035,\"expiry_month\":12.5}",
      "expiry_month must be a whole number"
    ),
    (
      "{\"card_number\":\"4111111111111111\",\"expiry_year\":1e300,\"expiry_month\":12}",
      "expiry_year must be a whole number"
    ),
  ])
  func aWrongCardOnStandardInputIsNamedAndNothingIsSent(_ input: String, _ words: String) throws {
    let desk = try Desk.shared.get()
    let paid = try desk.pay(card: input)
    #expect(paid.status == 65)
    #expect(paid.errors.contains(words), "\(paid.errors)")
    #expect(!paid.errors.contains("4111111111111111"))
  }

  @Test func aWrongCardNumberIsRefusedWithItsField() throws {
    let desk = try Desk()
    let paid = try desk.pay(card: Desk.card.replacingOccurrences(of: "1111\"", with: "1112\""))
    #expect(paid.status == 65)
    #expect(paid.errors.contains("card.card_number"), "\(paid.errors)")
  }

  /// What an order must be, in the words of the command line, before a login is spent on it.
  @Test(arguments: [
    ("A-1", "0", "KRW", "--amount"), ("A-1", "1", "XXX", "--currency"), ("", "1", "KRW", "argument 3 is empty"),
    ("o4111/1111/1111/1111", "1", "KRW", "card number"),
  ])
  func aWrongOrderIsNamed(_ order: String, _ amount: String, _ currency: String, _ words: String) throws {
    let paid = try Desk.shared.get().terminal(
      ["pay", "--order", order, "--amount", amount, "--currency", currency], input: Desk.card)
    #expect(paid.status == 64)
    #expect(paid.errors.contains(words), "\(paid.errors)")
  }

  @Test func aSourceThatIsNoAddressIsNotUnlocked() throws {
    let result = try Desk.shared.get().admin(["unlock", "--source", "300.1.1.1"])
    #expect(result.status == 64 && result.errors.hasPrefix("error: --source: must be an address"), "\(result.errors)")
  }

  @Test func aWrongPassphraseSaysSo() throws {
    let desk = try Desk.shared.get()
    let path = "\(desk.server.root)/wrong"
    _ = FileManager.default.createFile(
      atPath: path, contents: Data("not the passphrase".utf8), attributes: [.posixPermissions: 0o600])
    let login = try desk.terminal(["login", "--check", "--passphrase-file", path])
    #expect(login.status == 77)
    #expect(login.errors.contains("passphrase"), "\(login.errors)")
  }

  @Test func anAlteredProfileIsNotTrusted() throws {
    let desk = try Desk()
    let path = "\(desk.server.root)/terminal/profile.signed"
    var bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
    let place = try #require(bytes.firstRange(of: Array("localhost".utf8)))
    bytes[place.lowerBound] = UInt8(ascii: "x")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let login = try desk.terminal(["login", "--check"])
    #expect(login.status == 77)
    #expect(login.errors.contains("profile"), "\(login.errors)")
  }

  @Test(arguments: [
    "countersign-server", "countersign-admin", "countersign-terminal", "countersign-gateway", "countersign-bench",
  ])
  func helpHasExamples(_ program: String) throws {
    let help = try Program.run(program, ["--help"])
    #expect(help.status == 0)
    #expect(help.output.contains("EXAMPLE"))
    #expect(!help.output.contains("safe-checkout"))
  }

  @Test(
    arguments: [
      ("countersign-server", ["run"], Int32(64)), ("countersign-server", ["run", "--data", "/nonexistent"], 64),
      ("countersign-server", ["run", "--data", "/nonexistent", "--acquirer", "simulator"], 78),
      ("countersign-server", ["run", "--data", "/nonexistent", "--acquirer", "visa"], 64),
      ("countersign-server", ["run", "--data", "/x", "--acquirer", "simulator", "--port", "70000"], 64),
      ("countersign-admin", ["trace", "1"], 64), ("countersign-admin", ["trace", "1", "--admin", "/nonexistent"], 78),
      ("countersign-terminal", ["enrol", "localhost", "TOKEN"], 64), ("countersign-terminal", ["pay"], 64),
    ] as [(String, [String], Int32)])
  func wrongUseHasItsExitCode(_ program: String, _ arguments: [String], _ status: Int32) throws {
    let run = try Program.run(program, arguments)
    #expect(run.status == status, "\(run.status): \(run.errors)")
    #expect(!run.errors.isEmpty)
  }

  @Test func initRefusesAFolderThatHoldsAService() throws {
    let desk = try Desk.shared.get()
    let again = try Program.run("countersign-server", ["init", "--data", "\(desk.server.root)/server"])
    #expect(again.status == 78, "\(again.status)")
    #expect(again.errors.contains("holds a service already"))
  }

  @Test func aSecondServerOnTheSameFolderIsRefused() throws {
    let desk = try Desk.shared.get()
    let second = try Program.run(
      "countersign-server", ["run", "--data", "\(desk.server.root)/server", "--port", "0", "--acquirer", "simulator"])
    #expect(second.status == 74, "\(second.status)")
    #expect(second.errors.contains("in use by another server process"), "\(second.errors)")
  }

  @Test func aServerStopsCleanlyWhenTold() throws {
    let desk = try Desk()
    #expect(desk.server.stop() == 0)
  }
}

/// A server, company Acme and the enrolled terminal of consultant Kim.
final class Desk {
  static let card =
    #"{"card_number":"4111111111111111","expiry_year":2035,"expiry_month":12,"password_digits":"12"}"#

  /// For tests that leave it as it is and log nobody in: suites run beside each other, and a login of Kim ends the
  /// one before.
  nonisolated(unsafe) static let shared: Result<Desk, any Error> = Result {
    atexit { if case .success(let desk) = Desk.shared { desk.server.end() } }
    return try Desk()
  }

  let server: ServerProcess
  let environment: [String: String]

  /// - Parameters:
  ///   - server: one that has not been started yet; nil: a new one.
  ///   - arguments: given to `countersign-server run` besides.
  init(server: ServerProcess? = nil, arguments: [String] = []) throws {
    self.server = try server ?? ServerProcess()
    let server = self.server
    server.arguments = arguments
    try server.start()
    let root = server.root
    _ = FileManager.default.createFile(
      atPath: "\(root)/passphrase", contents: Data("correct horse\n".utf8), attributes: [.posixPermissions: 0o600])
    environment = ["COUNTERSIGN_TERMINAL": "\(root)/terminal", "COUNTERSIGN_PASSPHRASE_FILE": "\(root)/passphrase"]
    let added = try admin(["company", "add", "Acme", "--certificate", "\(root)/acme.pem", "--key", "\(root)/acme.key"])
    try #require(added.status == 0, "\(added.errors)")
    let consultant = try admin(["consultant", "add", "Kim", "--company", "Acme", "--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(consultant.output.utf8)) as? [String: Any]
    let token = try #require(object?["token"] as? String)
    let enrolled = try terminal([
      "enrol", "localhost:\(server.port)", token, "--company", "\(root)/acme.pem", "--company-key", "\(root)/acme.key",
    ])
    try #require(enrolled.status == 0, "\(enrolled.errors)")
  }

  func admin(_ arguments: [String]) throws -> Program.Result {
    try Program.run("countersign-admin", arguments, environment: server.admin)
  }

  /// What one security officer asks for and another one, Park, confirms.
  func twoOfficers(_ arguments: [String]) throws -> Program.Result {
    let folder = "\(server.root)/park"
    if !FileManager.default.fileExists(atPath: folder) {
      try admin(["administrator", "add", "Park", "--role", "security-officer", "--folder", folder]).good()
    }
    let asked = try admin(arguments + ["--output", "json"]).good()
    let object = try JSONSerialization.jsonObject(with: Data(asked.output.utf8)) as? [String: Any]
    let number = try #require(object?["operation"] as? Int)
    return try admin(["keys", "confirm", "\(number)", "--admin", folder]).good()
  }

  func terminal(_ arguments: [String], input: String = "") throws -> Program.Result {
    try Program.run("countersign-terminal", arguments, input: input, environment: environment)
  }

  func pay(card: String) throws -> Program.Result {
    try terminal(["pay", "--order", "A-1", "--amount", "12900", "--currency", "KRW"], input: card)
  }
}
