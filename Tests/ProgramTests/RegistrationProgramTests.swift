import Foundation
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

  /// The state after a kill between the service's answer and the files.
  @Test func addingACompanyThatWasCutOffIsFinishedByTheSameCommand() throws {
    let desk = try Desk.shared.get()
    let (certificate, key) = ("\(desk.server.root)/gamma.pem", "\(desk.server.root)/gamma.key")
    #expect(try add("Gamma", certificate, key).status == 0)
    let first = try Data(contentsOf: URL(fileURLWithPath: certificate))
    try FileManager.default.removeItem(atPath: certificate)
    try FileManager.default.moveItem(atPath: key, toPath: "\(key).asking")
    let again = try add("Gamma", certificate, key)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: certificate)) == first)
    #expect(FileManager.default.fileExists(atPath: key) && !FileManager.default.fileExists(atPath: "\(key).asking"))
  }

  @Test func anotherKeyCannotTakeACompanysName() throws {
    let desk = try Desk.shared.get()
    let (certificate, key) = ("\(desk.server.root)/other.pem", "\(desk.server.root)/other.key")
    let refused = try add("Acme", certificate, key)
    #expect(refused.status == 1 && refused.errors.contains("NAME_TAKEN"), "\(refused.errors)")
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

  private func add(_ name: String, _ certificate: String, _ key: String) throws -> Program.Result {
    try Desk.shared.get().admin(["company", "add", name, "--certificate", certificate, "--key", key])
  }

  private func token(_ name: String) throws -> String {
    let added = try Desk.shared.get().admin(["consultant", "add", name, "--company", "Acme", "--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(added.output.utf8)) as? [String: Any]
    return try #require(object?["token"] as? String)
  }
}
