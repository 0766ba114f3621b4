import CheckoutService
import CountersignRPC
import Cryptography
import Foundation
import Messages
import NIOCore
import NIOPosix
import Synchronization
import TestOpenSSL
import Testing

@testable import CountersignClient

/// Answers of an authority that are missing or bad: the login is refused with a reason that says so and can be tried
/// again, the journal has the cause, there is no session, and the connection serves others.
@Suite struct AuthorityAnswerTests {
  @Test func aSilentResponderIsNoGoodAnswer() async throws {
    try await refused("no whole answer within 2000 ms") { _ in .silence }
  }

  @Test func aSlowAnswerIsCutOff() async throws {
    try await refused("no whole answer within 2000 ms") { _ in .drip }
  }

  @Test func aResponderThatIsNotThereIsNoGoodAnswer() async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      await desk.responder.stop()
      try await expectRefusedLogin(desk, "AUTHORITY_UNREACHABLE", "no connection")
    }
  }

  @Test(arguments: ["500 Internal Server Error", "404 Not Found", "204 No Content", "301 Moved Permanently"])
  func anHTTPErrorIsNoGoodAnswer(_ status: String) async throws {
    try await refused("HTTP status \(status.prefix(3))") { national in
      .raw(ScriptedResponder.http([0x30], status: status))
    }
  }

  @Test func aRedirectIsNotFollowed() async throws {
    let national = try National.shared.get()
    let elsewhere = try await ScriptedResponder(national.answer())
    try await refused("HTTP status 302") { _ in
      .raw(Array("HTTP/1.1 302 Found\r\nLocation: \(elsewhere.address)\r\nContent-Length: 0\r\n\r\n".utf8))
    }
    #expect(elsewhere.questions == 0)
    await elsewhere.stop()
  }

  @Test func anotherContentTypeIsNoGoodAnswer() async throws {
    try await refused("content type \"text/html\"") { _ in
      .raw(ScriptedResponder.http(Array("<html>good</html>".utf8), type: "text/html"))
    }
  }

  @Test func tenMebibytesAreNotRead() async throws {
    try await refused("the answer has more than 65536 bytes") { _ in
      .raw(ScriptedResponder.http([UInt8](repeating: 0x30, count: 10 << 20)))
    }
  }

  @Test func tenMebibytesWithoutALengthAreNotRead() async throws {
    try await refused("the answer has more than 65536 bytes") { _ in
      .raw(
        Array("HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n".utf8)
          + [UInt8](repeating: 0x30, count: 10 << 20))
    }
  }

  @Test func whatIsNoHTTPIsNoGoodAnswer() async throws {
    try await refused("AUTHORITY_UNREACHABLE") { _ in .raw(randomBytes(2_000)) }
  }

  @Test func anAnswerThatIsNotDERIsRefused() async throws {
    try await refused("rule ocsp response") { _ in .raw(ScriptedResponder.http([0x30, 0x03, 0x0a, 0x01])) }
  }

  @Test func anAnswerOfTheWrongSignerIsRefused() async throws {
    let key = PrivateKey.generate(.p256)
    let stranger = try Certificate.make(
      CertificateContents(
        commonName: "National OCSP", organisation: "National PKI", serial: [7], notBefore: 1_767_225_600,
        notAfter: 4_102_444_800, holder: .leaf(.ocsp)),
      key: key.publicKey, issuer: nil, signer: key)
    try await refused("rule ocsp signer") { $0.answer(by: OCSPSigner(certificate: stranger, key: key)) }
  }

  @Test func aDelegateOfAnotherRoleIsRefused() async throws {
    try await refused("may not sign OCSP answers") { national in
      national.answer(
        by: OCSPSigner(
          certificate: try Certificate.fromPEM(national.ca.openssl.read("kim.pem"))[0],
          key: try PrivateKey(pem: national.ca.openssl.read("kim.key"), passphrase: nil)))
    }
  }

  @Test func aStaleAnswerIsRefused() async throws {
    try await refused("is stale") { $0.answer(from: -600, until: -1) }
  }

  @Test func anAnswerWithAnotherNonceIsRefused() async throws {
    try await refused("holds another nonce than was sent") { national in
      .answer { request in
        let now = Int64(Date().timeIntervalSince1970)
        let question = OCSPQuestion(
          certificate: try Certificate.fromPEM(national.ca.openssl.read("kim.pem"))[0],
          issuer: try Certificate.fromPEM(national.ca.openssl.read("issuing.pem"))[0])
        return try national.delegate.answer(
          OCSPRequest(der: question.der(.sha1)), [.good], thisUpdate: now, nextUpdate: now + 60)
      }
    }
  }

  @Test func anAnswerWithoutTheNonceIsRefusedWhereItIsRequired() async throws {
    try await refused("does not hold the nonce that was sent", behaviour: Self.withoutNonce)
  }

  @Test func anAnswerWithoutANonceIsTakenWhereTheAuthoritySignsAhead() async throws {
    try await OutsideDesk.with(settings: "nonce = if-supported\ncache = 0\n") { desk in
      desk.responder.behave(try Self.withoutNonce(desk.national))
      _ = try await desk.login()
    }
  }

  @Test func anAuthorityThatSaysLaterIsAskedLater() async throws {
    try await refused("the responder answers trylater") { _ in .answer { _ in OCSPFailure.tryLater.der } }
  }

  @Test func anUnknownCertificateIsRefused() async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      desk.responder.behave(desk.national.answer(.unknown))
      try await expectRefusedLogin(desk, "CERTIFICATE_UNKNOWN", "the authority does not know the certificate")
    }
  }

  @Test func aRevokedCertificateIsRefused() async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      desk.responder.behave(desk.national.answer(.revoked(time: 1_790_000_000, reason: 1)))
      try await expectRefusedLogin(desk, "REVOKED", "the authority revoked the certificate")
    }
  }

  @Test func anAuthorityThatCannotBeReachedLocksNobodyOut() async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      desk.responder.behave(.answer { _ in OCSPFailure.tryLater.der })
      for _ in 0..<12 { await expectRefusal("AUTHORITY_UNREACHABLE") { _ = try await desk.login() } }
      desk.responder.behave(desk.national.answer())
      _ = try await desk.login()
    }
  }

  @Test func nothingIsAskedBeforeBothSignaturesAreGood() async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      let before = desk.responder.questions
      let channel = try desk.kim.connect()
      defer { channel.closeSoon() }
      let client = CheckoutClient(channel)
      var request = try Login(terminal: desk.kim, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest())).request
      request.countersignature[8] ^= 1
      await expectRefusal("COUNTERSIGNATURE_INVALID") { [request] in _ = try await client.login(request) }
      #expect(desk.responder.questions == before)
    }
  }

  // MARK: - Helpers

  private static func withoutNonce(_ national: National) throws -> ScriptedResponder.Behaviour {
    let kim = try Certificate.fromPEM(national.ca.openssl.read("kim.pem"))[0]
    let acme = try Certificate.fromPEM(national.ca.openssl.read("acme.pem"))[0]
    let issuer = try Certificate.fromPEM(national.ca.openssl.read("issuing.pem"))[0]
    return .answer { request in
      let now = Int64(Date().timeIntervalSince1970)
      let asked = request.questions[0].serial == kim.serial ? kim : acme
      let question = OCSPQuestion(certificate: asked, issuer: issuer, nonce: nil)
      return try national.delegate.answer(
        OCSPRequest(der: question.der(.sha1)), [.good], thisUpdate: now, nextUpdate: now + 60)
    }
  }

  /// A responder that behaves so gives AUTHORITY_UNREACHABLE with `cause` in the journal.
  private func refused(
    _ cause: String, behaviour: (National) throws -> ScriptedResponder.Behaviour
  ) async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      desk.responder.behave(try behaviour(desk.national))
      try await expectRefusedLogin(desk, "AUTHORITY_UNREACHABLE", cause)
    }
  }

  /// Status and reason, cause in the journal, no session, the connection serves another consultant.
  private func expectRefusedLogin(_ desk: OutsideDesk, _ reason: String, _ cause: String) async throws {
    let token = try await desk.service.addConsultant("Lee", company: "Acme").token
    let lee = try await desk.service.enrol("lee", token: token, holding: "Acme")
    let channel = try desk.kim.connect()
    defer { channel.closeSoon() }
    let before = try desk.service.sessions().count
    do {
      _ = try await desk.kim.login(over: channel)
      Issue.record("the login succeeded")
    } catch TerminalError.refused(let status) {
      #expect(status.reason == reason)
      if reason == "AUTHORITY_UNREACHABLE" {
        #expect(status.code == .unavailable && status.retryAfterMilliseconds == 2_000)
      }
    }
    #expect(try desk.service.sessions().count == before)
    let record = try #require(try desk.service.journal().last { $0.hasPrefix("LOGIN_REFUSED|\(reason)") })
    #expect(record.contains(cause), "\(record)")
    _ = try await lee.login(over: channel)
  }
}
