import Foundation
import TestOpenSSL
import Testing

/// An outside authority of `openssl ca` and `openssl ocsp`, with all programs as real processes.
@Suite(.serialized) struct OutsideProgramTests {
  @Test func aTerminalWithOutsideCertificatesEnrolsAndLogsIn() throws {
    let authority = try OutsideCA()
    let kim = try authority.issue("kim", subject: "/C=KR/O=Acme/CN=Kim", usage: OutsideCA.consultant)
    let acme = try authority.issue("acme", subject: "/C=KR/O=Acme/CN=Acme", usage: OutsideCA.company)
    // Reads its index once the leaves are in it.
    let responder = try OpenSSLResponder(authority)
    defer { responder.stop() }
    let server = try ServerProcess()
    defer { server.end() }
    try Self.trust(authority, server, "ocsp = \(responder.address)\ncache = 0\n")
    try server.start()

    try Self.good(
      "countersign-admin",
      ["company", "add", "Acme", "--certificate", "\(server.root)/acme.pem", "--key", "\(server.root)/acme.key"],
      server.admin)
    let added = try Self.good(
      "countersign-admin", ["consultant", "add", "Kim", "--company", "Acme", "--output", "json"], server.admin)
    let object = try JSONSerialization.jsonObject(with: Data(added.utf8)) as? [String: Any]
    let token = try #require(object?["token"] as? String)
    let registered = try Self.good(
      "countersign-admin", ["consultant", "certificate", "1", "--certificate", kim.chain], server.admin)
    #expect(registered.contains("authority national-consultant, matched by serial"), "\(registered)")
    try Self.good("countersign-admin", ["company", "certificate", "Acme", "--certificate", acme.chain], server.admin)

    let environment = try Self.terminal(server)
    let enrolled = try Self.good(
      "countersign-terminal",
      [
        "enrol", "localhost:\(server.port)", token, "--certificate", kim.chain, "--key", kim.key, "--company",
        acme.chain, "--company-key", acme.key,
      ], environment)
    #expect(enrolled.hasPrefix("enrolled with the certificate of Kim"), "\(enrolled)")
    try Self.good("countersign-terminal", ["login", "--check"], environment)

    // Gone: the reason is told, and exit 69 says that it can be tried again.
    responder.stop()
    let refused = try Program.run("countersign-terminal", ["login", "--check"], environment: environment)
    #expect(refused.status == 69 && refused.errors.contains("AUTHORITY_UNREACHABLE"), "\(refused)")
    #expect(refused.errors.contains("try again"), "\(refused.errors)")
  }

  @Test(arguments: [
    ("role = consultant\nusage = 1.2.3\nmatsch = serial\n", "line 3: matsch is not known"),
    ("role = server\nusage = 1.2.3\n", "role \"server\" must be company, consultant"),
    ("usage = 1.2.3\n", "role is missing"),
    ("role = consultant\n", "exactly one of usage and policy"),
    ("role = consultant\nusage = 1.2.3\npolicy = 1.2.4\n", "exactly one of usage and policy"),
    ("role = consultant\nusage = clientAuth\n", "must be an object identifier"),
    ("role = consultant\nusage = 1.2.3\nocsp = https://a/\n", "must be http://HOST"),
    ("role = consultant\nusage = 1.2.3\ncache = 61\n", "must be 0 to 60"),
    ("role = consultant\nusage = 1.2.3\nnonce = never\n", "must be if-supported, required"),
    ("role = consultant\nusage = 1.2.3\nrole = company\n", "line 3: role comes twice"),
    ("role\n", "must be NAME = VALUE"),
  ]) func aWrongLineIsNamedAndTheServerDoesNotStart(_ text: String, _ message: String) throws {
    let server = try ServerProcess()
    defer { server.end() }
    let folder = "\(server.root)/server/anchors/national"
    try Self.write(text, anchor: Self.someAuthority.get().root, to: folder)
    let result = try Self.start(server)
    #expect(result.status == 78, "\(result)")
    #expect(result.errors.contains("\(folder)/authority.conf") && result.errors.contains(message), "\(result.errors)")
  }

  /// Makes the folder of an outside authority.
  private static func write(_ configuration: String, anchor: String, to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: anchor, toPath: "\(folder)/anchor.pem")
    try Data(configuration.utf8).write(to: URL(filePath: "\(folder)/authority.conf"))
  }

  /// A start that is expected to end by itself.
  private static func start(_ server: ServerProcess) throws -> Program.Result {
    try Program.run(
      "countersign-server", ["run", "--data", "\(server.root)/server", "--port", "0", "--acquirer", "simulator"])
  }

  @Test func oneMarkForTwoRolesOfOneAnchorIsRefused() throws {
    let server = try ServerProcess()
    defer { server.end() }
    for role in ["consultant", "company"] {
      try Self.write(
        "role = \(role)\nusage = 1.2.3\n", anchor: Self.someAuthority.get().root,
        to: "\(server.root)/server/anchors/\(role)")
    }
    let result = try Self.start(server)
    #expect(result.status == 78 && result.errors.contains("by what marks"), "\(result)")
  }

  /// A leaf, and an issuing authority that is not self-signed: nothing leads to them.
  @Test(arguments: ["delegate", "issuing"]) func whatIsNoRootIsNoAnchor(_ name: String) throws {
    let server = try ServerProcess()
    defer { server.end() }
    let folder = "\(server.root)/server/anchors/national"
    try Self.write(
      "role = consultant\nusage = 1.2.3\n", anchor: "\(Self.someAuthority.get().folder)/\(name).pem", to: folder)
    let result = try Self.start(server)
    #expect(result.status == 78 && result.errors.contains("\(folder)/anchor.pem"), "\(result)")
    #expect(result.errors.contains("is no self-signed certificate of an authority"), "\(result)")
  }

  @Test func theServicesOwnRootIsNoOutsideAnchor() throws {
    let server = try ServerProcess()
    defer { server.end() }
    try Self.write(
      "role = consultant\nusage = 1.2.3\n", anchor: "\(server.root)/server/authority/root.pem",
      to: "\(server.root)/server/anchors/own")
    let result = try Self.start(server)
    #expect(result.status == 78 && result.errors.contains("is the service's own root"), "\(result)")
  }

  @Test func theResponderOfTheServerProcessAnswersOpenSSL() throws {
    let server = try ServerProcess()
    defer { server.end() }
    let port = try server.startWithResponder()
    let openssl = try OpenSSLCommand()
    let issuing = "\(server.root)/server/authority/issuing.pem"
    let text = try openssl.run(
      "ocsp", "-issuer", issuing, "-CAfile", issuing, "-cert", "\(server.root)/server/admin/chain.pem", "-url",
      "http://127.0.0.1:\(port)/"
    ).text
    #expect(text.contains("Response verify OK") && text.contains("chain.pem: good"), "\(text)")
    #expect(server.stop() == 0)
  }

  private static let someAuthority = Result { try OutsideCA() }

  static func trust(_ authority: OutsideCA, _ server: ServerProcess, _ settings: String) throws {
    for (role, usage) in [("consultant", OutsideCA.consultant), ("company", OutsideCA.company)] {
      let folder = "\(server.root)/server/anchors/national-\(role)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: authority.root, toPath: "\(folder)/anchor.pem")
      try Data("role = \(role)\nusage = \(usage)\n\(settings)".utf8)
        .write(to: URL(filePath: "\(folder)/authority.conf"))
    }
  }

  private static func terminal(_ server: ServerProcess) throws -> [String: String] {
    let passphrase = "\(server.root)/passphrase"
    try Data("correct horse\n".utf8).write(to: URL(filePath: passphrase))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: passphrase)
    return [
      "COUNTERSIGN_TERMINAL": "\(server.root)/outside-terminal", "COUNTERSIGN_PASSPHRASE_FILE": passphrase,
    ]
  }

  @discardableResult
  private static func good(
    _ program: String, _ arguments: [String], _ environment: [String: String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let result = try Program.run(program, arguments, environment: environment)
    #expect(result.status == 0, "\(arguments): \(result.errors)", sourceLocation: sourceLocation)
    return result.output
  }
}
