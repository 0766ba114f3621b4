import Authority
import Bytes
import CheckoutService
import CountersignRPC
import Cryptography
import Messages
import TLS
import Testing

@testable import CountersignClient

/// One-time tokens, and who may administer. Source: docs/security.md, "Enrolment".
@Suite struct EnrolmentTests {
  @Test func aTokenIsGoodForOneTerminal() async throws {
    try await TestService.withKim { service, _ in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      _ = try await service.enrol("lee", token: token, holding: "Acme")
      await expectRefusal("TOKEN_USED") { _ = try await service.enrol("thief", token: token, holding: "Acme") }
    }
  }

  @Test func aTokenThatIsNotOursIsRefused() async throws {
    try await TestService.withKim { service, _ in
      let real = try EnrolmentToken(parsing: try await service.addConsultant("Lee", company: "Acme").token)
      let forged = EnrolmentToken.make(root: real.root).text
      await expectRefusal("TOKEN_INVALID") { _ = try await service.enrol("lee", token: forged, holding: nil) }
    }
  }

  @Test func aTokenOfAnotherServiceSendsNothing() async throws {
    try await TestService.withKim { service, _ in
      let other = EnrolmentToken.make(root: .zero).text
      await #expect(throws: (any Error).self) { try await service.enrol("lee", token: other, holding: nil) }
      let traces = try await service.administrator().run { client in
        var request = TracePaymentRequest()
        request.which = .payment(1)
        return try? await client.tracePayment(request)
      }
      #expect(traces == nil)
    }
  }

  @Test func anEnrolmentWhoseAnswerWasLostCanBeRepeated() async throws {
    try await TestService.withKim { service, _ in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let first = try await service.enrol("lee", token: token, holding: "Acme")
      // The key was kept and the answer lost.
      let folder = TerminalFolder("\(service.root)/lee")
      try moveFile("\(folder.path)/consultant.key", to: "\(folder.path)/enrolling.key")
      try removeFile("\(folder.path)/consultant.pem")
      let second = try await service.enrol("lee", token: token, holding: "Acme")
      #expect(second.consultantChain == first.consultantChain)
    }
  }

  @Test func anEnrolledFolderIsEnrolledAnewOnlyWhenTold() async throws {
    try await TestService.withKim { service, kim in
      try kim.folder.remember(Self.openPayment, ledger: [])
      var request = CreateTokenRequest()
      request.consultant = 1
      let token = try await service.administrator().run { [request] in try await $0.createToken(request).token }
      await #expect(throws: TerminalError.self) { try await service.enrol("kim", token: token, holding: nil) }
      let again = try await service.enrol("kim", token: token, holding: nil, isReplacing: true)
      #expect(again.consultantChain[0] != kim.consultantChain[0])
      let open = try again.folder.pending()
      #expect(open.map(\.idempotencyKey) == [Self.openPayment.idempotencyKey])
      _ = try await again.login()
    }
  }

  private static let openPayment: PaymentOrder = {
    var order = PaymentOrder()
    order.idempotencyKey = [UInt8](repeating: 7, count: 16)
    return order
  }()

  @Test func aSealedEnrolmentThatWasAlteredIsRefused() async throws {
    try await TestService.withKim { service, kim in
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      let client = EnrolmentClient(channel)
      let offered = try await client.getSealingKey(GetSealingKeyRequest())
      var request = EnrolRequest()
      request.sealingKeyId = try SealingKey(decoding: try #require(offered.sealingKey).sealingKey).id
      request.enc = X25519PrivateKey.generate().publicKey
      request.box = randomBytes(200)
      await expectRefusal("ENROLMENT_REJECTED") { [request] in _ = try await client.enrol(request) }
    }
  }

  @Test func withoutAnAdministratorsCertificateNothingIsAdministered() async throws {
    try await TestService.withKim { _, kim in
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      var request = CreateTokenRequest()
      request.consultant = 1
      await expectRefusal("ADMINISTRATOR_REQUIRED") { [request] in
        _ = try await AdminClient(channel).createToken(request)
      }
    }
  }

  @Test func aConsultantsCertificateIsNoAdministrators() async throws {
    try await TestService.withKim { service, kim in
      let channel = RPCClient(
        host: "127.0.0.1", port: service.port,
        tls: try .client(
          verify: ServerVerification(rootFingerprint: kim.trusted.rootFingerprint, dnsName: nil, role: .server),
          chain: kim.consultantChain, key: kim.consultantKey))
      defer { channel.closeSoon() }
      await #expect(throws: (any Error).self) { try await AdminClient(channel).createToken(CreateTokenRequest()) }
    }
  }

  @Test func aNameIsRegisteredOnce() async throws {
    try await TestService.withKim { service, _ in
      await expectRefusal("NAME_TAKEN") { _ = try await service.addConsultant("Kim", company: "Acme") }
      await expectRefusal("COMPANY_NOT_FOUND") { _ = try await service.addConsultant("Lee", company: "Nobody") }
      await expectRefusal("INVALID_FIELD") { _ = try await service.addConsultant("a\u{7}b", company: "Acme") }
    }
  }

  @Test func noTwoNamesOfCompaniesLookAlike() async throws {
    try await TestService.withKim { service, _ in
      for name in ["Straße", "Caf\u{e9}", "Acme Tours"] { try await service.addCompany(name) }
      for name in ["acme", "ACME", "STRASSE", "STRA\u{1E9E}E", "Cafe\u{301}", "Acme  Tours", "Acme\u{3000}Tours"] {
        await expectRefusal("NAME_TAKEN") { try await service.addCompany(name) }
      }
      for name in ["Acme ", " Acme", "Acme\u{a0}", "\u{202E}emcA", "Ac\u{2028}me", "Ac\u{200B}me", "\u{FEFF}Acme"] {
        await expectRefusal("INVALID_FIELD", field: "name") { try await service.addCompany(name) }
      }
      // A joiner that its script needs.
      try await service.addCompany("\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}")
    }
  }

  @Test func aTraceNamesConsultantCompanyDeviceAndEveryStep() async throws {
    try await withSession { service, session in
      let result = try await session.pay(.test, card: .test())
      var request = TracePaymentRequest()
      request.which = .payment(result.payment)
      let reply = try await service.administrator().run { [request] in try await $0.tracePayment(request) }
      let trace = try #require(reply.traces.first)
      let login = await session.login
      #expect(trace.consultantName == "Kim")
      #expect(trace.companyName == "Acme")
      #expect(trace.path == "direct")
      #expect(trace.macAddress == login.macAddress)
      #expect(trace.steps.map(\.kind) == ["LOGIN", "IDENTITY", "INTENT", "APPROVED"])
      #expect(trace.consultantCertificate?.fingerprint == login.leaf.bytes)
    }
  }
}
