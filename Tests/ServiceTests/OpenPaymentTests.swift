import Foundation
import Messages
import Payments
import StorageSQLite
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// What is open is listed with its reason, and operators are told of what does not end by itself.
@Suite struct OpenPaymentTests {
  /// Charged, inquiries tell nothing, and the reversal is refused.
  private static let refusesReversal = "4000000000009060"

  @Test func whatIsOpenIsListedUntilItIsOver() async throws {
    try await Self.withOpenPayment(card: "4000000000009029") { service in
      let open = try await service.unresolved()
      #expect(open.map { $0.payment?.state } == [.intent])
      #expect(open.first?.companyName == "Acme" && open.first?.consultantName == "Kim")
      #expect(open.first?.nextTryMs == 0 && open.first?.reversals == 0)
      #expect(open.first?.sinceMs == open.first?.payment?.timeMs)
      service.clock.advance(milliseconds: 10_001)
      while !(try await service.unresolved().isEmpty) { try await Task.sleep(for: .milliseconds(20)) }
    }
  }

  @Test func aRefusedReversalStaysWithItsReason() async throws {
    try await Self.withOpenPayment(card: Self.refusesReversal) { service in
      service.clock.advanceWall(milliseconds: 5_000)
      service.clock.advance(milliseconds: 10_001)
      let open = try await service.waitForState(.reversalRefused)
      #expect(open.payment?.outcome == .pending && open.nextTryMs == 0 && open.reversals == 1)
      #expect(open.sinceMs >= (open.payment?.timeMs ?? 0) + 5_000)
      #expect(try service.journal("PAYMENTS_READ").allSatisfy { $0.hasPrefix("unresolved, by CN=tester") })
    }
  }

  @Test func operatorsAreToldOfARefusedReversalOnce() async throws {
    try await Self.withOpenPayment(card: Self.refusesReversal) { service in
      let log = CapturedLog()
      let watch = try Self.watch(service, log)
      await watch.look()
      #expect(log.lines.isEmpty)
      service.clock.advance(milliseconds: 10_001)
      let number = try await service.waitForState(.reversalRefused).payment?.payment ?? 0
      await watch.look()
      await watch.look()
      #expect(log.lines.count == 1)
      #expect(log.lines.first?.hasPrefix("error the acquirer refused a reversal") == true)
      #expect(log.lines.first?.contains("payment=\(number) ") == true, "\(log.lines)")
    }
  }

  @Test func operatorsAreToldOfAPaymentThatIsOpenForTooLong() async throws {
    try await Self.withOpenPayment(card: "4000000000009029") { service in
      let log = CapturedLog()
      let watch = try Self.watch(service, log)
      service.clock.advanceWall(milliseconds: Limits.operatorsToldAfterMilliseconds - 60_000)
      await watch.look()
      #expect(log.lines.isEmpty)
      service.clock.advanceWall(milliseconds: 60_000)
      await watch.look()
      #expect(log.lines.count == 1 && log.lines[0].hasPrefix("warning a payment is still open"), "\(log.lines)")
      #expect(log.lines[0].contains("state=INTENT"))
    }
  }

  private static func watch(_ service: TestService, _ log: CapturedLog) throws -> OpenPaymentWatch {
    OpenPaymentWatch(
      reader: try SQLiteReader(path: "\(service.root)/server/ledger.db"), clock: service.clock.service,
      logger: log.logger)
  }

  /// A payment that the acquirer took and has not answered.
  private static func withOpenPayment(card: String, _ body: (TestService) async throws -> Void) async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let sealed = try await session.sealAhead(.test, key: session.makeKey(), card: .test(card)).request
      let client = await session.client
      let paying = Task { _ = try? await client.submitPayment(sealed) }
      while try await service.unresolved().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
      try await body(service)
      paying.cancel()
    }
  }
}

extension TestService {
  func unresolved() async throws -> [Messages.UnresolvedPayment] {
    try await administrator().run { try await $0.listUnresolved(.init()).payments }
  }

  /// Waits until the only open payment stands there.
  func waitForState(_ state: Messages.PaymentState) async throws -> Messages.UnresolvedPayment {
    while true {
      if let open = try await unresolved().first, open.payment?.state == state { return open }
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
