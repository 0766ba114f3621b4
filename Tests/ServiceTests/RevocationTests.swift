import CountersignRPC
import Cryptography
import Foundation
import Messages
import Testing

@testable import CountersignClient
@testable import Gateway

/// The kill switch: from the command's answer on nothing more happens for what was revoked.
@Suite struct RevocationTests {
  enum Kind: CaseIterable {
    case consultant, company, certificate, serial, companyCertificate, device
    /// The gateway's TLS certificate; where there is no gateway, the company's.
    case gatewayCertificate
  }

  @Test(arguments: Path.allCases, Kind.allCases)
  func aLiveSessionRefusesAtOnce(_ path: Path, _ kind: Kind) async throws {
    try await TestGateway.withKim(path) { service, gateway, kim in
      let session = try await kim.login()
      _ = try await session.pay(.test, card: .test())
      let reply = try await service.revoke(kind, of: kim, behind: gateway)
      #expect(reply.isNew && reply.sessions == 1)
      await expectRefusal("SESSION_OVER") { _ = try await session.pay(.test, card: .test()) }
    }
  }

  @Test(arguments: Path.allCases, Kind.allCases)
  func aNewLoginIsRefused(_ path: Path, _ kind: Kind) async throws {
    try await TestGateway.withKim(path) { service, gateway, kim in
      _ = try await service.revoke(kind, of: kim, behind: gateway)
      // A revoked certificate's connections end; the gateway makes new ones, which are good for nothing.
      try await gateway?.waitUntilForwarding()
      await expectRefusal("REVOKED") { _ = try await kim.login() }
    }
  }

  /// Its certificate makes connections as before, which are good for nothing.
  @Test(arguments: [Kind.company, .companyCertificate])
  func aGatewayThatStartsWithARevokedCertificateTellsSoAndIsNotConnected(_ kind: Kind) async throws {
    try await TestGateway.withKim { gateway, kim in
      let service = gateway.service
      _ = try await service.revoke(kind, of: kim, behind: gateway)
      try await gateway.waitUntil(isServing: false)
      try await gateway.log.wait(for: "CERTIFICATE_REVOKED")

      let log = CapturedLog()
      var configuration = Gateway.Configuration(listenHost: "127.0.0.1", listenPort: 0, eventLoops: 1)
      configuration.policyMilliseconds = 50
      let (again, _) = try await Gateway.start(configuration, logger: log.logger) { [folder = gateway.folder] in
        try folder.identity(
          passphrase: TestGateway.passphrase, now: Int64(Date().timeIntervalSince1970 * 1_000))
      }
      try await log.wait(for: "warning the service refuses this gateway reason=")
      let refused = log.lines.filter { $0.hasPrefix("warning the service refuses this gateway") }
      #expect(refused.allSatisfy { $0.contains("CERTIFICATE_REVOKED") }, "\(log.lines)")
      #expect(!log.lines.contains { $0.contains("connected to the service") }, "\(log.lines)")
      if kind == .companyCertificate {
        // Mended as the documents say, without a new start.
        try await TestGateway.enrol(service, "Acme", gateway.folder, isReplacing: true)
        await again.reload()
        try await log.wait(for: "connected to the service")
      }
      await again.stop()
    }
  }

  @Test func aSealedCallOfARevokedSessionIsRefused() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      _ = try await service.revoke(.consultant, of: kim)
      await expectRefusal("SESSION_OVER") { try await session.issueIdentity() }
    }
  }

  @Test func aRevocationOutlivesTheProcess() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      _ = try await service.revoke(.consultant, of: kim)
      await service.stop()
      try await service.start()
      await expectRefusal("SESSION_OVER") { _ = try await session.pay(.test, card: .test()) }
      await expectRefusal("REVOKED") { _ = try await kim.login() }
    }
  }

  /// They share the gateway's connections with the one who is revoked, and one terminal's connection.
  @Test(arguments: Path.allCases) func otherConsultantsNoticeNothing(_ path: Path) async throws {
    try await Site.with(path) { site in
      let kim = try await site.kim.login(over: site.channel)
      let lee = try await site.lee.login(over: site.channel)
      let paying = Task {
        var paid = 0
        for _ in 0..<60 {
          if try await lee.pay(.test, card: .test()).outcome == .approved { paid += 1 }
        }
        return paid
      }
      _ = try await kim.pay(.test, card: .test())
      _ = try await site.service.revoke(.consultant(1))
      await expectRefusal("SESSION_OVER") { _ = try await kim.pay(.test, card: .test()) }
      let paid = try await paying.value
      #expect(paid == 60)
      #expect(site.channel.connectionsMade == 1)
      let lost = site.gateway?.log.lines.filter { $0.contains("connection to the service is lost") } ?? []
      #expect(lost.isEmpty)
    }
  }

  /// The service ends what the certificate authenticated, and what is open on it is answered before.
  @Test(arguments: [Kind.company, .companyCertificate, .gatewayCertificate])
  func theGatewaysConnectionsEndWithGOAWAY(_ kind: Kind) async throws {
    // Of one connection each end is logged; of several the end of all.
    let configure: (inout Gateway.Configuration) -> Void = { $0.upstreamConnections = 1 }
    try await TestGateway.withKim(configure: configure) { gateway, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      _ = try await session.pay(.test, card: .test(), key: key)
      let reply = try await gateway.service.revoke(kind, of: kim, behind: gateway)
      #expect(reply.isNew && reply.sessions == 1)
      // Told by the server's GOAWAY, not by a broken connection.
      try await gateway.log.wait(for: "CERTIFICATE_REVOKED")
      try await gateway.waitUntilForwarding()
      await expectRefusal("REVOKED") { _ = try await kim.login() }
    }
  }

  @Test(arguments: Path.allCases)
  func paymentsUnderWayAreRecordedBeforeTheRevocationOrNotAtAll(_ path: Path) async throws {
    try await TestGateway.withKim(path) { service, _, kim in
      let session = try await kim.login()
      let paying = Task {
        var keys: [[UInt8]] = []
        for _ in 0..<5_000 {
          let key = session.makeKey()
          do {
            _ = try await session.pay(.test, card: .test(), key: key)
            keys.append(key)
          } catch {
            return keys
          }
        }
        return keys
      }
      while try service.payments().count < 50 { try await Task.sleep(for: .milliseconds(10)) }
      let commanded = UInt64(Date().timeIntervalSince1970 * 1_000)
      let reply = try await service.revoke(.consultant, of: kim)
      let paid = await paying.value
      let last = try #require(paid.last)
      var request = TracePaymentRequest()
      request.which = .idempotencyKey(last)
      let trace = try await service.administrator().run { [request] in try await $0.tracePayment(request) }
      let time = try #require(trace.traces.first?.steps.first { $0.kind == "INTENT" }?.timeMs)
      #expect(time <= reply.timeMs)
      print(
        "kill switch, \(path): last accepted payment \(Int64(time) - Int64(commanded)) ms after the command was given,",
        "\(reply.timeMs - commanded) ms until it was in force; \(paid.count) payments before")
    }
  }

  @Test func revokingAgainKeepsTheFirstTime() async throws {
    try await TestService.withKim { service, kim in
      _ = try await service.revoke(.consultant, of: kim)
      let again = try await service.revoke(.consultant, of: kim)
      #expect(!again.isNew && again.sessions == 0)
    }
  }

  @Test func aRevokedDeviceCannotBeEnrolledAnew() async throws {
    try await TestService.withKim { service, kim in
      _ = try await service.revoke(.device, of: kim)
      let token = try await service.addConsultant("Lee", company: "Acme").token
      await expectRefusal("REVOKED") { _ = try await service.enrol("lee", token: token, holding: nil) }
    }
  }

  @Test func aRevokedAdministratorIsRefused() async throws {
    try await TestService.withKim { service, _ in
      let leaf = try Certificate.fromPEM(
        [UInt8](Data(contentsOf: URL(filePath: "\(service.root)/server/admin/chain.pem"))))[0]
      _ = try await service.revoke(.certificate(leaf.fingerprint.bytes))
      await expectRefusal("REVOKED") { _ = try await service.addConsultant("Lee", company: "Acme") }
    }
  }

  @Test func theConnectionOfARevokedCertificateGetsGOAWAY() async throws {
    try await TestService.withKim { service, _ in
      let administrator = try service.administrator()
      try await administrator.run { client in
        _ = try await client.listCertificates(ListCertificatesRequest())
        let leaf = try Certificate.fromPEM(
          [UInt8](Data(contentsOf: URL(filePath: "\(service.root)/server/admin/chain.pem"))))[0]
        var request = RevokeRequest()
        request.target = .certificate(leaf.fingerprint.bytes)
        // The call itself was accepted before and is answered.
        let reply = try await client.revoke(request)
        #expect(reply.isNew)
      }
    }
  }

  @Test func whatIsNotThereIsNamed() async throws {
    try await TestService.withKim { service, _ in
      await expectRefusal("CONSULTANT_NOT_FOUND") { _ = try await service.revoke(.consultant(99)) }
      await expectRefusal("COMPANY_NOT_FOUND") { _ = try await service.revoke(.company(99)) }
      await expectRefusal("CERTIFICATE_NOT_FOUND") { _ = try await service.revoke(.certificate([1, 2, 3])) }
      await expectRefusal("INVALID_FIELD") { _ = try await service.revoke(.device([0, 0, 0, 0, 0, 0])) }
    }
  }

  @Test func certificatesThatEndSoonAreListed() async throws {
    try await TestService.withKim { service, _ in
      var request = ListCertificatesRequest()
      request.notAfterBeforeMs = UInt64(Date().timeIntervalSince1970 + 91 * 86_400) * 1_000
      let soon = try await service.administrator().run { [request] in try await $0.listCertificates(request) }
      #expect(soon.certificates.map(\.holderKind) == ["consultant"])
      request.notAfterBeforeMs += 365 * 86_400_000
      let all = try await service.administrator().run { [request] in try await $0.listCertificates(request) }
      #expect(all.certificates.map(\.holderKind).sorted() == ["administrator", "company", "consultant"])
    }
  }
}

extension TestService {
  func revoke(_ target: RevokeRequest.Target) async throws -> RevokeReply {
    var request = RevokeRequest()
    (request.target, request.reason, request.comment) = (target, .keyCompromise, "test")
    return try await administrator().run { [request] in try await $0.revoke(request) }
  }

  /// Revokes what belongs to the first consultant.
  func revoke(
    _ kind: RevocationTests.Kind, of terminal: Terminal, behind gateway: TestGateway? = nil
  ) async throws -> RevokeReply {
    switch kind {
    case .consultant: try await revoke(.consultant(1))
    case .company: try await revoke(.company(1))
    case .certificate: try await revoke(.certificate(terminal.consultantChain[0].fingerprint.bytes))
    case .serial: try await revoke(.certificate(terminal.consultantChain[0].serial))
    case .companyCertificate:
      try await revoke(
        .certificate((terminal.company?.chain ?? gateway?.chain("company.pem"))?[0].fingerprint.bytes ?? []))
    case .gatewayCertificate:
      try await revoke(.certificate((gateway?.chain("tls.pem") ?? terminal.company?.chain)?[0].fingerprint.bytes ?? []))
    case .device: try await revoke(.device(try terminal.interface.macAddress()))
    }
  }
}
