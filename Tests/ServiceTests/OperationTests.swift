import CountersignRPC
import Cryptography
import Foundation
import Messages
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// Refunds and voids by two administrators, over real TLS and the simulator. Source: docs/payments.md, "Void and refund".
@Suite struct OperationTests {
  @Test func aRefundNeedsASecondAdministratorAndThenReachesTheAcquirer() async throws {
    try await Self.withPaid { service, session, paid in
      let lee = try await service.addAdministrator("Lee", [.operator])
      let asked = try await service.request(.refund, paid.payment, 5_000)
      #expect(asked.state == .requested && asked.requestedBy == "tester" && asked.currency == "KRW")
      await expectRefusal("SECOND_ADMINISTRATOR_REQUIRED", field: "operation") {
        _ = try await service.administrator().confirm(asked.number)
      }
      let done = try await service.confirmed(asked.number, by: lee)
      #expect(done.state == .done && done.confirmedBy == "Lee" && done.responseCode == "00" && done.attempts == 1)
      let told = try #require(try await session.payment(key: paid.key))
      #expect(told.state == .partlyRefunded && told.outcome == .approved)
      let trace = try #require(try await service.traces(.payment(paid.payment)).first)
      let steps = trace.steps.filter { $0.kind == "OPERATION" }.map(\.text)
      #expect(steps.count == 4 && steps[0].contains("REQUESTED 5000, by CN=tester"), "\(steps)")
      #expect(steps[1].contains("CONFIRMED 5000, by CN=Lee") && steps[2].contains("SENDING"))
      #expect(trace.payment?.state == .partlyRefunded)
    }
  }

  @Test func refundsTogetherNeverExceedThePayment() async throws {
    try await Self.withPaid { service, session, paid in
      let lee = try await service.addAdministrator("Lee", [.operator])
      let first = try await service.request(.refund, paid.payment, 12_000)
      let second = try await service.request(.refund, paid.payment, 12_000)
      _ = try await service.confirmed(first.number, by: lee)
      await expectRefusal("AMOUNT_OVER_PAYMENT", field: "operation") { _ = try await lee.confirm(second.number) }
      await expectRefusal("AMOUNT_OVER_PAYMENT", field: "amount") {
        _ = try await service.request(.refund, paid.payment, 901)
      }
      await expectRefusal("OPERATION_CONFLICT", field: "payment") {
        _ = try await service.request(.void, paid.payment, 0)
      }
      let rest = try await service.request(.refund, paid.payment, 900)
      _ = try await service.confirmed(rest.number, by: lee)
      #expect(try await session.payment(key: paid.key)?.state == .refunded)
    }
  }

  @Test func aVoidIsOfTheWholePaymentAndOnlyBeforeTheCutOff() async throws {
    try await Self.withPaid { service, session, paid in
      let lee = try await service.addAdministrator("Lee", [.operator])
      await expectRefusal("INVALID_FIELD", field: "amount") { _ = try await service.request(.void, paid.payment, 5) }
      let asked = try await service.request(.void, paid.payment, 0)
      #expect(asked.amount == 12_900)
      service.clock.advanceWall(milliseconds: 24 * 3_600_000)
      await expectRefusal("CUT_OFF_PASSED", field: "kind") { _ = try await service.request(.void, paid.payment, 0) }
      service.clock.advanceWall(milliseconds: -24 * 3_600_000)
      let done = try await service.confirmed(asked.number, by: lee)
      #expect(done.state == .done)
      #expect(try await session.payment(key: paid.key)?.state == .voided)
    }
  }

  @Test func whatNobodyConfirmsInTimeExpires() async throws {
    try await Self.withPaid { service, _, paid in
      let lee = try await service.addAdministrator("Lee", [.operator])
      let late = try await service.request(.refund, paid.payment, 100)
      let swept = try await service.request(.refund, paid.payment, 100)
      service.clock.advanceWall(milliseconds: 30 * 60_000)
      await expectRefusal("OPERATION_NOT_WAITING", field: "operation") { _ = try await lee.confirm(late.number) }
      await service.keepHouse()
      let states = try await service.operations(of: paid.payment).map(\.state)
      #expect(states == [.expired, .expired])
      await expectRefusal("OPERATION_NOT_WAITING", field: "operation") { _ = try await lee.confirm(swept.number) }
    }
  }

  @Test func aRefundWithoutAnAnswerIsSettledByHand() async throws {
    try await Self.withPaid { service, _, paid in
      let lee = try await service.addAdministrator("Lee", [.operator])
      let asked = try await service.request(.refund, paid.payment, 152)
      _ = try await lee.confirm(asked.number)
      try await service.waitForOperation(of: paid.payment, .sending)
      service.clock.advance(milliseconds: 10_001)
      try await service.waitForOperation(of: paid.payment, .unknown)
      await expectRefusal("SECOND_ADMINISTRATOR_REQUIRED", field: "operation") {
        _ = try await service.administrator().settle(asked.number)
      }
      let settled = try await lee.settle(asked.number)
      #expect(settled.state == .done)
      await expectRefusal("OPERATION_NOT_WAITING", field: "operation") { _ = try await lee.settle(asked.number) }
    }
  }

  @Test func whatTheAcquirerRefusesMayBeAskedForAgain() async throws {
    try await Self.withPaid { service, session, paid in
      let lee = try await service.addAdministrator("Lee", [.operator])
      let asked = try await service.request(.refund, paid.payment, 12_851)
      let refused = try await service.confirmed(asked.number, by: lee)
      #expect(refused.state == .refused && refused.responseCode == "51")
      #expect(try await session.payment(key: paid.key)?.state == .approved)
      _ = try await service.request(.refund, paid.payment, 12_900)
    }
  }

  @Test func theSameRequestAgainIsTheSameOperation() async throws {
    try await Self.withPaid { service, _, paid in
      let key = randomBytes(16)
      let first = try await service.request(.refund, paid.payment, 100, key: key)
      let second = try await service.request(.refund, paid.payment, 100, key: key)
      #expect(first == second)
      await expectRefusal("IDEMPOTENCY_KEY_REUSED", field: "idempotency_key") {
        _ = try await service.request(.refund, paid.payment, 101, key: key)
      }
      await expectRefusal("PAYMENT_NOT_FOUND", field: "payment") { _ = try await service.request(.refund, 999_999, 1) }
      await expectRefusal("OPERATION_NOT_FOUND", field: "operation") {
        _ = try await service.administrator().confirm(999_999)
      }
    }
  }

  @Test func whatWasNotChargedIsNotGivenBack() async throws {
    try await TestService.withKim { service, kim in
      let declined = try await kim.login().pay(.test, card: .test("4000000000000515"))
      await expectRefusal("PAYMENT_NOT_CHARGED", field: "payment") {
        _ = try await service.request(.refund, declined.payment, 1)
      }
    }
  }

  private struct Paid {
    let payment: UInt64
    let key: [UInt8]
  }

  private static func withPaid(_ body: (TestService, TerminalSession, Paid) async throws -> Void) async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      let result = try await session.pay(.test, card: .test(), key: key)
      try await body(service, session, Paid(payment: result.payment, key: key))
    }
  }
}

extension TestService {
  func request(
    _ kind: OperationKind, _ payment: UInt64, _ amount: UInt64, key: [UInt8] = randomBytes(16)
  ) async throws -> PaymentOperation {
    var request = RequestOperationRequest()
    (request.kind, request.payment, request.amount, request.idempotencyKey) = (kind, payment, amount, key)
    return try await administrator().run { [request] in try await $0.requestOperation(request).operation } ?? .init()
  }

  func operations(of payment: UInt64) async throws -> [PaymentOperation] {
    var request = ListOperationsRequest()
    request.payment = payment
    return try await administrator().run { [request] in try await $0.listOperations(request).operations }
  }

  /// Waits until the only operation of a payment stands there.
  func waitForOperation(of payment: UInt64, _ state: OperationState) async throws {
    while try await operations(of: payment).first?.state != state { try await Task.sleep(for: .milliseconds(20)) }
  }

  /// Confirms, and waits until the acquirer has answered.
  func confirmed(_ number: UInt64, by administrator: Administrator) async throws -> PaymentOperation {
    var found = try await administrator.confirm(number)
    while found.state == .confirmed || found.state == .sending {
      try await Task.sleep(for: .milliseconds(20))
      found = try #require(try await operations(of: found.payment).first { $0.number == number })
    }
    return found
  }
}

extension Administrator {
  func confirm(_ number: UInt64) async throws -> PaymentOperation {
    var request = ConfirmOperationRequest()
    request.operation = number
    return try await run { [request] in try await $0.confirmOperation(request).operation } ?? .init()
  }

  func settle(_ number: UInt64) async throws -> PaymentOperation {
    var request = SettleOperationRequest()
    (request.operation, request.isDone) = (number, true)
    return try await run { [request] in try await $0.settleOperation(request).operation } ?? .init()
  }
}
