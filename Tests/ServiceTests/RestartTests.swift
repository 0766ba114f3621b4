import CountersignRPC
import Messages
import Testing

@testable import CountersignClient

/// What a new server process makes of sessions and payments of the former one.
@Suite struct RestartTests {
  @Test(arguments: Path.allCases) func aTerminalGoesOnByItselfAfterARestart(_ path: Path) async throws {
    try await TestGateway.withKim(path) { service, _, kim in
      let session = try await kim.login()
      _ = try await session.pay(.test, card: .test())
      await service.stop()
      try await service.start()
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved)
    }
  }

  @Test func aPaymentSealedBeforeTheRestartNeedsANewIdentity() async throws {
    try await restarted { _, session, sealed in
      await expectRefusal("IDENTITY_REQUIRED") { _ = try await session.client.submitPayment(sealed) }
    }
  }

  @Test func aPaymentSealedBeforeTheRestartStaysVoidAfterANewIdentity() async throws {
    try await restarted { _, session, sealed in
      try await session.issueIdentity()
      await expectRefusal("REPLAYED") { _ = try await session.client.submitPayment(sealed) }
    }
  }

  @Test func anIdentityRequestOfTheFormerProcessCannotBeReplayed() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let old = await session.identityRequest()
      _ = try await session.client.issueIdentity(old)
      await service.stop()
      try await service.start()
      await expectRefusal("REPLAYED") { _ = try await session.client.issueIdentity(old) }
    }
  }

  @Test func anOutcomeIsToldTheSameAfterARestart() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      let before = try await session.pay(.test, card: .test(), key: key)
      try await session.logout()
      await service.stop()
      try await service.start()
      let again = try await kim.login()
      let after = try await again.payment(key: key)
      #expect(after == before)
      let repeated = try await again.pay(.test, card: .test(), key: key)
      #expect(repeated == before)
    }
  }

  @Test func aSessionThatWasLoggedOutStaysOverAfterARestart() async throws {
    try await TestService.withKim { service, kim in
      let channel = try kim.connect()
      let session = try await kim.login(over: channel)
      try await session.logout()
      await service.stop()
      try await service.start()
      await expectRefusal("SESSION_OVER") { try await session.issueIdentity() }
      await channel.close()
    }
  }

  private func restarted(
    _ body: (TestService, TerminalSession, SubmitPaymentRequest) async throws -> Void
  ) async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let sealed = try await session.sealed()
      await service.stop()
      try await service.start()
      try await body(service, session, sealed)
    }
  }
}

extension TerminalSession {
  /// A request for an identity that was not sent.
  func identityRequest() -> IssueIdentityRequest {
    let call = takeCall(CheckoutMethods.issueIdentity)
    var request = IssueIdentityRequest()
    request.session = login.session.bytes
    (request.sequence, request.proof) = (call.sequence, call.proof)
    return request
  }
}
