import Messages
import Testing

@testable import CountersignClient
@testable import Gateway

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

  /// A payment that stays PENDING, asked about with the longest wait: neither the deadline nor CANCEL waits for its end,
  /// and the places at the service are free again for others.
  @Test func aQuestionEndsWithItsDeadlineAndWithCancel() async throws {
    let two: (inout Gateway.Configuration) -> Void = { $0.upstreamCalls = 2 }
    try await TestGateway.withKim(configure: two) { gateway, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      // Never answered, and its reversals are refused.
      let payment = Task { try? await session.pay(.test, card: .test("4000000000009060"), key: key) }
      while try await session.payment(key: key)?.outcome != .pending { try await Task.sleep(for: .milliseconds(20)) }
      payment.cancel()
      let calls = try await RawCalls.connect(gateway)
      let ask = { () async throws -> [UInt8] in
        var request = await session.question()
        (request.idempotencyKey, request.waitMs) = (key, 60_000)
        return request.encoded()
      }
      for _ in 0..<3 {
        try await calls.send(CheckoutMethods.getPayment, try await ask(), timeoutMicroseconds: 200_000)
        #expect(try await calls.next()?.code == .deadlineExceeded)
        let stream = try await calls.send(CheckoutMethods.getPayment, try await ask(), timeoutMicroseconds: 60_000_000)
        try await Task.sleep(for: .milliseconds(100))
        try await calls.cancel(stream)
        #expect(try await calls.next()?.code == .cancelled)
      }
      await calls.close()
      _ = await payment.value
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
