import Authority
import CheckoutService
import CountersignRPC
import Cryptography
import Foundation
import Messages
import Seals
import TLS
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// Logins that must be refused, directly and through the gateway. Source: docs/security.md, "Threats".
@Suite struct RefusedLoginTests {
  @Test func noCompanyCertificate() async throws {
    try await Site.with(.direct) { site in
      try await site.expectRefused(
        "COMPANY_CERTIFICATE_REQUIRED", .unauthenticated, cause: "no company chain or signature"
      ) {
        var request = try await site.prepared()
        (request.companyChain, request.countersignature) = ([], [])
        _ = try await site.client.login(request)
      }
    }
  }

  /// The gateway's connection alone is no countersignature.
  @Test func noCompanyCertificateThroughAGatewayThatDoesNotCountersign() async throws {
    try await Site.with(.gateway) { site in
      let channel = try site.falseGateway()
      defer { channel.closeSoon() }
      try await site.expectRefused(
        "COMPANY_CERTIFICATE_REQUIRED", .unauthenticated, cause: "no company chain or signature", over: channel
      ) {
        let client = CheckoutClient(channel)
        let begun = try await client.beginLogin(BeginLoginRequest())
        _ = try await client.login(Login(terminal: site.kim, channel: channel).prepare(begun).request)
      }
    }
  }

  @Test(arguments: Path.allCases) func companyOfAnotherOrganisation(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.service.addCompany("Other")
      let token = try await site.service.addConsultant("Ann", company: "Other").token
      let ann = try await site.service.enrol("ann", token: token, holding: path == .direct ? "Acme" : nil)
      try await site.expectRefused(
        "WRONG_COMPANY", .permissionDenied, by: path == .direct ? .service : .gateway,
        cause: path == .direct ? "belongs to company 2, not 1" : "Ann"
      ) {
        let begun = try await site.client.beginLogin(BeginLoginRequest())
        _ = try await site.client.login(Login(terminal: ann, channel: site.channel).prepare(begun).request)
      }
    }
  }

  /// A gateway that countersigns for whom it must not.
  @Test func consultantOfAnotherCompanyThroughAGatewayThatCountersignsForAnybody() async throws {
    try await Site.with(.gateway) { site in
      try await site.service.addCompany("Other")
      let token = try await site.service.addConsultant("Ann", company: "Other").token
      let ann = try await site.service.enrol("ann", token: token, holding: "Acme")
      let channel = try site.falseGateway()
      defer { channel.closeSoon() }
      try await site.expectRefused(
        "WRONG_COMPANY", .permissionDenied, cause: "belongs to company 2, not 1", over: channel
      ) {
        let client = CheckoutClient(channel)
        let begun = try await client.beginLogin(BeginLoginRequest())
        _ = try await client.login(Login(terminal: ann, channel: channel).prepare(begun).request)
      }
    }
  }

  /// Company Other's own gateway and countersignature cannot bring a consultant of Acme in.
  @Test func gatewayOfAnotherCompany() async throws {
    try await Site.with(.gateway) { site in
      try await site.service.addCompany("Other")
      let other = try await TestGateway(site.service, company: "Other", place: "other")
      let channel = try other.connect()
      let client = CheckoutClient(channel)
      let begun = try await client.beginLogin(BeginLoginRequest())
      let request = try Login(terminal: site.kim, channel: channel).prepare(begun).request
      let sessions = try site.service.sessions()
      await expectRefusal("WRONG_COMPANY") { _ = try await client.login(request) }
      #expect(other.log.lines.contains { $0.contains("WRONG_COMPANY") && $0.contains("Kim") })
      #expect(try site.service.sessions() == sessions)
      await channel.close()
      await other.gateway.stop()
    }
  }

  @Test(arguments: Path.allCases) func consultantKeyWithAnothersCertificate(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused(
        "SIGNATURE_INVALID", .unauthenticated, by: path == .direct ? .service : .gateway, cause: "Lee"
      ) {
        let lee = site.lee.consultantChain
        var request = try await site.prepared { $0.certificateDigest = lee[0].fingerprint.bytes }
        request.consultantChain = lee.map(\.der)
        if path == .direct { try countersign(&request, site) }
        _ = try await site.client.login(request)
      }
    }
  }

  @Test(arguments: Path.allCases, [-100, 10] as [Int64])
  func certificateThatIsExpiredOrNotYetValid(_ path: Path, _ days: Int64) async throws {
    try await Site.with(path, age: 120 * 86_400) { site in
      let issuer = try DataFolder("\(site.service.root)/server").issuer()
      let request = try CertificateRequest(
        der: CertificateRequest.make(key: site.kim.consultantKey, commonName: "Kim", organisation: nil))
      let leaf = try issuer.issue(
        request, role: .consultant, commonName: "Kim", organisation: "Acme",
        now: Int64(Date().timeIntervalSince1970) + days * 86_400)
      try await site.expectRefused(
        "CERTIFICATE_REFUSED", .unauthenticated, by: path == .direct ? .service : .gateway, cause: "validity"
      ) {
        var request = try await site.prepared { $0.certificateDigest = leaf.fingerprint.bytes }
        request.consultantChain[0] = leaf.der
        if path == .direct { try countersign(&request, site) }
        _ = try await site.client.login(request)
      }
    }
  }

  @Test(arguments: Path.allCases) func revokedCertificate(_ path: Path) async throws {
    try await Site.with(path) { site in
      _ = try await site.service.revoke(.certificate(site.kim.consultantChain[0].fingerprint.bytes))
      try await site.expectRefused("REVOKED", .permissionDenied, cause: "Kim") {
        _ = try await site.client.login(try await site.prepared())
      }
    }
  }

  @Test(arguments: Path.allCases) func challengeUsedTwice(_ path: Path) async throws {
    try await Site.with(path) { site in
      let request = try await site.prepared()
      _ = try await site.client.login(request)
      try await site.expectRefused(
        "CHALLENGE_INVALID", .unauthenticated, by: path == .direct ? .service : .gateway,
        cause: path == .direct ? "used before" : "not fetched on this connection"
      ) { _ = try await site.client.login(request) }
    }
  }

  /// A gateway that countersigns the same login twice.
  @Test func challengeUsedTwiceThroughAGatewayThatDoesNotCount() async throws {
    try await Site.with(.gateway) { site in
      let channel = try site.falseGateway()
      defer { channel.closeSoon() }
      let client = CheckoutClient(channel)
      var request = try Login(terminal: site.kim, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest())).request
      try countersign(&request, site)
      _ = try await client.login(request)
      try await site.expectRefused("CHALLENGE_INVALID", .unauthenticated, cause: "used before", over: channel) {
        _ = try await client.login(request)
      }
    }
  }

  @Test(arguments: Path.allCases) func challengeTooOld(_ path: Path) async throws {
    try await Site.with(path) { site in
      let request = try await site.prepared()
      site.service.clock.advance(milliseconds: 60_001)
      try await site.expectRefused("CHALLENGE_INVALID", .unauthenticated, cause: "made up or older than 60 s") {
        _ = try await site.client.login(request)
      }
    }
  }

  @Test(arguments: Path.allCases) func challengeMadeUp(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused(
        "CHALLENGE_INVALID", .unauthenticated, by: path == .direct ? .service : .gateway,
        cause: path == .direct ? "made up" : "not fetched on this connection"
      ) { _ = try await site.client.login(try await site.prepared { $0.challenge = randomBytes(32) }) }
    }
  }

  @Test func challengeFetchedOnAnotherConnectionOfTheGateway() async throws {
    try await Site.with(.gateway) { site in
      let other = try site.kim.connect()
      let begun = try await CheckoutClient(other).beginLogin(BeginLoginRequest())
      let request = try Login(terminal: site.kim, channel: other).prepare(begun).request
      try await site.expectRefused(
        "CHALLENGE_INVALID", .unauthenticated, by: .gateway, cause: "not fetched on this connection"
      ) { _ = try await site.client.login(request) }
      // It is still good where it was fetched.
      _ = try await CheckoutClient(other).login(request)
      await other.close()
    }
  }

  @Test(arguments: Path.allCases) func statementForAnotherDestination(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused(
        "WRONG_DESTINATION", .failedPrecondition, by: path == .direct ? .service : .gateway, cause: "pay.other"
      ) { _ = try await site.client.login(try await site.prepared { $0.serviceName = "pay.other" }) }
    }
  }

  /// What a peer chose stands on one line of the journal, where operators are shown it.
  @Test func statementForADestinationOfTwoLines() async throws {
    try await Site.with(.direct) { site in
      try await site.expectRefused(
        "WRONG_DESTINATION", .failedPrecondition, cause: "statement is for pay.other\\0A2026 LOGIN"
      ) { _ = try await site.client.login(try await site.prepared { $0.serviceName = "pay.other\n2026 LOGIN" }) }
    }
  }

  @Test(arguments: Path.allCases) func statementForAnotherRoot(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused(
        "WRONG_DESTINATION", .failedPrecondition, by: path == .direct ? .service : .gateway, cause: "pay.test"
      ) { _ = try await site.client.login(try await site.prepared { $0.rootFingerprint = randomBytes(32) }) }
    }
  }

  @Test(arguments: Path.allCases) func sealingKeyOfSomebodyElse(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused("SEALING_KEY_UNKNOWN", .failedPrecondition) {
        _ = try await site.client.login(try await site.prepared { $0.sealingKeyId = randomBytes(8) })
      }
    }
  }

  @Test(arguments: Path.allCases) func anotherMACAddress(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused("DEVICE_CHANGED", .permissionDenied, cause: "came 02:00:00:00:00:09") {
        _ = try await site.client.login(try await site.prepared { $0.macAddress = [2, 0, 0, 0, 0, 9] })
      }
    }
  }

  @Test(arguments: Path.allCases) func loginThatDoesNotDecode(_ path: Path) async throws {
    try await Site.with(path) { site in
      try await site.expectRefused(
        "MESSAGE_INVALID", .invalidArgument, by: path == .direct ? .service : .gateway
      ) {
        var request = try await site.prepared()
        request.statement += [0xF8, 0x07, 0x01]
        _ = try await site.client.login(request)
      }
    }
  }

  /// As a company that holds its key would.
  private func countersign(_ request: inout LoginRequest, _ site: Site) throws {
    let folder = site.service.root
    let chain = try Certificate.fromPEM([UInt8](Data(contentsOf: URL(filePath: "\(folder)/Acme.pem"))))
    let key = try PrivateKey(pem: [UInt8](Data(contentsOf: URL(filePath: "\(folder)/Acme.key"))), passphrase: nil)
    request.signature = try site.kim.consultantKey.sign(SigningInput.statement(request.statement))
    request.companyChain = chain.map(\.der)
    request.countersignature = try key.sign(
      SigningInput.countersignature(
        statement: request.statement, signature: request.signature, companyLeaf: chain[0].fingerprint))
  }
}
