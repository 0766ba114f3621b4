import Messages
import Testing

@testable import CountersignClient

/// Enrolment, login and payments of terminals that hold no company's key. Source: docs/security.md, "Gateway".
@Suite struct GatewayPaymentTests {
  @Test func aTerminalEnrolsLogsInAndPaysThroughTheGateway() async throws {
    try await TestGateway.withKim { gateway, kim in
      #expect(kim.profile.hopRole == .gateway)
      #expect(kim.profile.hopPort == UInt32(gateway.port))
      let session = try await kim.login()
      #expect(session.company == "Acme")
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved)
      try await session.logout()
    }
  }

  @Test func aTraceNamesThePath() async throws {
    try await TestGateway.withKim { gateway, kim in
      let session = try await kim.login()
      var request = TracePaymentRequest()
      request.which = .payment(try await session.pay(.test, card: .test()).payment)
      let reply = try await gateway.service.administrator().run { [request] in try await $0.tracePayment(request) }
      #expect(reply.traces.map(\.path) == ["gateway of Acme"])
      try await session.logout()
    }
  }
}
