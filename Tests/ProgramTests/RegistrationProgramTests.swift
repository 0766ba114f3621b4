import CountersignClient
import Cryptography
import Files
import Foundation
import TestPrograms
import Testing

/// Registering and enrolling where something goes wrong on the way: nothing is lost and the same command ends it.
@Suite(.serialized) struct RegistrationProgramTests {
  @Test func aCompanyIsNotRegisteredWhereItsCertificateCannotBeWritten() throws {
    let desk = try Desk.shared.get()
    let key = "\(desk.server.root)/beta.key"
    let failed = try add("Beta", "\(desk.server.root)/nowhere/beta.pem", key)
    #expect(failed.status == 74 && failed.errors.contains("nowhere/beta.pem"), "\(failed.errors)")
    #expect(!FileManager.default.fileExists(atPath: key))
    let added = try add("Beta", "\(desk.server.root)/beta.pem", key)
    #expect(added.status == 0, "\(added.errors)")
  }

  /// A link to nothing, which a rename would replace.
  @Test(arguments: ["linked.pem", "linked.key"])
  func aLinkIsNotReplacedByACompanysFile(_ name: String) throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    try FileManager.default.createSymbolicLink(atPath: "\(root)/\(name)", withDestinationPath: "/nowhere/file")
    let failed = try add("Linked \(name)", "\(root)/linked.pem", "\(root)/linked.key")
    #expect(failed.status == 74 && failed.errors.contains("\(root)/\(name): it is no regular file"), "\(failed)")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/\(name)") == "/nowhere/file")
    try FileManager.default.removeItem(atPath: "\(root)/\(name)")
    #expect(try !FileManager.default.contentsOfDirectory(atPath: root).contains { $0.hasPrefix("linked.") })
  }

  /// What is in place after a kill at any moment behind the service's answer.
  @Test(arguments: [[], ["pem"], ["key"], ["pem", "key"]])
  func addingACompanyThatWasCutOffIsFinishedByTheSameCommand(_ inPlace: [String]) throws {
    let name = "Gamma\(inPlace.joined())"
    let files = try newFiles("gamma\(inPlace.joined())")
    #expect(try add(name, files.certificate, files.key).status == 0)
    let (first, key) = (try Self.read(files.certificate), try Self.read(files.key))
    try leave("for: company \(name)\n\(key)", files.asking)
    for path in [files.certificate, files.key] where !inPlace.contains(String(path.suffix(3))) {
      try FileManager.default.removeItem(atPath: path)
    }
    let other = try add("\(name) Two", files.certificate, files.key)
    #expect(other.status == 74 && other.errors.contains("it is the key of company \(name),"), "\(other)")
    let again = try add(name, files.certificate, files.key)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try Self.read(files.certificate) == first && Self.read(files.key) == key)
    #expect(!FileManager.default.fileExists(atPath: files.asking))
    let finished = try add(name, files.certificate, files.key)
    let told = "\(files.key): it exists already; it is the key of \(files.certificate): "
    #expect(finished.status == 74 && finished.errors.contains(told), "\(finished)")
  }

  @Test(arguments: [("", "x.key"), ("folder/", "x.key"), ("x.pem", "")])
  func aPathThatIsNoFilesIsRefusedBeforeAnythingIsAsked(_ certificate: String, _ key: String) throws {
    let refused = try add("Nofile", certificate, key)
    #expect(refused.status == 64 && refused.errors.contains("name a file"), "\(refused)")
    let listed = try Desk.shared.get().admin(["company", "list"]).good()
    #expect(!listed.output.contains("Nofile"), "\(listed)")
  }

  /// The service may have given it a certificate, under a name that it refuses now.
  @Test func aKeyThatAnEarlierCommandLeftIsKeptWhenTheNextIsRefused() throws {
    let files = try newFiles("kept")
    #expect(try add("Kept", files.certificate, files.key).status == 0)
    let left = "for: company Acme\n\(try Self.read(files.key))"
    for path in [files.certificate, files.key] { try FileManager.default.removeItem(atPath: path) }
    try leave(left, files.asking)
    let refused = try add("Acme", files.certificate, files.key)
    #expect(refused.status == 1 && refused.errors.contains("NAME_TAKEN"), "\(refused)")
    let told =
      "; not with the key in \(files.asking), which an earlier command left; it has another key, or is revoked: see "
      + "countersign-admin company list; move that file away and register under another name"
    #expect(refused.errors.contains(told), "\(refused)")
    #expect(try Self.read(files.asking) == left)
  }

  /// The roles are no part of what was left.
  @Test func anAdministratorsKeyThatWasLeftIsFinishedWithTheSameRolesAlone() throws {
    let desk = try Desk.shared.get()
    let folder = "\(desk.server.root)/oh"
    let add = { try desk.admin(["administrator", "add", "Oh", "--role", $0, "--folder", folder]) }
    #expect(try add("auditor").status == 0)
    let key = try Self.read("\(folder)/key.pem")
    for name in ["chain.pem", "key.pem"] { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
    try leave("for: administrator Oh\n\(key)", "\(folder)/key.pem.asking")
    let refused = try add("operator")
    #expect(refused.status == 1 && refused.errors.contains("it has another key or other roles"), "\(refused)")
    #expect(try add("auditor").status == 0)
    #expect(try Self.read("\(folder)/key.pem") == key)
  }

  @Test func aFileOfAnotherKindIsNotReplacedByTheNextCommand() throws {
    let files = try newFiles("collide")
    #expect(try add("Collide", "\(files.certificate).new", "\(files.key).new").status == 0)
    let before = try ["\(files.certificate).new", "\(files.key).new"].map(Self.read)
    #expect(try add("Collide Two", files.certificate, files.key).status == 0)
    #expect(try ["\(files.certificate).new", "\(files.key).new"].map(Self.read) == before)
    let names = try FileManager.default.contentsOfDirectory(atPath: Desk.shared.get().server.root)
    #expect(!names.contains { $0.hasPrefix(".countersign") })
  }

  @Test func filesThatDoNotGoTogetherAreAWrongCommandLine() throws {
    let root = try Desk.shared.get().server.root
    for (certificate, key, words) in [
      ("\(root)/./same", "\(root)/same", "cannot hold both certificate and key"),
      ("\(root)/../\(root.split(separator: "/").last ?? "")/same", "\(root)/same", "cannot hold both"),
      ("\(root)/n.key.asking", "\(root)/n.key", "a name that ends with .asking"),
      ("\(root)/n.pem", "\(root)/n.asking", "a name that ends with .asking"),
    ] {
      let added = try add("Same", certificate, key)
      #expect(added.status == 64 && added.errors.contains(words), "\(added)")
    }
  }

  /// Whoever loses finds the other's files whole, or the key held.
  @Test func ofTwoCommandsAtOnceForOneKeyOneIsDone() throws {
    let desk = try Desk.shared.get()
    let files = try newFiles("race")
    let commands = try (1...4).map { number in
      try RunningProgram(
        Program.folder.appendingPathComponent("countersign-admin").path,
        ["company", "add", "Race \(number)", "--certificate", files.certificate, "--key", files.key],
        environment: desk.server.admin, errors: .kept)
    }
    let results = try commands.map { try $0.result() }
    #expect(results.filter { $0.status == 0 }.count == 1, "\(results)")
    #expect(results.filter { $0.status == 74 }.count == 3, "\(results)")
    let keys = try [["x509", "-in", files.certificate, "-pubkey", "-noout"], ["pkey", "-in", files.key, "-pubout"]].map
    {
      try runProgram("openssl", $0).good().output
    }
    #expect(keys[0] == keys[1] && !keys[0].isEmpty)
  }

  @Test func aKeyThatAnotherCommandHoldsIsLeftToIt() throws {
    let files = try newFiles("held")
    let held = try HeldFile(files.asking)
    let second = try add("Held", files.certificate, files.key)
    #expect(
      second.status == 74 && second.errors.contains("\(files.asking): another command is at work with it"), "\(second)")
    try held.destroy()
  }

  /// After a loss of power: nothing was asked before the key was durable.
  @Test func aKeyThatWasCutOffIsNamedAndAnEmptyOneFilled() throws {
    let files = try newFiles("torn")
    try leave("for: company Torn\n-----BEGIN PRIV", files.asking)
    let torn = try add("Torn", files.certificate, files.key)
    #expect(torn.status == 74 && torn.errors.contains(files.asking) && torn.errors.contains("move it away"), "\(torn)")
    try leave("", files.asking)
    #expect(try add("Torn", files.certificate, files.key).status == 0)
  }

  @Test func whereTheFilesCannotBeWrittenItIsSaidThatTheCompanyIsRegistered() throws {
    let root = try Desk.shared.get().server.root
    let chain = try Certificate.fromPEM(Array(Self.read("\(root)/acme.pem").utf8)).map(\.der)
    let folder = "\(root)/full"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let asked = try RequestedCertificate(
      for: "Full", "company", certificate: "\(folder)/c.pem", key: "\(root)/full.key")
    try FileManager.default.removeItem(atPath: folder)
    let error = #expect(throws: FileError.self) { try asked.finish(chain: chain) }
    let told = error?.description ?? ""
    #expect(told.contains("c.pem") && told.contains("company Full is registered"), "\(told)")
    #expect(told.contains("the same command again finishes it"), "\(told)")
    #expect(FileManager.default.fileExists(atPath: "\(root)/full.key.asking"))
  }

  @Test func aRefusedAdministratorLeavesNoFolder() throws {
    let desk = try Desk.shared.get()
    let folder = "\(desk.server.root)/yoon"
    let add = { try desk.admin(["administrator", "add", "Yoon", "--role", "auditor", "--folder", $0]) }
    #expect(try add(folder).status == 0)
    let refused = try add("\(folder)-two")
    #expect(refused.status == 1 && refused.errors.contains("NAME_TAKEN"), "\(refused)")
    #expect(!FileManager.default.fileExists(atPath: "\(folder)-two"))
  }

  @Test func anotherKeyCannotTakeACompanysName() throws {
    let desk = try Desk.shared.get()
    let (certificate, key) = ("\(desk.server.root)/other.pem", "\(desk.server.root)/other.key")
    let refused = try add("Acme", certificate, key)
    #expect(refused.status == 1 && refused.errors.contains("NAME_TAKEN"), "\(refused.errors)")
    #expect(!refused.errors.contains("earlier command"), "\(refused.errors)")
    let files = try FileManager.default.contentsOfDirectory(atPath: desk.server.root)
    #expect(files.allSatisfy { !$0.hasPrefix("other.") })
  }

  @Test func aCompanyFileThatIsNotThereUsesUpNoToken() throws {
    let desk = try Desk.shared.get()
    let token = try token("Lee")
    let folder = "\(desk.server.root)/lee"
    let enrol = ["enrol", "localhost:\(desk.server.port)", token, "--data", folder]
    let failed = try desk.terminal(
      enrol + ["--company", "\(desk.server.root)/nofile.pem", "--company-key", "\(desk.server.root)/acme.key"])
    #expect(failed.status == 74 && failed.errors.contains("nofile.pem"), "\(failed.errors)")
    let enrolled = try desk.terminal(
      enrol + ["--company", "\(desk.server.root)/acme.pem", "--company-key", "\(desk.server.root)/acme.key"])
    #expect(enrolled.status == 0, "\(enrolled.errors)")
  }

  @Test func aTerminalThatLacksTheCompanysKeyIsToldAtItsEnrolment() throws {
    let desk = try Desk.shared.get()
    let folder = "\(desk.server.root)/park"
    let enrolled = try desk.terminal(["enrol", "localhost:\(desk.server.port)", token("Park"), "--data", folder])
    #expect(enrolled.status == 0)
    #expect(enrolled.errors.contains("holds no company key"), "\(enrolled.errors)")
  }

  @Test func aTokenThatWasCutOffIsNamed() throws {
    let desk = try Desk.shared.get()
    let enrolled = try desk.terminal(
      ["enrol", "localhost:\(desk.server.port)", "ABCD", "--data", "\(desk.server.root)/none"])
    #expect(enrolled.status == 64 && enrolled.errors.contains("77"), "\(enrolled.errors)")
  }

  /// Two files that are not there yet, and where their key is while it is asked for.
  private func newFiles(_ name: String) throws -> (certificate: String, key: String, asking: String) {
    let path = "\(try Desk.shared.get().server.root)/\(name)"
    return ("\(path).pem", "\(path).key", "\(path).key.asking")
  }

  private func leave(_ text: String, _ path: String) throws {
    _ = FileManager.default.createFile(
      atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
  }

  private static func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func add(_ name: String, _ certificate: String, _ key: String) throws -> Program.Result {
    try Desk.shared.get().admin(["company", "add", name, "--certificate", certificate, "--key", key])
  }

  private func token(_ name: String) throws -> String {
    let added = try Desk.shared.get().admin(["consultant", "add", name, "--company", "Acme", "--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(added.output.utf8)) as? [String: Any]
    return try #require(object?["token"] as? String)
  }
}
