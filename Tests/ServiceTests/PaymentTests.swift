import Bytes
import CountersignRPC
import Cryptography
import Foundation
import Messages
import Testing

@testable import CountersignClient

/// Payments over the whole service. Source: docs/payments.md; docs/security.md, "SubmitPayment: the keyword".
@Suite struct PaymentTests {
  @Test(arguments: Path.allCases) func aSealedPaymentIsApprovedAndMasked(_ path: Path) async throws {
    try await withSession(path) { _, session in
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved)
      #expect(result.maskedCard == "411111******1111")
      #expect(result.amount == 12_900)
      #expect(result.orderReference == "A-1001")
    }
  }

  @Test(arguments: Path.allCases) func theSameKeyIsChargedOnceAndAnsweredTheSame(_ path: Path) async throws {
    try await withSession(path) { _, session in
      let key = session.makeKey()
      let first = try await session.pay(.test, card: .test(), key: key)
      let second = try await session.pay(.test, card: .test(), key: key)
      #expect(first == second)
    }
  }

  @Test func theSameKeyWithAnotherAmountIsRefused() async throws {
    try await withSession { _, session in
      let key = session.makeKey()
      _ = try await session.pay(.test, card: .test(), key: key)
      var other = Order.test
      other.amount += 1
      await expectRefusal("IDEMPOTENCY_KEY_REUSED") { [other] in
        _ = try await session.pay(other, card: .test(), key: key)
      }
    }
  }

  @Test func correctedPasswordDigitsGetTheFirstOutcome() async throws {
    try await withSession { _, session in
      let key = session.makeKey()
      let first = try await session.pay(.test, card: .test(), key: key)
      var card = CardData.test()
      card.passwordDigits = "99"
      let repeated = try await session.pay(.test, card: card, key: key)
      #expect(repeated == first)
    }
  }

  @Test(arguments: [
    ("amount", Order(reference: "A", amount: 0, currency: "KRW")),
    ("currency", Order(reference: "A", amount: 1, currency: "krw")),
    ("currency", Order(reference: "A", amount: 1, currency: "XXQ")),
    ("order_reference", Order(reference: "", amount: 1, currency: "KRW")),
    ("order_reference", Order(reference: "card 4111 1111 1111 1111", amount: 1, currency: "KRW")),
    ("instalment_months", Order(reference: "A", amount: 1, currency: "KRW", instalmentMonths: 37)),
  ])
  func aWrongOrderNamesItsField(_ field: String, _ order: Order) async throws {
    try await withSession { _, session in
      let error = await #expect(throws: TerminalError.self) { try await session.pay(order, card: .test()) }
      guard case .refused(let status)? = error else {
        Issue.record("not refused: \(String(describing: error))")
        return
      }
      #expect(status.reason == "INVALID_FIELD")
      #expect(status.violations.map(\.field) == ["order.\(field)"])
    }
  }

  @Test(arguments: ["4111111111111112", "41111111111", "4111x11111111111", "41111111111111111111"])
  func aWrongCardNumberIsRefusedWithoutTellingIt(_ number: String) async throws {
    try await withSession { _, session in
      let error = await #expect(throws: TerminalError.self) { try await session.pay(.test, card: .test(number)) }
      guard case .refused(let status)? = error else {
        Issue.record("not refused: \(String(describing: error))")
        return
      }
      #expect(status.violations.map(\.field) == ["card.card_number"])
      #expect(!"\(status)".contains(number))
    }
  }

  @Test func anExpiredCardIsRefused() async throws {
    try await withSession { _, session in
      var card = CardData.test()
      (card.expiryYear, card.expiryMonth) = (2_020, 1)
      await expectRefusal("INVALID_FIELD") { [card] in _ = try await session.pay(.test, card: card) }
    }
  }

  @Test(arguments: Path.allCases) func aRequestSentTwiceIsReplayed(_ path: Path) async throws {
    try await withSession(path) { _, session in
      let sealed = try await session.sealed()
      _ = try await session.client.submitPayment(sealed)
      await expectRefusal("REPLAYED") { _ = try await session.client.submitPayment(sealed) }
    }
  }

  @Test(arguments: [0, 31, 37, 53]) func anAlteredKeywordIsRejected(_ index: Int) async throws {
    try await refused("KEYWORD_REJECTED") { $0.keyword[index] ^= 1 }
  }

  @Test func anAlteredOrderIsRejected() async throws {
    try await refused("KEYWORD_REJECTED") { request in
      var order = try PaymentOrder(decoding: request.order)
      order.amount = 1
      request.order = order.encoded()
    }
  }

  @Test func alteredCardDataIsRejected() async throws {
    try await refused("PAYMENT_SEAL_REJECTED") { $0.payment[0] ^= 1 }
  }

  @Test func cardDataTooLongIsRejected() async throws {
    try await refused("PAYMENT_SEAL_REJECTED") { $0.payment += [UInt8](repeating: 0, count: 600) }
  }

  @Test func theKeywordOfAnotherPaymentIsRejected() async throws {
    try await withSession { _, session in
      let first = try await session.sealed()
      var second = try await session.sealed()
      second.keyword = first.keyword
      await expectRefusal("KEYWORD_REJECTED") { [second] in _ = try await session.client.submitPayment(second) }
    }
  }

  @Test func aPaymentUnderAFormerIdentityIsVoid() async throws {
    try await withSession { _, session in
      let sealed = try await session.sealed()
      try await session.issueIdentity()
      await expectRefusal("IDENTITY_VOID") { _ = try await session.client.submitPayment(sealed) }
    }
  }

  /// Payments side by side, of which one replaces the second identity while the others are on their way.
  @Test func paymentsGoOnWhileTheIdentityIsReplaced() async throws {
    try await withSession { _, session in
      try await withThrowingTaskGroup(of: UInt64.self) { group in
        for _ in 0..<4 {
          group.addTask {
            var last: UInt64 = 0
            for _ in 0..<20 { last = try await session.pay(.test, card: .test()).payment }
            return last
          }
        }
        for _ in 0..<10 {
          try await session.issueIdentity()
          try await Task.sleep(for: .milliseconds(20))
        }
        for try await payment in group { #expect(payment > 0) }
      }
    }
  }

  @Test func aPaymentOfAnUnknownSessionIsToldThatItIsOver() async throws {
    try await refused("SESSION_OVER") { request in
      var order = try PaymentOrder(decoding: request.order)
      order.session = randomBytes(16)
      request.order = order.encoded()
    }
  }

  @Test func aPaymentOfAnEndedSessionIsToldSo() async throws {
    try await TestService.withKim { service, kim in
      let channel = try kim.connect()
      let first = try await kim.login(over: channel)
      let sealed = try await first.sealed()
      let second = try await kim.login(over: channel)
      await expectRefusal("SESSION_OVER") { _ = try await first.client.submitPayment(sealed) }
      let another = try await second.sealed()
      try await second.logout()
      await expectRefusal("SESSION_OVER") { _ = try await second.client.submitPayment(another) }
      await channel.close()
      // A process that never knew it says the same.
      await service.stop()
      try await service.start()
      let later = try kim.connect()
      await expectRefusal("SESSION_OVER") { _ = try await CheckoutClient(later).submitPayment(another) }
      await later.close()
    }
  }

  @Test func sequenceZeroIsAWrongField() async throws {
    try await refused("INVALID_FIELD") { request in
      var order = try PaymentOrder(decoding: request.order)
      order.sequence = 0
      request.order = order.encoded()
    }
  }

  /// The seal over nothing at all opens; the card number is what is missing.
  @Test func sealedEmptyCardDataLacksACardNumber() async throws {
    try await withSession { _, session in
      let status = await #expect(throws: TerminalError.self) {
        _ = try await session.pay(.test, card: CardData())
      }
      guard case .refused(let status)? = status else {
        Issue.record("\(String(describing: status))")
        return
      }
      #expect(status.reason == "INVALID_FIELD" && status.violations.map(\.field) == ["card.card_number"])
    }
  }

  @Test func aHeldPaymentIsNotChargedLater() async throws {
    try await withSession { service, session in
      var order = Order.test
      order.validForMilliseconds = 5_000
      let sealed = try await session.sealed(order)
      service.clock.advance(milliseconds: 6_000)
      let answer = try await session.client.submitPayment(sealed.request)
      guard case .refusal(let refusal)? = await session.open(answer, to: sealed, key: sealed.key) else {
        let found = await session.open(answer, to: sealed, key: sealed.key)
        Issue.record("not refused: \(String(describing: found))")
        return
      }
      #expect(refusal.reason == "PAYMENT_EXPIRED")
    }
  }

  @Test func aSecondLoginEndsTheFirstSession() async throws {
    try await TestService.withKim { _, kim in
      let first = try await kim.login()
      let second = try await kim.login()
      let told = await #expect(throws: TerminalError.self) { _ = try await first.pay(.test, card: .test()) }
      guard case .sessionOver(let text)? = told else {
        Issue.record("\(told as Any)")
        return
      }
      let time = "at [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{12} UTC"
      #expect(try text.contains(Regex("the consultant has logged in again \(time), .*; log in again and ask for key")))
      let outcome = try await second.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
    }
  }

  @Test func aSessionEndsAfterFifteenIdleMinutes() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      service.clock.advance(milliseconds: 15 * 60_000)
      let sealed = try await session.sealed()
      await expectRefusal("SESSION_OVER") { _ = try await session.client.submitPayment(sealed) }
    }
  }

  @Test func anotherConsultantLearnsNothingOfAPayment() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      _ = try await session.pay(.test, card: .test(), key: key)
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let lee = try await service.enrol("lee", token: token, holding: "Acme").login()
      let others = try await lee.payment(key: key)
      #expect(others == nil)
      let own = try await session.payment(key: key)?.outcome
      #expect(own == .approved)
    }
  }

  @Test func aSecondTerminalOfTheConsultantLearnsTheOutcome() async throws {
    try await TestService.withKim { service, kim in
      let key = try await {
        let session = try await kim.login()
        let key = session.makeKey()
        _ = try await session.pay(.test, card: .test(), key: key)
        try await session.logout()
        return key
      }()
      var request = CreateTokenRequest()
      request.consultant = 1
      let token = try await service.administrator().run { [request] in try await $0.createToken(request).token }
      let second = try await service.enrol("kim-2", token: token, holding: "Acme").login()
      let outcome = try await second.payment(key: key)?.outcome
      #expect(outcome == .approved)
    }
  }

  // MARK: - Helpers

  private func refused(_ reason: String, _ change: (inout SubmitPaymentRequest) throws -> Void) async throws {
    try await withSession { _, session in
      var request = try await session.sealed()
      try change(&request)
      await expectRefusal(reason) { [request] in _ = try await session.client.submitPayment(request) }
      let outcome = try await session.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
    }
  }
}

/// A session of Kim.
func withSession(
  _ path: Path = .direct, _ body: (TestService, TerminalSession) async throws -> Void
) async throws {
  try await TestGateway.withKim(path) { service, _, kim in
    let session = try await kim.login()
    try await body(service, session)
    try await session.logout()
  }
}

/// A payment that was sealed and not sent.
struct TestPayment {
  let request: SubmitPaymentRequest
  let sequence: UInt64
  let digest: Bytes32
  let key: [UInt8]
}

extension TerminalSession {
  func sealed() throws -> SubmitPaymentRequest { try sealed(.test).request }

  func sealed(_ order: Order) throws -> TestPayment {
    let key = makeKey()
    let sealed = try sealAhead(order, key: key, card: .test())
    return TestPayment(request: sealed.request, sequence: sealed.sequence, digest: sealed.digest, key: key)
  }

  func open(_ reply: SubmitPaymentReply, to payment: TestPayment, key: [UInt8]) -> PaymentAnswer.Answer? {
    open(reply, sequence: payment.sequence, digest: payment.digest, key: own(key))
  }
}
