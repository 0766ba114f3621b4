import Foundation
import TestPrograms
import Testing

/// Files of a folder that cannot be read as what they must be end a program with 74, the file's name and what to do.
/// Source: docs/operations.md, "Exit codes".
@Suite(.serialized, .timeLimit(.minutes(5))) struct DamagedPartTests {
  @Test func aDamagedFileOfATerminalIsNamed() throws {
    let desk = try Desk()
    let folder = "\(desk.server.root)/terminal"
    for name in ["consultant.pem", "company.pem", "company.key", "profile.signed"] {
      for damage in Damage.allCases {
        let login = try Self.with(damage, "\(folder)/\(name)") { try desk.terminal(["login"]) }
        #expect(login.status == 74 && login.errors.contains("cannot use \(folder)/\(name): "), "\(damage) \(login)")
        #expect(login.errors.contains("enrol again with --replace"), "\(damage) \(login)")
      }
    }
    let cut = try Self.with(.cut, "\(folder)/consultant.key") { try desk.terminal(["login"]) }
    #expect(cut.status == 74 && cut.errors.contains("cannot use \(folder)/consultant.key: "), "\(cut)")
    #expect(try desk.terminal(["login"]).status == 0)
  }

  @Test func aDamagedFileOfAServiceIsNamed() throws {
    let server = try ServerProcess()
    defer { server.end() }
    let folder = "\(server.root)/server"
    for name in ["tls/chain.pem", "tls/key.pem", "authority/root.pem", "audit/key.pem"] {
      for damage in Damage.allCases {
        let run = try Self.with(damage, "\(folder)/\(name)") {
          try Program.run("countersign-server", ["run", "--data", folder, "--port", "0", "--acquirer", "simulator"])
        }
        #expect(run.status == 74 && run.errors.contains("cannot use \(folder)/\(name): "), "\(damage) \(run)")
        #expect(run.errors.contains("put the copy of \(name.prefix { $0 != "/" })/ back"), "\(damage) \(run)")
      }
    }
  }

  @Test func aDamagedFileOfAGatewayIsNamed() throws {
    let gateway = try GatewayProcess()
    gateway.kill()
    let folder = "\(gateway.server.root)/gateway"
    for name in ["company.pem", "company.key", "tls.pem", "tls.key", "profile.signed"] {
      for damage in Damage.allCases {
        let run = try Self.with(damage, "\(folder)/\(name)") {
          try Program.run("countersign-gateway", ["run", "--port", "0"] + gateway.options)
        }
        #expect(run.status == 74 && run.errors.contains("cannot use \(folder)/\(name): "), "\(damage) \(run)")
        #expect(run.errors.contains("init --replace"), "\(damage) \(run)")
      }
    }
  }

  @Test func aFolderInPlaceOfAKeyIsToldAsOne() throws {
    let desk = try Desk()
    let key = "\(desk.server.root)/terminal/company.key"
    try FileManager.default.removeItem(atPath: key)
    try FileManager.default.createDirectory(atPath: key, withIntermediateDirectories: false)
    let login = try desk.terminal(["login"])
    #expect(login.status == 74 && login.errors.contains("\(key): Is a directory"), "\(login)")
  }

  @Test func aFileThatIsNamedAndIsNoneOfItsKindIsWrongInput() throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    try Data("-----BEGIN CERTIFICATE-----\nMIIB".utf8).write(to: URL(filePath: "\(root)/cut.pem"))
    let certificate = try desk.terminal(
      ["certificate", "--certificate", "\(root)/cut.pem", "--key", "\(root)/terminal/consultant.key"])
    #expect(certificate.status == 65 && certificate.errors.contains("error: \(root)/cut.pem: "), "\(certificate)")
  }

  private enum Damage: CaseIterable { case cut, empty }

  private static func with(
    _ damage: Damage, _ file: String, _ body: () throws -> Program.Result
  ) throws -> Program.Result {
    let url = URL(filePath: file)
    let whole = try Data(contentsOf: url)
    // Written in place, since a new file would have other rights.
    let handle = try FileHandle(forWritingTo: url)
    try handle.truncate(atOffset: damage == .cut ? UInt64(whole.count) * 2 / 3 : 0)
    try handle.close()
    defer {
      let handle = try? FileHandle(forWritingTo: url)
      try? handle?.write(contentsOf: whole)
      try? handle?.close()
    }
    return try body()
  }
}
