import CountersignRPC
import Cryptography
import Foundation
import Messages
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// How long a good answer serves, and live sessions that are asked about again.
@Suite struct StatusCacheTests {
  @Test func aGoodAnswerServesOtherLoginsForAMinute() async throws {
    try await OutsideDesk.with { desk in
      _ = try await desk.login()
      let asked = desk.responder.questions
      _ = try await desk.login()
      #expect(desk.responder.questions == asked)
      desk.service.clock.advance(milliseconds: 60_001)
      _ = try await desk.login()
      // Consultant and company.
      #expect(desk.responder.questions == asked + 2)
    }
  }

  @Test func aGoodAnswerServesNoLongerThanItsNextUpdate() async throws {
    try await OutsideDesk.with { desk in
      desk.service.clock.advance(milliseconds: 61_000)
      desk.responder.behave(desk.national.answer(until: 30))
      _ = try await desk.login()
      let asked = desk.responder.questions
      desk.service.clock.advance(milliseconds: 31_000)
      _ = try await desk.login()
      #expect(desk.responder.questions == asked + 2)
    }
  }

  @Test func anAnswerWithoutNextUpdateServesOneLogin() async throws {
    try await OutsideDesk.with { desk in
      desk.service.clock.advance(milliseconds: 61_000)
      desk.responder.behave(desk.national.answer(until: nil))
      _ = try await desk.login()
      let asked = desk.responder.questions
      _ = try await desk.login()
      #expect(desk.responder.questions == asked + 2)
    }
  }

  @Test func withoutACacheEveryLoginAsks() async throws {
    try await OutsideDesk.with(settings: "cache = 0\n") { desk in
      let asked = desk.responder.questions
      _ = try await desk.login()
      _ = try await desk.login()
      #expect(desk.responder.questions == asked + 4)
    }
  }

  @Test func aBadAnswerIsNotKept() async throws {
    try await OutsideDesk.with { desk in
      desk.service.clock.advance(milliseconds: 61_000)
      desk.responder.behave(desk.national.answer(.unknown))
      await expectRefusal("CERTIFICATE_UNKNOWN") { _ = try await desk.login() }
      desk.responder.behave(desk.national.answer())
      _ = try await desk.login()
    }
  }

  @Test func aRevocationHereCountsAtOnceWhateverWasAnswered() async throws {
    try await OutsideDesk.with { desk in
      let session = try await desk.login()
      var request = RevokeRequest()
      request.target = .certificate(desk.kim.consultantChain[0].fingerprint.bytes)
      request.reason = .keyCompromise
      let reply = try await desk.service.administrator().run { [request] in try await $0.revoke(request) }
      #expect(reply.sessions == 1)
      await expectRefusal("SESSION_OVER") { _ = try await session.pay(.test, card: .test()) }
      await expectRefusal("REVOKED") { _ = try await desk.login() }
    }
  }

  // MARK: - Live sessions

  @Test func aLiveSessionEndsWhereItsAuthorityRevokesTheCertificate() async throws {
    try await OutsideDesk.with { desk in
      let session = try await desk.login()
      let server = try #require(desk.service.server)
      desk.service.clock.advance(milliseconds: 4 * 60_000)
      desk.responder.behave(desk.national.answer(.revoked(time: 1_790_000_000, reason: 1)))
      await server.askOutsideAuthoritiesAgain()
      // Nothing is due yet.
      try await session.issueIdentity()
      desk.service.clock.advance(milliseconds: 61_000)
      await server.askOutsideAuthoritiesAgain()
      await expectRefusal("SESSION_OVER") { try await session.issueIdentity() }
      let ended = try #require(try desk.service.journal().last { $0.hasPrefix("SESSION_ENDED|") })
      #expect(ended.contains("REVOKED") && ended.contains("the authority revoked"), "\(ended)")
    }
  }

  @Test func aLiveSessionGoesOnForAQuarterOfAnHourWithoutAnAnswer() async throws {
    try await OutsideDesk.with { desk in
      let session = try await desk.login()
      let server = try #require(desk.service.server)
      desk.responder.behave(.answer { _ in OCSPFailure.tryLater.der })
      for _ in 0..<2 {
        desk.service.clock.advance(milliseconds: 5 * 60_000)
        await server.askOutsideAuthoritiesAgain()
        try await session.issueIdentity()
      }
      desk.service.clock.advance(milliseconds: 5 * 60_000)
      await server.askOutsideAuthoritiesAgain()
      await expectRefusal("SESSION_OVER") { try await session.issueIdentity() }
      #expect(try desk.service.journal().contains { $0.hasPrefix("SESSION_ENDED|noStatus") })
    }
  }

  @Test func aLiveSessionWithAGoodAnswerGoesOn() async throws {
    try await OutsideDesk.with { desk in
      let session = try await desk.login()
      let server = try #require(desk.service.server)
      let asked = desk.responder.questions
      for _ in 0..<4 {
        desk.service.clock.advance(milliseconds: 5 * 60_000)
        await server.askOutsideAuthoritiesAgain()
        try await session.issueIdentity()
      }
      #expect(desk.responder.questions == asked + 8)
    }
  }

  @Test func aSessionWithOutsideCertificatesEndsWithTheProcess() async throws {
    try await OutsideDesk.with { desk in
      let session = try await desk.login()
      await desk.service.stop()
      try await desk.service.start()
      await expectRefusal("SESSION_OVER") { try await session.issueIdentity() }
      _ = try await desk.login()
    }
  }
}
