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
    var typed = Array(token)
    typed[place] = typed[place] == "A" ? "B" : "A"
    let wrong = try Self.enrol(desk.server, String(typed), "typed\(place)", passphrase: "another one")
    #expect(wrong.status == status && wrong.errors.contains(words), "\(wrong)")
    #expect(!FileManager.default.fileExists(atPath: "\(desk.server.root)/typed\(place)/enrolling.key"))
    let right = try Self.enrol(desk.server, token, "typed\(place)", passphrase: "correct horse")
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
