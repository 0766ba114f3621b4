import Foundation
import TestOpenSSL
import Testing

/// `check-certificate` with an outside authority and an OCSP answer that `openssl ocsp` made: the rules of a login.
@Suite(.serialized) struct CheckAnswerTests {
  /// An authority with a consultant, a revoked one and one that was never in its index.
  struct Made: Sendable {
    let authority: OutsideCA
    let kim, lee: OutsideCA.Leaf
    /// `DATA/anchors/NAME` for consultants and for companies.
    let consultants, companies: String

    static let shared = Result { try Made() }

    private init() throws {
      authority = try OutsideCA()
      kim = try authority.issue("kim", subject: "/C=KR/O=Acme/CN=Kim", usage: OutsideCA.consultant)
      lee = try authority.issue("lee", subject: "/C=KR/O=Acme/CN=Lee", usage: OutsideCA.consultant)
      try authority.revoke("lee")
      consultants = try Self.folder("consultant", OutsideCA.consultant, authority)
      companies = try Self.folder("company", OutsideCA.company, authority)
    }

    private static func folder(_ role: String, _ usage: String, _ authority: OutsideCA) throws -> String {
      let path = "\(authority.folder)/anchors/\(role)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: authority.root, toPath: "\(path)/anchor.pem")
      try Data("role = \(role)\nusage = \(usage)\nocsp = http://127.0.0.1/\n".utf8)
        .write(to: URL(filePath: "\(path)/authority.conf"))
      return path
    }

    /// An answer in a file of its own.
    func answer(
      about leaf: OutsideCA.Leaf, nonce: Bool = false, signer: (String, String) = ("delegate.pem", "delegate.key"),
      _ more: [String] = ["-ndays", "1"]
    ) throws -> (path: String, request: String) {
      let name = UUID().uuidString
      let asked = ["-issuer", "issuing.pem", "-cert", leaf.certificate, nonce ? "-nonce" : "-no_nonce"]
      try authority.openssl.run(["ocsp"] + asked + ["-reqout", "\(name).req"])
      let (text, isGood) = try authority.openssl.run(
        [
          "ocsp", "-index", "issuing/index.txt", "-CA", "issuing.pem", "-rsigner", signer.0, "-rkey", signer.1,
          "-reqin", "\(name).req", "-respout", "\(name).resp",
        ] + more)
      try #require(isGood, "\(text)")
      return ("\(authority.folder)/\(name).resp", "\(authority.folder)/\(name).req")
    }
  }

  let made: Made

  init() throws { made = try Made.shared.get() }

  @Test func aGoodAnswerIsAccepted() throws {
    let result = try check(made.kim, made.answer(about: made.kim).path)
    #expect(result.status == 0 && result.output.hasPrefix("accepted: CN=Kim,O=Acme,C=KR"), "\(result)")
  }

  @Test func aRevokedCertificateIsRefused() throws {
    try expectRefusal("ocsp status", check(made.lee, made.answer(about: made.lee).path))
  }

  @Test func anAnswerAboutAnotherCertificateIsRefused() throws {
    try expectRefusal("ocsp certificate", check(made.kim, made.answer(about: made.lee).path))
  }

  @Test func anAnswerOfAnotherSignerIsRefused() throws {
    let answer = try made.answer(about: made.kim, signer: ("kim.pem", "kim.key"))
    try expectRefusal("ocsp signer", check(made.kim, answer.path))
  }

  @Test func anAnswerSignedWithSHA1IsRefused() throws {
    let answer = try made.answer(about: made.kim, ["-ndays", "1", "-rmd", "sha1"])
    try expectRefusal("ocsp signer", check(made.kim, answer.path))
  }

  @Test func aStaleAnswerIsRefused() throws {
    let answer = try made.answer(about: made.kim, ["-nmin", "5"])
    let later = Int(Date().timeIntervalSince1970) + 400
    try expectRefusal("ocsp times", check(made.kim, answer.path, ["--at", "\(later)"]))
  }

  @Test func theNonceIsComparedWhereItIsTold() throws {
    let answer = try made.answer(about: made.kim, nonce: true)
    let text = try made.authority.openssl.run("ocsp", "-reqin", answer.request, "-req_text").text
    let shown = try #require(text.components(separatedBy: "OCSP Nonce:").last)
    // "0410" and 16 bytes.
    let nonce = String(shown.filter { !$0.isWhitespace }.dropFirst(4).prefix(32)).lowercased()
    #expect(try check(made.kim, answer.path, ["--ocsp-nonce", nonce]).status == 0)
    try expectRefusal("ocsp nonce", check(made.kim, answer.path, ["--ocsp-nonce", "00ff"]))
    let without = try made.answer(about: made.kim)
    try expectRefusal("ocsp nonce", check(made.kim, without.path, ["--ocsp-nonce", nonce]))
  }

  @Test func anAnswerThatIsNoneIsRefused() throws {
    let path = "\(made.authority.folder)/\(UUID().uuidString)"
    for bytes in [[], [0x30], [UInt8](repeating: 0x30, count: 100_000)] as [[UInt8]] {
      try Data(bytes).write(to: URL(filePath: path))
      try expectRefusal("ocsp response", check(made.kim, path))
    }
  }

  @Test func programsReadTheRuleAsJSON() throws {
    let result = try check(made.lee, made.answer(about: made.lee).path, ["--output", "json"])
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(object?["rule"] as? String == "ocsp status" && object?["result"] as? String == "refused")
  }

  @Test func theFolderOfAnotherRoleIsNamed() throws {
    let result = try check(made.kim, made.answer(about: made.kim).path, anchors: made.companies)
    #expect(result.status == 64 && result.errors.contains("is trusted for company"), "\(result)")
  }

  @Test func aConsultantsLeafIsNoCompanys() throws {
    let result = try check(
      made.kim, made.answer(about: made.kim).path, anchors: made.companies, role: "company")
    try expectRefusal("role", result)
  }

  private func check(
    _ leaf: OutsideCA.Leaf, _ answer: String, _ more: [String] = [], anchors: String? = nil,
    role: String = "consultant"
  ) throws -> Program.Result {
    try Program.run(
      "countersign-server",
      [
        "check-certificate", "--anchors", anchors ?? made.consultants, "--chain", leaf.chain, "--role", role,
        "--ocsp-response", answer,
      ] + more)
  }

  private func expectRefusal(
    _ rule: String, _ result: Program.Result, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(result.status == 1, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.output.hasPrefix("refused: rule \(rule),"), "\(result.output)", sourceLocation: sourceLocation)
  }
}
