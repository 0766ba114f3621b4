import Cryptography
import Foundation
import TestOpenSSL
import TestPrograms
import Testing

/// `countersign-server check-certificate`: the login's check on files. Source: docs/security.md, "Certificate paths".
@Suite(.serialized) struct CheckCertificateTests {
  @Test func anEnrolledConsultantIsAccepted() throws {
    let result = try Self.check(role: "consultant")
    #expect(
      result.status == 0 && result.output.hasPrefix("accepted: CN=Kim,O=Acme"), "\(result.output)\(result.errors)")
  }

  @Test func theOrderOfTheIssuersDoesNotMatter() throws {
    let certificates = try Self.pem(Desk.shared.get().server.root + "/terminal/consultant.pem")
    let chain = try Self.file(([certificates[0]] + certificates.dropFirst().reversed()).joined())
    #expect(try Self.check(chain: chain, role: "consultant").status == 0)
  }

  @Test func oneCertificateInDERIsRead() throws {
    let root = try Desk.shared.get().server.root
    let der = "\(root)/\(UUID().uuidString).der"
    try runProgram("openssl", ["x509", "-in", "\(root)/terminal/consultant.pem", "-outform", "DER", "-out", der]).good()
    let result = try Self.check(chain: der, role: "consultant")
    // The leaf alone leads nowhere, which shows that it was read.
    #expect(result.status == 1 && result.output.contains("rule anchor"), "\(result.output)")
  }

  @Test func anotherRoleIsRefused() throws {
    try Self.expectRefusal("role", Self.check(role: "company"))
  }

  @Test(arguments: ["2020-01-01T00:00:00Z", "2060-01-01T00:00:00Z", "0"])
  func outsideItsValidityItIsRefused(_ time: String) throws {
    let result = try Self.check(role: "consultant", ["--at", time])
    try Self.expectRefusal("validity", result)
    let now = time == "0" ? "1970-01-01T00:00:00Z" : time
    #expect(result.output.hasSuffix("Z, now is \(now)\n"), "\(result)")
  }

  @Test func anotherAnchorIsRefused() throws {
    let other = try ServerProcess()
    try Self.expectRefusal("path", Self.check(anchors: "\(other.root)/server/authority/root.pem", role: "consultant"))
  }

  @Test func anotherHostNameIsRefused() throws {
    let chain = try Desk.shared.get().server.root + "/server/tls/chain.pem"
    #expect(try Self.check(chain: chain, role: "server", ["--dns-name", "localhost"]).status == 0)
    try Self.expectRefusal("path", Self.check(chain: chain, role: "server", ["--dns-name", "localhos"]))
  }

  @Test(arguments: ["", "no PEM", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "\u{30}\u{03}abc"])
  func whatIsNoCertificateIsRefused(_ text: String) throws {
    try Self.expectRefusal("certificate", Self.check(chain: Self.file(text), role: "consultant"))
  }

  /// A login takes exactly DER, whatever file the certificate stands in here.
  @Test(arguments: [0, 1]) func bytesBehindACertificateInPEMAreRefused(_ place: Int) throws {
    var chain = try Self.pem(Desk.shared.get().server.root + "/terminal/consultant.pem")
    chain[place] = try Self.withByteBehind(chain[place])
    let result = try Self.check(chain: Self.file(chain.joined()), role: "consultant")
    #expect(
      result.status == 1 && result.output.hasPrefix("refused: rule certificate, certificate \(place) "), "\(result)")
  }

  @Test func bytesBehindAnAnchorInPEMAreWrongInput() throws {
    let root = try Self.pem(Desk.shared.get().server.root + "/server/authority/root.pem")
    let result = try Self.check(anchors: Self.file(Self.withByteBehind(root[0])), role: "consultant")
    #expect(result.status == 65 && result.errors.contains("exactly one certificate in DER"), "\(result)")
  }

  /// By its place, and its subject where there is one to be read.
  @Test func whichOfTheAnchorsIsBadIsTold() throws {
    let root = try Self.pem(Desk.shared.get().server.root + "/server/authority/root.pem")[0]
    let none = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    let bad = [
      (
        try Self.withByteBehind(root),
        "certificate 2 of the file: CN=pay.test,O=Countersign: is not exactly one certificate"
      ),
      (none, "certificate 2 of the file: is not exactly one certificate"),
    ]
    for (second, words) in bad {
      let file = try Self.file(root + second + root)
      let result = try Self.check(anchors: file, role: "consultant")
      #expect(result.status == 65 && result.errors.hasPrefix("error: --anchors \(file): \(words)"), "\(result)")
    }
  }

  private static func withByteBehind(_ pem: String) throws -> String {
    let der = try #require(
      Data(base64Encoded: pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()))
    let text = (der + [0]).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
  }

  /// The same as a registration and a login of it: `OutsideLoginTests.aCertificateOfMoreThanOneRoleIsRefused`.
  @Test func theRoleOfAnOutsideLeafIsJudgedAsALoginDoes() throws {
    let authority = try OutsideCA()
    let root = "\(try Desk.shared.get().server.root)/\(UUID().uuidString)"
    for (role, usage) in [("consultant", OutsideCA.consultant), ("company", OutsideCA.company)] {
      let folder = "\(root)/national-\(role)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: authority.root, toPath: "\(folder)/anchor.pem")
      try Data("role = \(role)\nusage = \(usage)\n".utf8).write(to: URL(filePath: "\(folder)/authority.conf"))
    }
    let usages = [
      "plain": OutsideCA.consultant, "two": "\(OutsideCA.consultant),\(OutsideCA.company)",
      "own": "\(OutsideCA.consultant),\(Role.company.identifier)", "critical": "critical,\(OutsideCA.consultant)",
    ]
    for (name, usage) in usages {
      let leaf = try authority.issue(name, subject: "/C=KR/O=Acme/CN=\(name)", usage: usage)
      let anchors = ["\(root)/national-consultant", "\(root)/national-consultant/"]
      for anchors in anchors {
        let result = try Self.check(anchors: anchors, chain: leaf.chain, role: "consultant")
        if name == "plain" {
          #expect(result.status == 0, "\(result)")
        } else {
          try Self.expectRefusal("role", result)
        }
      }
    }
  }

  /// Nothing was checked, so nothing was refused.
  @Test(arguments: ["", "no PEM", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "\u{30}\u{03}abc"])
  func anchorsThatHoldNoCertificateAreWrongInput(_ text: String) throws {
    let file = try Self.file(text)
    let result = try Self.check(anchors: file, role: "consultant")
    #expect(result.status == 65 && result.output.isEmpty, "\(result)")
    #expect(result.errors.hasPrefix("error: --anchors \(file): "), "\(result)")
  }

  /// What stands beside the folder that is named may be unfinished, or somebody else's; that is told.
  @Test func aFolderBesideAnAuthorityThatCannotBeReadChangesNothing() throws {
    let root = try Desk.shared.get().server.root
    let folder = "\(root)/\(UUID().uuidString)"
    for name in ["national", "broken"] {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    let national = "\(folder)/national"
    try FileManager.default.copyItem(atPath: "\(root)/server/authority/root.pem", toPath: "\(national)/anchor.pem")
    try Data("role = consultant\nusage = 1.2.3.4\n".utf8).write(to: URL(filePath: "\(national)/authority.conf"))
    try Data("nothing that is known\n".utf8).write(to: URL(filePath: "\(folder)/broken/authority.conf"))
    for path in [national, "\(national)/"] {
      // The service's own certificates do not show the mark of that authority, which shows that it was judged.
      let result = try Self.check(anchors: path, role: "consultant")
      try Self.expectRefusal("role", result)
      #expect(result.errors.contains("\(folder)/broken/"), "\(result)")
    }
  }

  @Test func aHundredCertificatesAreRefused() throws {
    let certificates = try Self.pem(Desk.shared.get().server.root + "/terminal/consultant.pem")
    let chain = try Self.file(certificates[0] + String(repeating: certificates[1], count: 99))
    try Self.expectRefusal("chain", Self.check(chain: chain, role: "consultant"))
  }

  @Test func programsReadTheRuleAsJSON() throws {
    let result = try Self.check(role: "company", ["--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(object?["result"] as? String == "refused" && object?["rule"] as? String == "role")
  }

  @Test func aMissingFileIsNamed() throws {
    let result = try Self.check(chain: "/nowhere/chain.pem", role: "consultant")
    #expect(result.status == 74 && result.errors.contains("/nowhere/chain.pem"), "\(result.errors)")
  }

  /// The Foundation takes 30 February for 2 March, and Swift "+5" for 5.
  @Test(arguments: ["yesterday", "2026-02-30T00:00:00Z", "2026-02-29", "2026-11-23T24:00:00Z", "+5"])
  func aTimeThatIsNoneIsNamed(_ time: String) throws {
    let result = try Self.check(role: "consultant", ["--at", time])
    #expect(result.status == 64 && result.errors.contains("--at \(time): must be a time that exists"), "\(result)")
  }

  @Test func aPipeIsNotWaitedFor() throws {
    let root = try Desk.shared.get().server.root
    let pipe = "\(root)/\(UUID().uuidString)"
    #expect(mkfifo(pipe, 0o600) == 0)
    for result in [
      try Self.check(chain: pipe, role: "consultant"), try Self.check(anchors: pipe, role: "consultant"),
      try Self.check(role: "consultant", ["--ocsp-response", pipe]),
    ] {
      #expect(result.status == 74 && result.errors.contains("\(pipe): is no regular file"), "\(result)")
    }
  }

  private static func check(
    anchors: String? = nil, chain: String? = nil, role: String, _ more: [String] = []
  ) throws -> Program.Result {
    let root = try Desk.shared.get().server.root
    return try Program.run(
      "countersign-server",
      [
        "check-certificate", "--anchors", anchors ?? "\(root)/server/authority/root.pem", "--chain",
        chain ?? "\(root)/terminal/consultant.pem", "--role", role,
      ] + more)
  }

  private static func expectRefusal(
    _ rule: String, _ result: Program.Result, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(result.status == 1, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.output.hasPrefix("refused: rule \(rule),"), "\(result.output)", sourceLocation: sourceLocation)
  }

  private static func pem(_ path: String) throws -> [String] {
    let end = "-----END CERTIFICATE-----\n"
    return try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: end).dropLast().map { $0 + end }
  }

  private static func file(_ text: String) throws -> String {
    let path = "\(try Desk.shared.get().server.root)/\(UUID().uuidString).pem"
    try Data(text.utf8).write(to: URL(filePath: path))
    return path
  }
}
