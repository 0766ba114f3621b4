import Foundation
import TestOpenSSL
import Testing

/// Certificate files of the wrong company, service or role: refused by name before anything is written.
@Suite(.serialized) struct WrongCompanyTests {
  @Test func anotherCompanysCertificateDoesNotEnrolAndTheTokenStaysGood() throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    try Self.addCompany("Other", desk)
    let token = try Self.token("Ahn", desk)
    let ahn = ["COUNTERSIGN_TERMINAL": "\(root)/ahn", "COUNTERSIGN_PASSPHRASE_FILE": "\(root)/passphrase"]
    let refused = try Self.enrol(desk.server, token, company: "\(root)/Other", ahn)
    #expect(refused.status == 77, "\(refused)")
    #expect(refused.errors.contains("\(root)/Other.pem: the certificate is of organisation \"Other\""), "\(refused)")
    #expect(refused.errors.contains("is of \"Acme\""), "\(refused)")
    let written = try FileManager.default.contentsOfDirectory(atPath: "\(root)/ahn")
    #expect(Set(written) == ["enrolling.key", "pending"])

    let enrolled = try Self.enrol(desk.server, token, company: "\(root)/acme", ahn)
    #expect(enrolled.status == 0, "\(enrolled)")
    let login = try Program.run("countersign-terminal", ["login"], environment: ahn)
    #expect(login.status == 0, "\(login)")
  }

  @Test func anotherServicesCompanyDoesNotEnrolAndNothingIsWritten() throws {
    let desk = try Desk.shared.get()
    let other = try Desk()
    defer { other.server.end() }
    let root = desk.server.root
    let token = try Self.token("Ann", desk)
    let ann = ["COUNTERSIGN_TERMINAL": "\(root)/ann", "COUNTERSIGN_PASSPHRASE_FILE": "\(root)/passphrase"]
    let refused = try Self.enrol(desk.server, token, company: "\(other.server.root)/acme", ann)
    #expect(refused.status == 77 && refused.errors.contains("\(other.server.root)/acme.pem"), "\(refused)")
    #expect(refused.errors.contains("another service's root"), "\(refused)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/ann"))

    // Without its root in the file the chain is judged once the service has shown its own.
    let pem = try String(contentsOfFile: "\(other.server.root)/acme.pem", encoding: .utf8)
    let end = "-----END CERTIFICATE-----\n"
    let leafAndIssuer = pem.components(separatedBy: end).prefix(2).joined(separator: end) + end
    try Data(leafAndIssuer.utf8).write(to: URL(filePath: "\(root)/cut.pem"))
    try FileManager.default.copyItem(atPath: "\(other.server.root)/acme.key", toPath: "\(root)/cut.key")
    let cut = try Self.enrol(desk.server, token, company: "\(root)/cut", ann)
    #expect(cut.status == 77 && cut.errors.contains("\(root)/cut.pem is refused as the company's"), "\(cut)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/ann/company.pem"))
    #expect(!FileManager.default.fileExists(atPath: "\(root)/ann/consultant.pem"))
  }

  @Test func aConsultantsPlaceTakesNoCompanyAndNoOtherOrganisation() throws {
    let desk = try Desk()
    let root = desk.server.root
    let before = try Data(contentsOf: URL(filePath: "\(root)/terminal/consultant.pem"))
    let company = try desk.terminal(["certificate", "--certificate", "\(root)/acme.pem", "--key", "\(root)/acme.key"])
    #expect(company.status == 77, "\(company)")
    #expect(company.errors.contains("\(root)/acme.pem is refused as the consultant's"), "\(company)")

    let authority = try OutsideCA()
    let other = try authority.issue("eve", subject: "/C=KR/O=Other/CN=Eve", usage: OutsideCA.consultant)
    let refused = try desk.terminal(["certificate", "--certificate", other.chain, "--key", other.key])
    #expect(refused.status == 77, "\(refused)")
    #expect(refused.errors.contains("\(other.chain): the certificate is of organisation \"Other\""), "\(refused)")
    #expect(try Data(contentsOf: URL(filePath: "\(root)/terminal/consultant.pem")) == before)
    #expect(try desk.terminal(["login"]).status == 0)
  }

  private static func addCompany(_ name: String, _ desk: Desk) throws {
    let root = desk.server.root
    let added = try desk.admin([
      "company", "add", name, "--certificate", "\(root)/\(name).pem", "--key", "\(root)/\(name).key",
    ])
    try #require(added.status == 0, "\(added)")
  }

  private static func token(_ name: String, _ desk: Desk) throws -> String {
    let added = try desk.admin(["consultant", "add", name, "--company", "Acme", "--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(added.output.utf8)) as? [String: Any]
    return try #require(object?["token"] as? String)
  }

  private static func enrol(
    _ server: ServerProcess, _ token: String, company: String, _ environment: [String: String]
  ) throws -> Program.Result {
    try Program.run(
      "countersign-terminal",
      [
        "enrol", "localhost:\(server.port)", token, "--company", "\(company).pem", "--company-key", "\(company).key",
      ], environment: environment)
  }
}
