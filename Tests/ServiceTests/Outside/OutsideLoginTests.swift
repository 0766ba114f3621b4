import Bytes
import CountersignRPC
import Cryptography
import Foundation
import Messages
import TestOpenSSL
import Testing

@testable import CountersignClient

/// Consultants and companies with certificates of an outside authority: RSA, made by `openssl ca`, two issuers above.
/// Source: docs/security.md, "Outside authorities".
@Suite struct OutsideLoginTests {
  @Test func aConsultantAndCompanyOfAnOutsideAuthorityPayWithAnIndependentResponder() async throws {
    let national = try National.shared.get()
    let responder = try OpenSSLResponder(national.ca)
    defer { responder.stop() }
    try await OutsideDesk.with(address: responder.address) { desk in
      let session = try await desk.login()
      #expect(session.consultant == "Kim" && session.company == "Acme")
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved)
      let login = try #require(try desk.service.journal().last { $0.hasPrefix("LOGIN|") })
      #expect(login.contains("consultant of authority national-consultant matched by serial"), "\(login)")
      #expect(login.contains("company of authority national-company matched by serial"), "\(login)")
    }
  }

  @Test func theAddressInTheCertificateIsAsked() async throws {
    let national = try National.shared.get()
    let responder = try await ScriptedResponder(national.answer())
    let lee = try national.ca.issue(
      "lee-aia", subject: "/C=KR/O=Acme/CN=Lee", usage: OutsideCA.consultant, ocsp: responder.address)
    let service = try TestService()
    // The company's address is configured, the consultant's is not.
    try service.trust(national.ca, responder.address, "")
    let file = "\(service.root)/server/anchors/national-consultant/authority.conf"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try Data(text.split(separator: "\n").filter { !$0.hasPrefix("ocsp") }.joined(separator: "\n").utf8)
      .write(to: URL(filePath: file))
    try await service.start()
    try await service.addCompany("Acme")
    let added = try await service.addConsultant("Lee", company: "Acme")
    try await service.register(.consultant(added.consultant), lee.chain)
    try await service.register(.company("Acme"), national.acme.chain)
    let terminal = try await service.enrol("lee", token: added.token, outside: lee, company: national.acme)
    _ = try await terminal.login()
    #expect(responder.questions >= 2)
    await service.stop()
    await responder.stop()
  }

  @Test func aCertificateThatItsAuthorityRevokedIsRefused() async throws {
    let national = try National.shared.get()
    let lee = try national.ca.issue("lee-revoked", subject: "/C=KR/O=Acme/CN=Lee Jun", usage: OutsideCA.consultant)
    let responder = try OpenSSLResponder(national.ca)
    defer { responder.stop() }
    try await OutsideDesk.with(settings: "cache = 0\n", address: responder.address) { desk in
      let added = try await desk.service.addConsultant("Lee", company: "Acme")
      try await desk.service.register(.consultant(added.consultant), lee.chain)
      let terminal = try await desk.service.enrol("lee", token: added.token, outside: lee, company: national.acme)
      _ = try await terminal.login()
      try national.ca.revoke("lee-revoked")
      // openssl looks for a changed index once a request was answered from the former one.
      try national.ca.openssl.run(
        "ocsp", "-issuer", "issuing.pem", "-cert", "lee-revoked.pem", "-url", responder.address, "-noverify")
      await expectRefusal("REVOKED") { _ = try await terminal.login() }
      let cause = try desk.service.journal().last ?? ""
      #expect(cause.contains("the authority revoked the certificate") && cause.contains("keyCompromise"), "\(cause)")
    }
  }

  @Test func aCertificateThatNobodyRegisteredIsRefused() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("kim-newer", subject: "/C=KR/O=Acme/CN=Kim Minji", usage: OutsideCA.consultant)
    try await OutsideDesk.with { desk in
      let terminal = try desk.kim(with: other)
      let refusal = await #expect(throws: TerminalError.self) { _ = try await terminal.login() }
      let leaf = try Certificate.fromPEM(try Array(Data(contentsOf: URL(filePath: other.chain))))[0]
      for words in ["NOT_REGISTERED", "serial \(Hex.encode(leaf.serial)), issued by \(leaf.issuerText)"] {
        #expect(refusal.map { "\($0)".contains(words) } == true, "\(refusal as Any)")
      }
      // An administrator's act makes it Kim's.
      try await desk.service.register(.consultant(desk.consultant), other.chain)
      _ = try await terminal.login()
    }
  }

  @Test func aNewerCertificateOfARegisteredSubjectIsRegisteredAtItsFirstLogin() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("kim-subject", subject: "/C=KR/O=Acme/CN=Kim Minji", usage: OutsideCA.consultant)
    try await OutsideDesk.with(settings: "match = subject\n") { desk in
      let terminal = try desk.kim(with: other)
      let session = try await terminal.login()
      #expect(session.consultant == "Kim")
      let registered = try #require(try desk.service.journal().last { $0.hasPrefix("CERTIFICATE_REGISTERED|") })
      #expect(registered.contains("matched by subject"), "\(registered)")
    }
  }

  /// A newer certificate has its device from a former one of its subject, and here none of them holds any more.
  @Test func aRegisteredCertificateWithoutADeviceIsToldToEnrol() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("kim-unbound", subject: "/C=KR/O=Acme/CN=Kim Minji", usage: OutsideCA.consultant)
    try await OutsideDesk.with { desk in
      _ = try await desk.service.revoke(.certificate(desk.kim.consultantChain[0].fingerprint.bytes))
      try await desk.service.register(.consultant(desk.consultant), other.chain)
      let terminal = try desk.kim(with: other)
      let refusal = await #expect(throws: TerminalError.self) { _ = try await terminal.login() }
      for words in ["DEVICE_CHANGED", "no device is registered", "consultant token \(desk.consultant)", "enrol"] {
        #expect(refusal.map { "\($0)".contains(words) } == true, "\(refusal as Any)")
      }
      let token = try await desk.service.token(of: desk.consultant)
      let enrolled = try await desk.service.enrol(
        "kim", token: token, outside: other, company: national.acme, isReplacing: true)
      _ = try await enrolled.login()
    }
  }

  @Test func anotherSubjectIsNotMatchedBySubject() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("kim-other", subject: "/C=KR/O=Acme/CN=Kim Minju", usage: OutsideCA.consultant)
    try await OutsideDesk.with(settings: "match = subject\n") { desk in
      let terminal = try desk.kim(with: other)
      await expectRefusal("NOT_REGISTERED") { _ = try await terminal.login() }
    }
  }

  @Test func aSubjectBelongsToOneConsultant() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("kim-twice", subject: "/C=KR/O=Acme/CN=Kim Minji", usage: OutsideCA.consultant)
    try await OutsideDesk.with(settings: "match = subject\n") { desk in
      let added = try await desk.service.addConsultant("Kim the second", company: "Acme")
      await expectRefusal("CERTIFICATE_TAKEN") {
        try await desk.service.register(.consultant(added.consultant), other.chain)
      }
    }
  }

  @Test func theCompanysCertificateIsNoConsultants() async throws {
    try await OutsideDesk.with { desk in
      let terminal = try desk.kim(with: desk.national.acme)
      await expectRefusal("CERTIFICATE_REFUSED") { _ = try await terminal.login() }
      let cause = try desk.service.journal().last ?? ""
      #expect(cause.contains("lacks the extended key usage \(OutsideCA.consultant)"), "\(cause)")
    }
  }

  /// The service's own mark of another role is one too. A critical usage asks programs that know none of these roles to
  /// refuse, which the role rule takes by its word.
  @Test(arguments: [
    ("both", "\(OutsideCA.consultant),\(OutsideCA.company)"),
    ("both-own", "\(OutsideCA.consultant),\(Role.company.identifier)"),
    ("critical", "critical,\(OutsideCA.consultant)"),
  ]) func aCertificateOfMoreThanOneRoleIsRefused(_ name: String, _ usage: String) async throws {
    let national = try National.shared.get()
    let both = try national.ca.issue(name, subject: "/C=KR/O=Acme/CN=Both", usage: usage)
    try await OutsideDesk.with { desk in
      await expectRefusal("CERTIFICATE_REFUSED") {
        try await desk.service.register(.consultant(desk.consultant), both.chain)
      }
      let terminal = try desk.kim(with: both)
      await expectRefusal("CERTIFICATE_REFUSED") { _ = try await terminal.login() }
    }
  }

  @Test func aCertificateForAnotherCompanysNameIsRefused() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("other-company", subject: "/C=KR/O=Other/CN=Kim", usage: OutsideCA.consultant)
    try await OutsideDesk.with { desk in
      await expectRefusal("WRONG_COMPANY") {
        try await desk.service.register(.consultant(desk.consultant), other.chain)
      }
    }
  }

  @Test func aPolicyMarksTheRoleForTheWholePath() async throws {
    let national = try National.shared.get()
    let (consultant, company) = (OutsideCA.consultantPolicy, OutsideCA.companyPolicy)
    let kim = try national.ca.issue("kim-policy", subject: "/C=KR/O=Acme/CN=Kim", policy: consultant)
    let acme = try national.ca.issue("acme-policy", subject: "/C=KR/O=Acme/CN=Acme", policy: company)
    let responder = try await ScriptedResponder(national.answer())
    let service = try TestService()
    try service.trust(national.ca, responder.address, "")
    for (role, policy) in [("consultant", consultant), ("company", company)] {
      let file = "\(service.root)/server/anchors/national-\(role)/authority.conf"
      let text = try String(contentsOfFile: file, encoding: .utf8)
        .replacing(
          "usage = \(role == "consultant" ? OutsideCA.consultant : OutsideCA.company)", with: "policy = \(policy)")
      try Data(text.utf8).write(to: URL(filePath: file))
    }
    try await service.start()
    try await service.addCompany("Acme")
    let added = try await service.addConsultant("Kim", company: "Acme")
    await expectRefusal("CERTIFICATE_REFUSED") {
      try await service.register(.consultant(added.consultant), national.kim.chain)
    }
    try await service.register(.consultant(added.consultant), kim.chain)
    try await service.register(.company("Acme"), acme.chain)
    let terminal = try await service.enrol("kim", token: added.token, outside: kim, company: acme)
    _ = try await terminal.login()
    await service.stop()
    await responder.stop()
  }

  @Test func aCertificateOfAnAuthorityThatIsNotTrustedIsRefused() async throws {
    let national = try National.shared.get()
    try await TestService.withKim { service, _ in
      let added = try await service.addConsultant("Lee", company: "Acme")
      await expectRefusal("CERTIFICATE_REFUSED") {
        try await service.register(.consultant(added.consultant), national.kim.chain)
      }
      await expectRefusal("CERTIFICATE_REFUSED") {
        _ = try await service.enrol("lee", token: added.token, outside: national.kim, company: nil)
      }
    }
  }

  // MARK: - Enrolment and device

  @Test func aCertificateThatIsRegisteredForAnotherConsultantCannotEnrol() async throws {
    try await OutsideDesk.with { desk in
      let added = try await desk.service.addConsultant("Lee", company: "Acme")
      await expectRefusal("NOT_REGISTERED") {
        _ = try await desk.service.enrol(
          "lee", token: added.token, outside: desk.national.kim, company: desk.national.acme)
      }
    }
  }

  @Test func enrolmentNeedsTheCertificatesOwnKey() async throws {
    try await OutsideDesk.with { desk in
      let token = try await desk.service.token(of: desk.consultant)
      let chain = try Certificate.fromPEM(Array(Data(contentsOf: URL(filePath: desk.national.kim.chain))))
      let folder = TerminalFolder("\(desk.service.root)/thief")
      await expectRefusal("SIGNATURE_INVALID") {
        _ = try await TerminalEnrolment(folder: folder, host: "127.0.0.1", port: desk.service.port, program: "test/1")
          .enrol(
            token: token, outside: CertificateHolder(chain: chain, key: .generate(.rsa(bits: 2_048))),
            passphrase: TestService.passphrase, interface: .standard())
      }
      #expect(!folder.isEnrolled)
    }
  }

  @Test func aTokenIsGoodForOneCertificate() async throws {
    let national = try National.shared.get()
    let other = try national.ca.issue("kim-token", subject: "/C=KR/O=Acme/CN=Kim Token", usage: OutsideCA.consultant)
    try await OutsideDesk.with { desk in
      let token = try await desk.service.token(of: desk.consultant)
      let again = { (leaf: OutsideCA.Leaf) in
        _ = try await desk.service.enrol(
          "kim", token: token, outside: leaf, company: national.acme, isReplacing: true)
      }
      try await again(national.kim)
      // The same again, as after an answer that was lost.
      try await again(national.kim)
      try await desk.service.register(.consultant(desk.consultant), other.chain)
      await expectRefusal("TOKEN_USED") { try await again(other) }
    }
  }

  @Test func anotherMACAddressIsRefused() async throws {
    try await OutsideDesk.with { desk in
      let channel = try desk.kim.connect()
      defer { channel.closeSoon() }
      let client = CheckoutClient(channel)
      let prepared = try Login(terminal: desk.kim, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest())) { $0.macAddress = [2, 0, 0, 0, 0, 9] }
      await expectRefusal("DEVICE_CHANGED") { _ = try await client.login(prepared.request) }
    }
  }

  @Test func theServiceRenewsNoOutsideCertificate() async throws {
    try await OutsideDesk.with { desk in
      #expect(!desk.kim.isRenewalDue)
      await expectRefusal("ENROLMENT_REJECTED") { _ = try await desk.kim.renewed(passphrase: TestService.passphrase) }
    }
  }

  @Test func aTerminalTakesANewerCertificateInItsPlace() async throws {
    let national = try National.shared.get()
    let newer = try national.ca.issue("kim-next", subject: "/C=KR/O=Acme/CN=Kim Minji", usage: OutsideCA.consultant)
    try await OutsideDesk.with(settings: "match = subject\n") { desk in
      let folder = desk.kim.folder
      let holder = try CertificateHolder(certificate: newer.chain, key: newer.key)
      #expect(throws: (any Error).self) { try folder.replace(with: holder, passphrase: .init(copying: [1, 2, 3])) }
      try folder.replace(with: holder, passphrase: TestService.passphrase)
      let terminal = try Terminal(folder: folder, passphrase: TestService.passphrase, program: "test/1")
      _ = try await terminal.login()
    }
  }
}

extension OutsideDesk {
  /// Kim's terminal, device and folder, with another certificate and key.
  func kim(with leaf: OutsideCA.Leaf) throws -> Terminal {
    let place = "\(service.root)/kim-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: kim.folder.path, toPath: place)
    let folder = TerminalFolder(place)
    let (_, root) = try folder.consultantKey(passphrase: TestService.passphrase)
    try folder.put(CertificateHolder(certificate: leaf.chain, key: leaf.key), TestService.passphrase, root)
    return try Terminal(folder: folder, passphrase: TestService.passphrase, program: "test/1")
  }
}

extension TestService {
  /// A new token of a consultant.
  func token(of consultant: UInt64) async throws -> String {
    var request = CreateTokenRequest()
    request.consultant = consultant
    return try await administrator().run { [request] in try await $0.createToken(request).token }
  }
}
