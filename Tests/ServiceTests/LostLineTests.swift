import CountersignRPC
import Messages
import NIOCore
import NIOPosix
import Synchronization
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

  /// After the cut nobody answers any more, so that each attempt takes all of its time.
  @Test func theWaitEndsAtTheTimeThatWasToldLast() async throws {
    let mute = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .bind(host: "127.0.0.1", port: 0).get()
    try await withProxy(logsOut: false) { proxy, session in
      proxy.cutNextAnswer()
      proxy.lead(to: UInt16(mute.localAddress?.port ?? 0))
      let ends = Mutex<[ContinuousClock.Instant]>([])
      let order = Order(reference: "A-1", amount: 12_900, currency: "KRW", validForMilliseconds: 2_000)
      await #expect(throws: TerminalError.self) {
        try await session.pay(order, card: .test(), key: nil, askingFor: 12_000) { wait in
          ends.withLock { $0.append(.now + wait.remaining) }
        }
      }
      let told = try #require(ends.withLock { $0.last })
      #expect(told - .now < .seconds(1))
      // Not the time for asking beyond what was told, nor that of a whole attempt.
      #expect(.now - told < .seconds(8))
      #expect(try session.terminal.folder.pending().count == 1)
      try? await session.logout(waitingAtMost: .seconds(1))
    }
    try await mute.close()
  }

  @Test func whoGivesAPaymentUpIsToldWhetherItWasSent() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      // Never answered, and its reversals are refused.
      let sent = Task { try await session.pay(.test, card: .test("4000000000009060"), key: key) }
      while try await session.payment(key: key) == nil { try await Task.sleep(for: .milliseconds(20)) }
      sent.cancel()
      let unknown = await #expect(throws: TerminalError.self) { try await sent.value }
      guard case .outcomeUnknown(key, _)? = unknown else { throw unknown ?? CancellationError() }
      #expect(try kim.folder.pending().map(\.idempotencyKey) == [key])

      await service.stop()
      let (waits, waiting) = AsyncStream<PaymentWait>.makeStream()
      let unsent = Task { try await session.pay(.test, card: .test()) { waiting.yield($0) } }
      for await _ in waits { break }
      unsent.cancel()
      await #expect(throws: CancellationError.self) { try await unsent.value }
      #expect(try kim.folder.pending().map(\.idempotencyKey) == [key])
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

  private func withProxy(
    logsOut: Bool = true, _ body: (CuttingProxy, TerminalSession) async throws -> Void
  ) async throws {
    let service = try TestService()
    let proxy = try await CuttingProxy(target: { service.port })
    try await service.start(publicPort: proxy.port)
    do {
      try await service.addCompany("Acme")
      let token = try await service.addConsultant("Kim", company: "Acme").token
      let session = try await service.enrol("kim", token: token, holding: "Acme").login()
      try await body(proxy, session)
      if logsOut { try await session.logout() }
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
    await proxy.close()
  }
}
