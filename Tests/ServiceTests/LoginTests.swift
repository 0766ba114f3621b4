import CountersignRPC
import Cryptography
import Foundation
import Messages
import Seals
import Testing

@testable import CountersignClient

/// Refusals of a login, each with one thing wrong. Source: docs/security.md, "Login".
@Suite struct LoginTests {
  @Test func aConsultantWithTheCompanysCountersignatureGetsIn() async throws {
    try await TestService.withKim { _, kim in
      let session = try await kim.login()
      #expect(session.consultant == "Kim")
      #expect(session.company == "Acme")
      try await session.logout()
    }
  }

  @Test func withoutACompanyCertificateThereIsNoLogin() async throws {
    try await TestService.withKim { service, _ in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let lee = try await service.enrol("lee", token: token, holding: nil)
      await expectRefusal("COMPANY_CERTIFICATE_REQUIRED") { _ = try await lee.login() }
    }
  }

  @Test func theCompanyOfAnotherOrganisationIsRefused() async throws {
    try await TestService.withKim { service, _ in
      try await service.addCompany("Other")
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let lee = try await service.enrol("lee", token: token, holding: "Other")
      await expectRefusal("WRONG_COMPANY") { _ = try await lee.login() }
    }
  }

  @Test func aChallengeIsGoodOnce() async throws {
    try await attempt { login, client in
      let prepared = try login.prepare(try await client.beginLogin(BeginLoginRequest()))
      _ = try await client.login(prepared.request)
      await expectRefusal("CHALLENGE_INVALID") { _ = try await client.login(prepared.request) }
    }
  }

  @Test func anOldChallengeIsRefused() async throws {
    try await TestService.withKim { service, kim in
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      let client = CheckoutClient(channel)
      let prepared = try Login(terminal: kim, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest()))
      service.clock.advance(milliseconds: 60_001)
      await expectRefusal("CHALLENGE_INVALID") { _ = try await client.login(prepared.request) }
    }
  }

  @Test func aMadeUpChallengeIsRefused() async throws {
    try await refused("CHALLENGE_INVALID") { $0.challenge = randomBytes(32) }
  }

  @Test func aStatementForAnotherServiceIsRefused() async throws {
    try await refused("WRONG_DESTINATION") { $0.serviceName = "pay.other" }
  }

  @Test func aStatementForAnotherRootIsRefused() async throws {
    try await refused("WRONG_DESTINATION") { $0.rootFingerprint = randomBytes(32) }
  }

  @Test func aStatementForAnotherCertificateIsRefused() async throws {
    try await refused("SIGNATURE_INVALID") { $0.certificateDigest = randomBytes(32) }
  }

  @Test func anotherMACAddressIsRefused() async throws {
    try await refused("DEVICE_CHANGED") { $0.macAddress = [2, 0, 0, 0, 0, 9] }
  }

  @Test func aSealingKeyThatIsNotOfferedIsRefused() async throws {
    try await refused("SEALING_KEY_UNKNOWN") { $0.sealingKeyId = randomBytes(8) }
  }

  @Test(arguments: [5, 7]) func aMACAddressOfAnotherLengthIsRefused(_ length: Int) async throws {
    try await refused("INVALID_FIELD") { $0.macAddress = [UInt8](repeating: 2, count: length) }
  }

  @Test func aSignatureOfAnotherKeyIsRefused() async throws {
    try await altered("SIGNATURE_INVALID") { request in
      request.signature = try PrivateKey.generate(.p256).sign(SigningInput.statement(request.statement))
    }
  }

  @Test func aCountersignatureOfAnotherKeyIsRefused() async throws {
    try await altered("COUNTERSIGNATURE_INVALID") { request in
      let company = try Certificate(der: request.companyChain[0])
      request.countersignature = try PrivateKey.generate(.p256).sign(
        SigningInput.countersignature(
          statement: request.statement, signature: request.signature, companyLeaf: company.fingerprint))
    }
  }

  @Test func rolesCannotBeExchanged() async throws {
    try await altered("CERTIFICATE_REFUSED") { $0.companyChain = $0.consultantChain }
  }

  @Test func aChainOfNineCertificatesIsRefused() async throws {
    try await altered("CERTIFICATE_REFUSED") { request in
      request.consultantChain += Array(repeating: request.consultantChain[1], count: 9)
    }
  }

  @Test func aCertificateCutShortIsRefused() async throws {
    try await altered("CERTIFICATE_REFUSED") { $0.companyChain[0].removeLast() }
  }

  @Test func aStatementWithAnUnknownFieldIsRefused() async throws {
    try await altered("MESSAGE_INVALID") { $0.statement += [0xF8, 0x07, 0x01] }
  }

  @Test func anEmptyRequestIsRefused() async throws {
    try await altered("COMPANY_CERTIFICATE_REQUIRED") { $0 = LoginRequest() }
  }

  @Test func theConnectionServesOthersAfterARefusal() async throws {
    try await attempt { login, client in
      var request = try login.prepare(try await client.beginLogin(BeginLoginRequest())).request
      request.signature[8] ^= 1
      _ = await refusal { _ = try await client.login(request) }
      let good = try login.prepare(try await client.beginLogin(BeginLoginRequest()))
      _ = try await client.login(good.request)
    }
  }

  // MARK: - Helpers

  private func attempt(_ body: (Login, CheckoutClient) async throws -> Void) async throws {
    try await TestService.withKim { _, kim in
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      try await body(Login(terminal: kim, channel: channel), CheckoutClient(channel))
    }
  }

  /// The statement is changed before it is signed.
  private func refused(_ reason: String, _ change: @escaping (inout LoginStatement) -> Void) async throws {
    try await attempt { login, client in
      let prepared = try login.prepare(try await client.beginLogin(BeginLoginRequest()), altering: change)
      await expectRefusal(reason) { _ = try await client.login(prepared.request) }
    }
  }

  /// The request is changed after it was signed.
  private func altered(_ reason: String, _ change: @escaping (inout LoginRequest) throws -> Void) async throws {
    try await attempt { login, client in
      var request = try login.prepare(try await client.beginLogin(BeginLoginRequest())).request
      try change(&request)
      await expectRefusal(reason) { [request] in _ = try await client.login(request) }
    }
  }
}
