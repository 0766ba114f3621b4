import Foundation
import TestPrograms
import Testing

/// `update` of the programs themselves, as people run it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct UpdateProgramTests {
  @Test func aTerminalTellsItsVersion() throws {
    #expect(try Program.run("countersign-terminal", ["--version"]).output == "countersign-terminal 1.0.0\n")
  }

  @Test func aTerminalUpdatesItselfAndGoesOnWorking() throws {
    let desk = try Desk(arguments: ["--https-port", "0"])
    let root = desk.server.root
    let installed = try install("countersign-terminal", "1.0.0", in: root)
    let before = try contents(root)
    try offer(desk.server, "countersign-terminal", "1.1.0")

    let told = try run(installed, ["update", "--check", "--output", "json"], desk)
    #expect(told.status == 0, "\(told.errors)")
    #expect(try field("result", of: told) == "available")
    #expect(try contents(root) == before)

    let updated = try run(installed, ["update", "--output", "json"], desk)
    #expect(updated.status == 0, "\(updated.errors)")
    #expect(try field("result", of: updated) == "updated")
    #expect(try field("offered", of: updated) == "1.1.0")
    #expect(try field("former", of: updated) == "\(installed).former")
    #expect(try run(installed, ["--version"], desk).output == "countersign-terminal 1.1.0\n")
    #expect(try run("\(installed).former", ["--version"], desk).output == "countersign-terminal 1.0.0\n")
    #expect(try contents(root).keys.sorted() == ["countersign-terminal", "countersign-terminal.former"])

    #expect(try run(installed, ["login", "--check"], desk).status == 0)
    let again = try run(installed, ["update"], desk)
    #expect(again.status == 0 && again.output.contains("version 1.1.0 is the newest"), "\(again.errors)")
  }

  @Test func anOlderProgramIsNotInstalled() throws {
    let desk = try Desk(arguments: ["--https-port", "0"])
    let installed = try install("countersign-terminal", "1.2.0", in: desk.server.root)
    try offer(desk.server, "countersign-terminal", "1.1.0")
    let before = try contents(desk.server.root)
    for arguments in [["update"], ["update", "--check"]] {
      let result = try run(installed, arguments, desk)
      #expect(result.status == 1 && result.errors.contains("older than the installed 1.2.0"), "\(result.errors)")
    }
    #expect(try contents(desk.server.root) == before)
  }

  @Test func nothingIsOfferedBeforeSomethingWasBundled() throws {
    let desk = try Desk(arguments: ["--https-port", "0"])
    let result = try desk.terminal(["update"])
    #expect(result.status == 1 && result.errors.contains("offers no program"), "\(result.errors)")
  }

  @Test func withoutANetworkServiceTheProfileNamesNone() throws {
    let result = try Desk.shared.get().terminal(["update"])
    #expect(result.status == 78 && result.errors.contains("names no network service"), "\(result.errors)")
  }

  @Test func theFolderOfAnotherUserIsNotBelieved() throws {
    let desk = try Desk(arguments: ["--https-port", "0"])
    // Only root can give a file away; without that right there is no folder of another user to be led by.
    guard chown("\(desk.server.root)/terminal/profile.signed", 12_345, 12_345) == 0 else {
      #expect(geteuid() != 0)
      return
    }
    let result = try desk.terminal(["update"])
    #expect(result.status == 78 && result.errors.contains("belongs to another user"), "\(result.errors)")
  }

  @Test func aGatewayUpdatesItself() throws {
    let desk = try Desk(arguments: ["--https-port", "0"])
    let root = desk.server.root
    let added = try desk.admin([
      "gateway", "add", "Acme", "--host", "localhost", "--port", "17444", "--dns-name", "localhost",
      "--output", "json",
    ])
    try #require(added.status == 0, "\(added.errors)")
    let token = try field("token", of: added)
    let folder = ["--data", "\(root)/gateway", "--passphrase-file", "\(root)/passphrase"]
    let made = try Program.run("countersign-gateway", ["init", "localhost:\(desk.server.port)", token] + folder)
    try #require(made.status == 0, "\(made.errors)")
    let installed = try install("countersign-gateway", "1.0.0", in: root)
    try offer(desk.server, "countersign-gateway", "1.1.0")
    let updated = try run(installed, ["update", "--data", "\(root)/gateway"], desk)
    #expect(updated.status == 0 && updated.output.contains("updated from 1.0.0 to 1.1.0"), "\(updated.errors)")
    #expect(try run(installed, ["--version"], desk).output == "countersign-gateway 1.1.0\n")
  }

  // MARK: - Parts

  private func install(_ name: String, _ version: String, in root: String) throws -> String {
    try FileManager.default.createDirectory(atPath: "\(root)/bin", withIntermediateDirectories: true)
    try Bundles.program(name, version, at: "\(root)/bin/\(name)")
    return "\(root)/bin/\(name)"
  }

  private func offer(_ server: ServerProcess, _ name: String, _ version: String) throws {
    let file = "\(server.root)/\(name)-\(version)"
    try Bundles.program(name, version, at: file)
    let option = name == "countersign-gateway" ? "--gateway" : "--terminal"
    let added = try Bundles.add(server, option, file, version)
    try #require(added.status == 0, "\(added.errors)")
  }

  private func run(_ program: String, _ arguments: [String], _ desk: Desk) throws -> Program.Result {
    try runProgram(program, arguments, environment: desk.environment)
  }

  private func field(_ name: String, of result: Program.Result) throws -> String {
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    return try #require(object?[name] as? String)
  }

  /// Every file beside the installed program with its SHA-256.
  private func contents(_ root: String) throws -> [String: String] {
    let sums = try Program.shell("cd \(root)/bin && sha256sum * ").output.split(separator: "\n")
    return sums.reduce(into: [:]) { $0[String($1.dropFirst(66))] = String($1.prefix(64)) }
  }
}
