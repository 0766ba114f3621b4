import Foundation
import TestPrograms
import Testing

/// `countersign-terminal enrol` where something was typed wrong, and terminals whose clock is wrong.
@Suite(.serialized, .timeLimit(.minutes(3))) struct EnrolmentProgramTests {
  /// A character of the secret, and one of the root.
  @Test(arguments: [(5, 1, "TOKEN_INVALID"), (50, 77, "compare token and address")] as [(Int, Int32, String)])
  func aTokenTypedWrongDoesNotStandInTheWayOfTheRightOne(_ place: Int, _ status: Int32, _ words: String) throws {
    let desk = try Desk.shared.get()
    let token = try Self.token("Typed\(place)", "Acme", desk.admin)
    let wrong = try Self.enrol(desk.server, Self.mistyped(token, place), "typed\(place)", passphrase: "another one")
    #expect(wrong.status == status && wrong.errors.contains(words), "\(wrong)")
    #expect(!FileManager.default.fileExists(atPath: "\(desk.server.root)/typed\(place)/enrolling.key"))
    let right = try Self.enrol(desk.server, token, "typed\(place)", passphrase: "correct horse")
    #expect(right.status == 0, "\(right)")
  }

  /// The half that names the root, beside a right file.
  @Test func aTokenTypedWrongIsNotToldAsAWrongCompanyFile() throws {
    let desk = try Desk.shared.get()
    let token = try Self.token("TypedRoot", "Acme", desk.admin)
    let folder = "\(desk.server.root)/typed-root"
    let wrong = try desk.terminal([
      "enrol", "localhost:\(desk.server.port)", Self.mistyped(token, 50), "--data", folder, "--company",
      "\(desk.server.root)/acme.pem", "--company-key", "\(desk.server.root)/acme.key",
    ])
    #expect(wrong.status == 77 && wrong.errors.contains("compare token and address"), "\(wrong)")
    #expect(!wrong.errors.contains("acme.pem"), "\(wrong)")
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test(arguments: [(5, 1, "TOKEN_INVALID"), (50, 77, "compare token and address")] as [(Int, Int32, String)])
  func aGatewaysTokenTypedWrongLeavesNothingBehind(_ place: Int, _ status: Int32, _ words: String) throws {
    let gateway = try GatewayProcess()
    let (server, folder) = (gateway.server, "\(gateway.server.root)/typed")
    let token = try gateway.register(port: gateway.port)
    func setUp(_ token: String, _ passphrase: String) throws -> Program.Result {
      try GatewayProcess.write(passphrase, to: "\(server.root)/typed.passphrase")
      return try Program.run(
        "countersign-gateway",
        [
          "init", "localhost:\(server.port)", token, "--data", folder, "--passphrase-file",
          "\(server.root)/typed.passphrase",
        ])
    }
    let wrong = try setUp(Self.mistyped(token, place), "another one")
    #expect(wrong.status == status && wrong.errors.contains(words), "\(wrong)")
    #expect(!wrong.errors.contains("profile"), "\(wrong)")
    let left = try? FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(left ?? [] == [])
    let right = try setUp(token, "company secret")
    #expect(right.status == 0, "\(right)")
  }

  @Test func anotherCompanysGatewaySaysSoAndTheTokenStaysGood() throws {
    let gateway = try GatewayProcess()
    let root = gateway.server.root
    try gateway.admin(["company", "add", "Beta", "--certificate", "\(root)/b.pem", "--key", "\(root)/b.key"])
    let token = try Self.token("Lee", "Beta", gateway.admin)
    let refused = try Self.enrol(gateway.server, token, "lee", passphrase: "correct horse", port: gateway.port)
    #expect(refused.status == 1 && refused.errors.contains("this gateway belongs to another company"), "\(refused)")
    #expect(refused.errors.contains("the gateway of the consultant's own company"), "\(refused)")
    let enrolled = try Self.enrol(gateway.server, token, "lee", passphrase: "correct horse")
    #expect(enrolled.status == 0, "\(enrolled)")
  }

  /// Its certificates are younger than the clock is wrong, so that nothing of them is valid yet.
  @Test func aClockThatIsBehindANewServiceIsTold() throws {
    let desk = try Desk()
    let clock = try MovedClock()
    try clock.move(by: -3_600)
    let token = try Self.token("Lee", "Acme", desk.admin)
    let enrol = try Self.enrol(desk.server, token, "lee", passphrase: "correct horse", clock.environment)
    let login = try Program.run(
      "countersign-terminal", ["login"], environment: desk.environment.merging(clock.environment) { $1 })
    for result in [enrol, login] {
      #expect(result.status == 78 && result.errors.contains("this machine's clock is 3"), "\(result)")
      #expect(result.errors.contains("seconds or more behind"), "\(result)")
    }
  }

  @Test(arguments: [(-3_600, "behind"), (3_600, "ahead of")])
  func howMuchTheClockDiffersFromTheServicesIsTold(_ seconds: Int, _ word: String) throws {
    let old = try MovedClock()
    try old.move(by: -7_200)
    let server = try ServerProcess(environment: old.environment)
    try old.move(by: 0)
    let desk = try Desk(server: server)
    let clock = try MovedClock()
    try clock.move(by: seconds)
    let token = try Self.token("Lee", "Acme", desk.admin)
    let enrol = try Self.enrol(desk.server, token, "lee", passphrase: "correct horse", clock.environment)
    let login = try Program.run(
      "countersign-terminal", ["login"], environment: desk.environment.merging(clock.environment) { $1 })
    for result in [enrol, login] {
      let told = try result.errors.firstMatch(of: Regex("clock is (3[56][0-9]{2}) seconds \(word) the service's"))
      #expect(result.status == 78 && told != nil, "\(result)")
    }
  }

  @Test func aProfileThatIsOverByAWrongClockNamesTheClock() throws {
    let desk = try Desk.shared.get()
    let clock = try MovedClock()
    try clock.move(by: 100 * 86_400)
    let login = try Program.run(
      "countersign-terminal", ["login"], environment: desk.environment.merging(clock.environment) { $1 })
    #expect(login.status == 77, "\(login)")
    let told = /the profile ended \S+Z and this machine's clock says \S+Z: set the clock/
    #expect(login.errors.contains(told), "\(login)")
    let token = try Self.token("Ahead", "Acme", desk.admin)
    let enrol = try Self.enrol(desk.server, token, "ahead", passphrase: "correct horse", clock.environment)
    #expect(enrol.status == 77 && enrol.errors.contains("set the clock right where it is wrong"), "\(enrol)")
    #expect(!enrol.errors.contains("compare token"), "\(enrol)")
  }

  @Test func aServiceWhoseClockIsBehindItsLedgerSaysSo() throws {
    let clock = try MovedClock()
    try clock.move(by: -7_200)
    let server = try ServerProcess(environment: clock.environment)
    try clock.move(by: 0)
    try server.start()
    #expect(server.stop() == 0)
    #expect(!server.logText.contains("clock is behind"), "\(server.logText)")
    try clock.move(by: -3_600)
    try server.start()
    let told = /warning.*this machine's clock is behind the ledger's last record/
    let lines = server.logText.split(separator: "\n").filter { $0.contains(told) }
    #expect(lines.count == 1 && lines[0].contains(/clock=\S+Z.*last-record=\S+Z/), "\(server.logText)")
    server.end()
  }

  private static func mistyped(_ token: String, _ place: Int) -> String {
    var typed = Array(token)
    typed[place] = typed[place] == "A" ? "B" : "A"
    return String(typed)
  }

  private static func token(
    _ name: String, _ company: String, _ admin: ([String]) throws -> Program.Result
  ) throws -> String {
    let added = try admin(["consultant", "add", name, "--company", company, "--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(added.output.utf8)) as? [String: Any]
    return try #require(object?["token"] as? String)
  }

  /// Enrols in a folder of this name beside the server's.
  private static func enrol(
    _ server: ServerProcess, _ token: String, _ folder: String, passphrase: String, port: Int? = nil,
    _ environment: [String: String] = [:]
  ) throws -> Program.Result {
    try GatewayProcess.write(passphrase, to: "\(server.root)/\(folder).passphrase")
    let own = [
      "COUNTERSIGN_TERMINAL": "\(server.root)/\(folder)",
      "COUNTERSIGN_PASSPHRASE_FILE": "\(server.root)/\(folder).passphrase",
    ]
    return try Program.run(
      "countersign-terminal", ["enrol", "localhost:\(port ?? server.port)", token],
      environment: own.merging(environment) { $1 })
  }
}
