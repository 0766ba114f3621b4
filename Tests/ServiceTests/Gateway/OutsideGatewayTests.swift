import Cryptography
import Foundation
import Messages
import TestOpenSSL
import Testing

@testable import CountersignClient
@testable import Gateway

/// Certificates of an outside authority behind a gateway: the consultant's, and the one that the gateway countersigns with.
@Suite struct OutsideGatewayTests {
  private static var now: Int64 { Int64(Date().timeIntervalSince1970) * 1_000 }

  @Test func aConsultantOfAnOutsideAuthorityPaysThroughTheGateway() async throws {
    try await with { desk, gateway, kim in
      try desk.service.trust(desk.national.ca, nil, "", in: gateway.folder.path)
      await gateway.gateway.reload()
      let session = try await kim.login()
      let paid = try await session.pay(.test, card: .test())
      #expect(paid.outcome == .approved)
      let trace = try await Self.trace(desk, paid)
      #expect(trace.path.contains("gateway"))
      #expect(try trace.consultantCertificate?.issuer == Self.issuer(desk))
      #expect(try trace.companyCertificate?.issuer != Self.issuer(desk))
    }
  }

  /// The gateway signs for nobody whose authority it was not told of.
  @Test func aGatewayWithoutTheAnchorDoesNotCountersign() async throws {
    try await with { _, _, kim in
      await expectRefusal("CERTIFICATE_REFUSED") { _ = try await kim.login() }
    }
  }

  @Test func theGatewayCountersignsWithTheCompanysOutsideCertificate() async throws {
    try await with { desk, gateway, kim in
      try desk.service.trust(desk.national.ca, nil, "", in: gateway.folder.path)
      let acme = desk.national.acme
      try gateway.folder.install(
        CertificateHolder(certificate: acme.chain, key: acme.key), passphrase: TestGateway.passphrase,
        now: Self.now)
      await gateway.gateway.reload()
      let session = try await kim.login()
      let trace = try await Self.trace(desk, session.pay(.test, card: .test()))
      #expect(try trace.companyCertificate?.issuer == Self.issuer(desk))
      // A consultant of the service's own authority logs in through it as well.
      let token = try await desk.service.addConsultant("Lee", company: "Acme").token
      let lee = try await desk.service.enrol("lee", token: token, holding: nil, port: gateway.port)
      #expect(try await lee.login().pay(.test, card: .test()).outcome == .approved)
    }
  }

  @Test func aCertificateWithoutItsAnchorIsNotInstalled() async throws {
    try await with { desk, gateway, _ in
      let acme = desk.national.acme
      let holder = try CertificateHolder(certificate: acme.chain, key: acme.key)
      #expect(throws: TerminalError.self) {
        try gateway.folder.install(holder, passphrase: TestGateway.passphrase, now: Self.now)
      }
      #expect(!FileManager.default.fileExists(atPath: "\(gateway.folder.path)/outside.pem"))
    }
  }

  @Test func aConsultantsCertificateIsNotInstalledForTheCompany() async throws {
    try await with { desk, gateway, _ in
      try desk.service.trust(desk.national.ca, nil, "", in: gateway.folder.path)
      let kim = desk.national.kim
      let holder = try CertificateHolder(certificate: kim.chain, key: kim.key)
      #expect(throws: TerminalError.self) {
        try gateway.folder.install(holder, passphrase: TestGateway.passphrase, now: Self.now)
      }
    }
  }

  @Test func anotherOrganisationsCertificateIsNotInstalled() async throws {
    try await with { desk, gateway, _ in
      let ca = try OutsideCA()
      let other = try ca.issue("other", subject: "/C=KR/O=Other/CN=Other", usage: OutsideCA.company)
      try desk.service.trust(ca, nil, "", in: gateway.folder.path)
      let holder = try CertificateHolder(certificate: other.chain, key: other.key)
      let error = #expect(throws: TerminalError.self) {
        try gateway.folder.install(holder, passphrase: TestGateway.passphrase, now: Self.now)
      }
      #expect("\(error as Any)".contains("organisation Other"))
    }
  }

  @Test func theServicesRootIsNoOutsideAnchorOfAGateway() async throws {
    try await with { desk, gateway, _ in
      let root = try #require(gateway.chain("tls.pem")?.last)
      try desk.service.trust(desk.national.ca, nil, "", in: gateway.folder.path)
      try Data(root.pem).write(
        to: URL(filePath: "\(gateway.folder.path)/anchors/national-consultant/anchor.pem"))
      #expect(throws: (any Error).self) {
        try gateway.folder.identity(passphrase: TestGateway.passphrase, now: Self.now)
      }
    }
  }

  /// A gateway of Acme, and Kim's terminal enrolled through it with a certificate of the outside authority.
  private func with(_ body: (OutsideDesk, TestGateway, Terminal) async throws -> Void) async throws {
    try await OutsideDesk.with { desk in
      let gateway = try await TestGateway(desk.service)
      do {
        var request = CreateTokenRequest()
        request.consultant = desk.consultant
        let token = try await desk.service.administrator().run { [request] in try await $0.createToken(request).token }
        let kim = try await desk.service.enrol(
          "kim behind", token: token, outside: desk.national.kim, company: nil, port: gateway.port)
        try await body(desk, gateway, kim)
      } catch {
        await gateway.gateway.stop()
        throw error
      }
      await gateway.gateway.stop()
    }
  }

  /// Name of the authority as traces show it.
  private static func issuer(_ desk: OutsideDesk) throws -> String {
    try Certificate.fromPEM(Array(Data(contentsOf: URL(filePath: desk.national.kim.certificate))))[0].issuerText
  }

  private static func trace(_ desk: OutsideDesk, _ payment: PaymentResult) async throws -> Trace {
    var request = TracePaymentRequest()
    request.which = .payment(payment.payment)
    let reply = try await desk.service.administrator().run { [request] in try await $0.tracePayment(request) }
    return try #require(reply.traces.first)
  }
}
