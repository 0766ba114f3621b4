import Foundation
import TestPrograms
import Testing

/// Folders that lack a part end a program with 78, the file's name and what to do. Source: docs/operations.md, "Exit
/// codes".
@Suite(.serialized, .timeLimit(.minutes(3))) struct MissingPartTests {
  @Test func aServicesFolderThatLacksAPartSaysWhatToPutBack() throws {
    let server = try ServerProcess()
    defer { server.end() }
    let folder = "\(server.root)/server"
    for name in [
      // Read when there is no sealing key yet.
      "sealing/key.pem", "audit/key.pem", "tls/key.pem", "tls/chain.pem", "ocsp/key.pem", "authority/issuing.pem",
      "authority/root.pem", "vault/data-1.key", "vault/fingerprint-1.key",
    ] {
      let run = try Self.without("\(folder)/\(name)") { try Self.run(folder) }
      let advice = "put the copy of \(name.prefix { $0 != "/" })/ back"
      let vault = "put back the copy of vault/"
      #expect(run.status == 78 && run.errors.hasPrefix("error: \(folder)/\(name) is missing; "), "\(run)")
      #expect(run.errors.contains(advice) || run.errors.contains(vault), "\(run)")
    }
  }

  @Test func anAuthoritysFolderThatLacksAPartSaysWhatToPutThere() throws {
    let server = try ServerProcess()
    defer { server.end() }
    let folder = "\(server.root)/server"
    let national = "\(folder)/anchors/national"
    try FileManager.default.createDirectory(atPath: national, withIntermediateDirectories: true)
    let empty = try Self.run(folder)
    #expect(empty.status == 78 && empty.errors.contains("\(national)/authority.conf is missing; write"), "\(empty)")
    try Data("role = company\nusage = 1.2.3\n".utf8).write(to: URL(filePath: "\(national)/authority.conf"))
    let half = try Self.run(folder)
    #expect(half.status == 78 && half.errors.contains("\(national)/anchor.pem is missing; put"), "\(half)")
  }

  @Test func aTerminalsFolderThatLacksAPartSaysHowToEnrolAgain() throws {
    let desk = try Desk()
    let folder = "\(desk.server.root)/terminal"
    for name in ["consultant.key", "company.key", "company.pem", "profile.signed", "interface"] {
      let login = try Self.without("\(folder)/\(name)") { try desk.terminal(["login"]) }
      #expect(login.status == 78 && login.errors.contains("\(folder)/\(name) is missing; put it back"), "\(login)")
      #expect(login.errors.contains("enrol again with --replace"), "\(login)")
    }
    #expect(try desk.terminal(["login"]).status == 0)
    let officer = "\(desk.server.root)/server/admin"
    let admin = try Self.without("\(officer)/key.pem") { try desk.admin(["unresolved"]) }
    #expect(admin.status == 78 && admin.errors.contains("\(officer)/key.pem is missing; put it back"), "\(admin)")
  }

  @Test func aGatewaysFolderThatLacksAPartSaysHowToSetItUpAnew() throws {
    let gateway = try GatewayProcess()
    let folder = "\(gateway.server.root)/gateway"
    for name in ["company.pem", "company.key", "tls.pem", "tls.key"] {
      let run = try Self.without("\(folder)/\(name)") {
        try Program.run("countersign-gateway", ["run", "--port", "0"] + gateway.options)
      }
      #expect(run.status == 78 && run.errors.contains("\(folder)/\(name) is missing; put it back"), "\(run)")
      #expect(run.errors.contains("init --replace"), "\(run)")
    }
  }

  private static func without(
    _ file: String, _ body: () throws -> Program.Result
  ) throws -> Program.Result {
    try FileManager.default.moveItem(atPath: file, toPath: "\(file).away")
    defer { try? FileManager.default.moveItem(atPath: "\(file).away", toPath: file) }
    return try body()
  }

  private static func run(_ folder: String) throws -> Program.Result {
    try Program.run("countersign-server", ["run", "--data", folder, "--port", "0", "--acquirer", "simulator"])
  }
}
