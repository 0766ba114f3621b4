import CountersignRPC
import Messages
import Testing

@testable import CountersignClient

/// A terminal that loses its line in the middle of a payment and asks again with its key.
@Suite struct LostLineTests {
  @Test func aPaymentWhoseAnswerWasLostIsChargedOnceAndTold() async throws {
    try await withProxy { proxy, session in
      proxy.cutNextAnswer()
      let key = session.makeKey()
      let result = try await session.pay(.test, card: .test(), key: key)
      #expect(proxy.cuts == 1)
      #expect(result.outcome == .approved)
      let told = try await session.payment(key: key)
      #expect(told == result)
    }
  }

  @Test func aPaymentGoesOnThroughManyCuts() async throws {
    try await withProxy { proxy, session in
      var numbers: Set<UInt64> = []
      for _ in 0..<5 {
        proxy.cutNextAnswer()
        numbers.insert(try await session.pay(.test, card: .test()).payment)
      }
      #expect(numbers.count == 5)
      #expect(proxy.cuts == 5)
    }
  }

  @Test func nothingIsRememberedOnceTheOutcomeIsKnown() async throws {
    try await withProxy { proxy, session in
      proxy.cutNextAnswer()
      _ = try await session.pay(.test, card: .test())
      let pending = try session.terminal.folder.pending()
      #expect(pending.isEmpty)
    }
  }

  /// UNAVAILABLE comes from the service, which wrote nothing, or from this side, where the line was lost.
  @Test(arguments: [
    ("STORE_UNAVAILABLE", true), ("LEDGER_UNCONFIRMED", true), ("CONNECTION_LOST", false), ("SHUTTING_DOWN", false),
  ])
  func aRefusalIsNoLostAnswer(_ reason: String, _ isWithoutEffect: Bool) {
    let status = RPCStatus(.unavailable, "", reason: reason)
    #expect(TerminalError.refused(status).isWithoutEffect == isWithoutEffect)
  }

  private func withProxy(_ body: (CuttingProxy, TerminalSession) async throws -> Void) async throws {
    let service = try TestService()
    let proxy = try await CuttingProxy(target: { service.port })
    try await service.start(publicPort: proxy.port)
    do {
      try await service.addCompany("Acme")
      let token = try await service.addConsultant("Kim", company: "Acme").token
      let session = try await service.enrol("kim", token: token, holding: "Acme").login()
      try await body(proxy, session)
      try await session.logout()
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
    await proxy.close()
  }
}
