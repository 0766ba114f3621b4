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

  /// Files of a folder, or named together, that do not fit each other.
  @Test func aKeyThatIsNotItsCertificatesIsAWrongFolderForEveryProgram() throws {
    let desk = try Desk()
    let root = desk.server.root
    let other = "\(root)/server/audit/key.pem"
    try FileManager.default.copyItem(atPath: "\(root)/server/admin", toPath: "\(root)/officer")
    try Self.replace("\(root)/officer/key.pem", with: other)
    let admin = try desk.admin(["unresolved", "--admin", "\(root)/officer"])
    #expect(admin.status == 78, "\(admin)")
    #expect(admin.errors.contains("\(root)/officer/key.pem is not the key of \(root)/officer/chain.pem"), "\(admin)")

    let enrolled = try desk.terminal([
      "enrol", "localhost:1", "TOKEN", "--company", "\(root)/acme.pem", "--company-key", other, "--replace",
    ])
    #expect(enrolled.status == 78, "\(enrolled)")
    #expect(enrolled.errors.contains("\(other) is not the key of \(root)/acme.pem"), "\(enrolled)")

    // The certificate of an administrator in the place of the consultant's.
    try Self.replace("\(root)/terminal/consultant.pem", with: "\(root)/server/admin/chain.pem")
    let login = try desk.terminal(["login"])
    #expect(login.status == 78, "\(login)")
    #expect(login.errors.contains("consultant.key is not the key of \(root)/terminal/consultant.pem"), "\(login)")
  }

  @Test func aTerminalsFolderIsNoGatewaysAndTheOtherWayRound() throws {
    let gateway = try GatewayProcess()
    _ = try gateway.terminal("Kim")
    let (terminal, passphrase) = ("\(gateway.server.root)/Kim", "\(gateway.server.root)/gateway.passphrase")
    let folder = "\(gateway.server.root)/gateway"
    let run = try Program.run(
      "countersign-gateway", ["run", "--data", terminal, "--passphrase-file", passphrase])
    #expect(run.status == 78 && run.errors.contains("\(terminal) is a terminal's folder"), "\(run)")
    let login = try Program.run(
      "countersign-terminal", ["login", "--data", folder, "--passphrase-file", passphrase])
    #expect(login.status == 78 && login.errors.contains("\(folder) is a gateway's folder"), "\(login)")
    let wrong = "\(gateway.server.root)/wrong"
    _ = FileManager.default.createFile(
      atPath: wrong, contents: Data("not the passphrase\n".utf8), attributes: [.posixPermissions: 0o600])
    let closed = try Program.run("countersign-gateway", ["run", "--data", folder, "--passphrase-file", wrong])
    #expect(closed.status == 77 && closed.errors.contains("\(folder)/company.key: the passphrase"), "\(closed)")
    try Self.replace("\(folder)/tls.key", with: "\(gateway.server.root)/server/audit/key.pem")
    let unfit = try Program.run(
      "countersign-gateway", ["run", "--data", folder, "--passphrase-file", passphrase])
    #expect(unfit.status == 78 && unfit.errors.contains("tls.key is not the key of tls.pem"), "\(unfit)")
  }

  /// Nothing was changed yet, and the stored cards need the copy of that folder.
  @Test func aLedgerIsNotRestoredWithoutTheVault() throws {
    let desk = try Desk()
    let (folder, copy) = ("\(desk.server.root)/server", "\(desk.server.root)/copy.db")
    try Program.run("countersign-server", ["backup", "--data", folder, copy], environment: desk.server.admin).good()
    #expect(desk.server.stop() == 0)
    try FileManager.default.moveItem(atPath: "\(folder)/vault", toPath: "\(desk.server.root)/vault")
    let restored = try Program.run("countersign-server", ["restore", "--data", folder, copy])
    #expect(restored.status == 78 && restored.errors.hasPrefix("error: \(folder)/vault is missing; "), "\(restored)")
    #expect(FileManager.default.fileExists(atPath: "\(folder)/heads"))
    let run = try Self.run(folder)
    #expect(run.status == 78 && run.errors.contains("\(folder)/vault is missing; "), "\(run)")
    try FileManager.default.moveItem(atPath: "\(desk.server.root)/vault", toPath: "\(folder)/vault")
    try Program.run("countersign-server", ["restore", "--data", folder, copy]).good()
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
    (["--administrator", "Lee "], "--administrator", "must not begin or end with a space"),
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

  private static func replace(_ file: String, with other: String) throws {
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.copyItem(atPath: other, toPath: file)
  }

  private static func run(_ folder: String, _ more: [String] = []) throws -> Program.Result {
    try Program.run("countersign-server", ["run", "--data", folder, "--port", "0", "--acquirer", "simulator"] + more)
  }
}
