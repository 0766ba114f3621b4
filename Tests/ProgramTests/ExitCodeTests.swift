import Foundation
import Testing

/// Exit codes of wrong files and folders, as the table in docs/operations.md has them.
@Suite(.serialized) struct ExitCodeTests {
  @Test(arguments: ["", "a\nb", String(repeating: "x", count: 65)])
  func aNameThatCannotBeRegisteredIsAWrongCommandLine(_ name: String) throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    for command in [
      ["company", "add", name, "--certificate", "\(root)/none.pem", "--key", "\(root)/none.key"],
      ["consultant", "add", name, "--company", "Acme"],
      ["administrator", "add", name, "--role", "operator", "--folder", "\(root)/none"],
    ] {
      let added = try desk.admin(command)
      #expect(added.status == 64, "\(command): \(added)")
      #expect(added.errors.contains("NAME must be 1 to 64 bytes"), "\(command): \(added)")
    }
    #expect(!FileManager.default.fileExists(atPath: "\(root)/none.key.asking"))
  }

  /// Each pair that the server needs, with the key of another.
  @Test(arguments: [
    ("tls/chain.pem", "tls/key.pem"), ("sealing/chain.pem", "sealing/key.pem"), ("ocsp/chain.pem", "ocsp/key.pem"),
    ("authority/issuing.pem", "authority/issuing.key"),
  ])
  func aKeyOfAnotherCertificateIsAWrongFolder(_ chain: String, _ key: String) throws {
    let server = try ServerProcess()
    defer { server.end() }
    let folder = "\(server.root)/server"
    try FileManager.default.removeItem(atPath: "\(folder)/\(key)")
    try FileManager.default.copyItem(atPath: "\(folder)/audit/key.pem", toPath: "\(folder)/\(key)")
    let run = try Self.run(folder)
    #expect(run.status == 78, "\(run)")
    #expect(run.errors.contains("\(folder)/\(key) is not the key of \(folder)/\(chain)"), "\(run)")
  }

  @Test func aKeyThatIsNoneIsAFileError() throws {
    let server = try ServerProcess()
    defer { server.end() }
    let key = "\(server.root)/server/tls/key.pem"
    try Data("no key\n".utf8).write(to: URL(filePath: key))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
    let run = try Self.run("\(server.root)/server")
    #expect(run.status == 74 && run.errors.contains("\(key): is not a PEM private key"), "\(run)")
  }

  @Test(arguments: [
    ("countersign-server", ["run", "--acquirer", "simulator", "--data"], "is no service's folder"),
    ("countersign-server", ["audit", "verify", "--data"], "is no service's folder"),
    ("countersign-server", ["backup", "copy.db", "--data"], "is no service's folder"),
    ("countersign-server", ["restore", "copy.db", "--data"], "is no service's folder"),
    ("countersign-server", ["canary", "--card-file", "/dev/null", "--data"], "is no service's folder"),
    ("countersign-gateway", ["run", "--passphrase-file", "PASSPHRASE", "--data"], "is no gateway's folder"),
    ("countersign-terminal", ["login", "--data"], "is not enrolled"),
    ("countersign-admin", ["unresolved", "--admin"], "is no administrator's folder"),
  ])
  func aMissingFolderIsAWrongFolder(_ program: String, _ arguments: [String], _ words: String) throws {
    let passphrase = "\(try Desk.shared.get().server.root)/passphrase"
    let arguments = arguments.map { $0 == "PASSPHRASE" ? passphrase : $0 }
    let run = try Program.run(program, arguments + ["/nonexistent/folder"])
    #expect(run.status == 78 && run.errors.contains("/nonexistent/folder \(words)"), "\(run)")
  }

  @Test func aPlaceThatARunningServiceCannotCopyToIsAFileError() throws {
    let server = try Desk.shared.get().server
    let backup = try Program.run(
      "countersign-server", ["backup", "--data", "\(server.root)/server", "/nowhere/copy.db"],
      environment: server.admin)
    #expect(backup.status == 74, "\(backup)")
    #expect(backup.errors.hasPrefix("error: /nowhere/copy.db.partial cannot be made: No such file"), "\(backup)")
  }

  @Test func anEmptyFileIsNoBackup() throws {
    let server = try Desk.shared.get().server
    let file = "\(server.root)/empty.db"
    try Data().write(to: URL(filePath: file))
    let restored = try Program.run("countersign-server", ["restore", "--data", "\(server.root)/server", file])
    #expect(restored.status == 74 && restored.errors.contains("\(file) is empty, so it is no backup"), "\(restored)")
  }

  @Test(arguments: [
    (["--name", String(repeating: "x", count: 57)], "--name \"xxx", "must be 1 to 56 of a-z"),
    (["--name", "Pay"], "--name \"Pay\"", "must be 1 to 56 of a-z"),
    (["--host", "a b"], "--host \"a b\"", "is no host name"),
    (["--administrator", "a\nb"], "--administrator", "without control characters"),
  ])
  func aWrongArgumentOfInitIsNamed(_ arguments: [String], _ option: String, _ words: String) throws {
    let folder = NSTemporaryDirectory() + "countersign-init-\(UUID().uuidString)"
    let made = try Program.run("countersign-server", ["init", "--data", folder] + arguments)
    #expect(made.status == 64 && made.errors.contains(option) && made.errors.contains(words), "\(made)")
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test func theLongestNameOfAServiceIsTaken() throws {
    let name = String(repeating: "x", count: 56)
    let server = try ServerProcess(["--name", name])
    defer { server.end() }
    #expect(FileManager.default.fileExists(atPath: "\(server.root)/server/ledger.db"))
  }

  @Test func aMissingInterfaceIsAWrongSetting() throws {
    let desk = try Desk()
    let enrolled = try desk.terminal(["enrol", "localhost:1", "TOKEN", "--interface", "nope0", "--replace"])
    #expect(enrolled.status == 78 && enrolled.errors.contains("\"nope0\""), "\(enrolled)")
    try Data("nope0".utf8).write(to: URL(filePath: "\(desk.server.root)/terminal/interface"))
    let login = try desk.terminal(["login"])
    #expect(login.status == 78 && login.errors.contains("\"nope0\""), "\(login)")
  }

  /// Only root can act for another user.
  @Test(
    .enabled(if: geteuid() == 0),
    arguments: [
      ("countersign-terminal", ["login", "--passphrase-file", "/dev/null", "--data", "terminal"]),
      ("countersign-server", ["run", "--acquirer", "simulator", "--data", "server"]),
    ])
  func anotherUsersFolderSaysPermission(_ program: String, _ arguments: [String]) throws {
    let desk = try Desk.shared.get()
    let folder = "\(desk.server.root)/\(arguments.last ?? "")"
    let words = arguments.dropLast().map { "'\($0)'" }.joined(separator: " ")
    let run = try Program.shell(
      "setpriv --reuid 65534 --clear-groups '\(Program.folder.path)/\(program)' \(words) '\(folder)'")
    #expect(run.status == 74, "\(run)")
    #expect(run.errors.contains("\(folder)/") && run.errors.contains("Permission denied"), "\(run)")
  }

  private static func run(_ folder: String, _ more: [String] = []) throws -> Program.Result {
    try Program.run("countersign-server", ["run", "--data", folder, "--port", "0", "--acquirer", "simulator"] + more)
  }
}
