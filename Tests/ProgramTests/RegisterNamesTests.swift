import Foundation
import Testing

/// Consultants and companies are named in one way by every command: by number, or by registered name.
@Suite(.serialized) struct RegisterNamesTests {
  @Test(arguments: ["Acme", "1"]) func aCompanyIsNamedByNameOrNumber(_ company: String) throws {
    let desk = try Desk()
    let added = try #require(try desk.json(["consultant", "add", "Lee", "--company", company]).first)
    #expect(added["consultant"] as? Int == 2)
    let gateway = try #require(try desk.json(["gateway", "add", company, "--host", "localhost"]).first)
    #expect(gateway["company"] as? Int == 1 && gateway["company_name"] as? String == "Acme", "\(gateway)")
    try desk.admin(["company", "policy", company, "--currency", "KRW"]).good()
    let shown = try #require(try desk.json(["company", "show", company]).first)
    #expect(shown["currencies"] as? [String] == ["KRW"] && shown["gateway"] as? String == "localhost:7443", "\(shown)")
    let revoked = try desk.admin(["revoke", "company", company, "--reason", "cessation-of-operation"]).good()
    #expect(revoked.output.contains("is revoked, at "), "\(revoked)")
    #expect(try desk.json(["company", "show", "1"]).first?["is_revoked"] as? Bool == true)
  }

  @Test(arguments: ["Kim", "1"]) func aConsultantIsNamedByNameOrNumber(_ consultant: String) throws {
    let desk = try Desk()
    let token = try #require(try desk.json(["consultant", "token", consultant]).first)
    #expect(token["consultant"] as? Int == 1 && (token["token"] as? String)?.isEmpty == false, "\(token)")
    try desk.admin(["unlock", "--consultant", consultant]).good()
    // Of the service's own authority: found as the consultant's, and refused for that alone.
    let certificate = try desk.admin(
      ["consultant", "certificate", consultant, "--certificate", "\(desk.server.root)/terminal/consultant.pem"])
    #expect(certificate.status == 65 && certificate.errors.contains("is of the service's own"), "\(certificate)")
    try desk.admin(["revoke", "consultant", consultant, "--reason", "superseded"]).good()
    #expect(try desk.json(["consultant", "list"]).first?["is_revoked"] as? Bool == true)
  }

  /// A person who registers a file is the one who can mend it.
  @Test(arguments: [["consultant", "certificate", "Kim"], ["company", "certificate", "1"]])
  func aCertificateThatIsNotRegisteredIsToldItsRule(_ command: [String]) throws {
    let desk = try Desk.shared.get()
    let file = "\(desk.server.root)/self.pem"
    try Program.shell(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out '\(file)' "
        + "-subj /O=Acme/CN=Kim -days 10"
    ).good()
    let refused = try desk.admin(command + ["--certificate", file])
    #expect(
      refused.status == 65
        && refused.errors == "error: \(file): certificate 0, rule end entity: is an authority's certificate\n",
      "\(refused)")
  }

  /// Swift reads "+2" and "-0" as numbers.
  @Test(arguments: ["+", "-"]) func aNumberWithASignIsAName(_ sign: String) throws {
    let desk = try Desk()
    let root = desk.server.root
    let (company, consultant) = ("\(sign)1", "\(sign)2")
    try desk.admin(
      ["company", "add", "--certificate", "\(root)/c.pem", "--key", "\(root)/c.key", "--", company]
    ).good()
    try desk.admin(["consultant", "add", "--company=\(company)", "--", consultant]).good()
    try desk.admin(["consultant", "add", "Lee", "--company", "2"]).good()
    let listed = try desk.json(["consultant", "list", "--company=\(company)"])
    #expect(listed.map { $0["company"] as? Int } == [2, 2], "\(listed)")
    let shown = try desk.admin(["company", "show", "--", company]).good()
    #expect(shown.output.hasPrefix("company 2 \(company)\n"), "\(shown)")
    let paid = try desk.admin(["payments", "list", "--company=\(sign)9"])
    #expect(paid.status == 1 && paid.errors.contains("no company has this name or number"), "\(paid)")
    try desk.admin(["revoke", "--reason", "superseded", "--", "consultant", consultant]).good()
    try desk.admin(["revoke", "--reason", "superseded", "--", "company", company]).good()
    #expect(try desk.json(["company", "show", "1"]).first?["is_revoked"] as? Bool == false)
    #expect(try desk.json(["consultant", "list"]).map { $0["is_revoked"] as? Bool } == [false, true, false])
  }

  @Test(arguments: [
    ["void", "+1"], ["refund", "1", "--amount", "+5"], ["confirm", "+1"], ["administrator", "roles", "+1"],
    ["trace", "+1"], ["receipt", "+1"],
  ])
  func aNumberIsDigitsAlone(_ arguments: [String]) throws {
    let result = try Desk.shared.get().admin(arguments)
    #expect(result.status == 64, "\(result)")
  }

  @Test func aNameThatSeveralHaveIsNotGuessed() throws {
    let desk = try Desk()
    let root = desk.server.root
    try desk.admin(["company", "add", "Other", "--certificate", "\(root)/o.pem", "--key", "\(root)/o.key"]).good()
    try desk.admin(["consultant", "add", "Kim", "--company", "2"]).good()
    for command in [["consultant", "token", "Kim"], ["revoke", "consultant", "Kim", "--reason", "superseded"]] {
      let result = try desk.admin(command)
      #expect(result.status == 64 && result.errors.contains("Kim: several consultants have this name"), "\(result)")
      #expect(result.errors.contains("1 of Acme, 2 of Other; give the number"), "\(result)")
    }
    #expect(try desk.json(["consultant", "list"]).allSatisfy { $0["is_revoked"] as? Bool == false })
  }

  @Test(arguments: [
    (["consultant", "token", "nobody"], "consultant"), (["consultant", "token", "99"], "consultant"),
    (["unlock", "--consultant", "nobody"], "consultant"),
    (["revoke", "consultant", "nobody", "--reason", "superseded"], "consultant"),
    (["revoke", "company", "nobody", "--reason", "superseded"], "company"),
    (["consultant", "add", "Lee", "--company", "99"], "company"), (["gateway", "add", "99", "--host", "a"], "company"),
  ])
  func whoIsNotThereIsSaidNotToBe(_ arguments: [String], _ kind: String) throws {
    let result = try Desk.shared.get().admin(arguments)
    #expect(result.status == 1 && result.errors.contains("no \(kind) has this name or number"), "\(result)")
    #expect(result.errors.hasSuffix("countersign-admin \(kind) list shows all\n"), "\(result)")
  }

  /// Before any call and before a key is made.
  @Test(arguments: [
    // Could never be told from a number again.
    ("17", "must not be digits alone"), (" Lee", "must not begin or end with a space"),
    ("Lee\u{a0}", "must not begin or end with a space"), ("", "must be 1 to 64 bytes"),
    (String(repeating: "x", count: 65), "must be 1 to 64 bytes"), ("L\nee", "without control characters"),
    ("eeL\u{202E}", "hide or turn text"), ("L\u{200B}ee", "hide or turn text"),
    // Joiners that join nothing, a variation selector, and an empty character that is neither space nor control.
    ("Lee\u{200D}", "hide or turn text"), ("L\u{200C}ee", "hide or turn text"), ("Lee\u{FE0F}", "hide or turn text"),
    ("Lee\u{2800}", "hide or turn text"), ("\u{645}\u{6CC}\u{200C}", "hide or turn text"),
  ])
  func aNameThatTheServiceWouldRefuseIsAWrongCommandLine(_ name: String, _ words: String) throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    for command in [
      ["consultant", "add", name, "--company", "Acme"],
      ["company", "add", name, "--certificate", "\(root)/refused-name.pem", "--key", "\(root)/refused-name.key"],
      ["administrator", "add", name, "--role", "auditor", "--folder", "\(root)/refused-name"],
    ] {
      let added = try desk.admin(command)
      #expect(added.status == 64 && added.errors.contains("NAME must") && added.errors.contains(words), "\(added)")
    }
    #expect(!FileManager.default.fileExists(atPath: "\(root)/refused-name.key"))
    #expect(!FileManager.default.fileExists(atPath: "\(root)/refused-name"))
  }
}
