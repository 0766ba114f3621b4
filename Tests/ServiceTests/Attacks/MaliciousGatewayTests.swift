import CountersignRPC
import Messages
import Synchronization
import Testing

@testable import CountersignClient

/// A company's gateway that has been taken over. It can refuse and delay; it can neither change a payment nor lie about
/// one. Source: docs/security.md, "Gateway".
@Suite struct MaliciousGatewayTests {
  @Test func amountChangedByTheGateway() async throws {
    try await MaliciousGateway.withKim { gateway, service, kim in
      let session = try await kim.login()
      gateway.changeRequests { method, bytes in
        guard method == CheckoutMethods.submitPayment else { return bytes }
        var request = try SubmitPaymentRequest(decoding: bytes)
        var order = try PaymentOrder(decoding: request.order)
        order.amount *= 10
        request.order = order.encoded()
        return request.encoded()
      }
      await expectRefusal("KEYWORD_REJECTED") { _ = try await session.pay(.test, card: .test()) }
      #expect(try service.payments().isEmpty)
      #expect(try service.journal().contains { $0.contains("KEYWORD_REJECTED") })
      gateway.changeRequests { $1 }
      let outcome = try await session.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
    }
  }

  @Test func paymentHeldByTheGatewayPastItsTime() async throws {
    try await MaliciousGateway.withKim { gateway, service, kim in
      let session = try await kim.login()
      gateway.changeRequests { method, bytes in
        if method == CheckoutMethods.submitPayment { service.clock.advance(milliseconds: 61_000) }
        return bytes
      }
      await expectRefusal("PAYMENT_EXPIRED") { _ = try await session.pay(.test, card: .test()) }
      #expect(try service.payments().isEmpty)
      #expect(try service.journal().contains { $0.contains("PAYMENT_EXPIRED") })
    }
  }

  /// The payment is made; a false answer is not believed, and asking tells the truth.
  @Test func paymentsReplyChangedByTheGateway() async throws {
    try await MaliciousGateway.withKim { gateway, service, kim in
      let session = try await kim.login()
      gateway.changeReplies { method, bytes in
        guard method == CheckoutMethods.submitPayment else { return bytes }
        var reply = try SubmitPaymentReply(decoding: bytes)
        reply.body[0] ^= 1
        return reply.encoded()
      }
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved && result.amount == 12_900)
      #expect(try service.payments().count == 1)
    }
  }

  /// "Refused" from the gateway, after the payment went through.
  @Test func paymentThatTheGatewaySaysItRefused() async throws {
    try await MaliciousGateway.withKim { gateway, service, kim in
      let session = try await kim.login()
      gateway.changeReplies { method, bytes in
        guard method == CheckoutMethods.submitPayment else { return bytes }
        throw RPCStatus(.permissionDenied, "no", reason: "AMOUNT_OVER_LIMIT")
      }
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved)
      #expect(try service.payments().count == 1)
    }
  }

  /// "Refused" from the gateway, which keeps the payment and sends it when the terminal has been told.
  @Test func paymentThatTheGatewayKeepsForLater() async throws {
    try await MaliciousGateway.withKim { gateway, service, kim in
      let kept = Kept()
      let session = try await kim.login()
      gateway.changeRequests { method, bytes in
        guard method == CheckoutMethods.submitPayment else { return bytes }
        kept.set(bytes)
        throw RPCStatus(.permissionDenied, "no", reason: "AMOUNT_OVER_LIMIT")
      }
      await expectRefusal("AMOUNT_OVER_LIMIT") {
        _ = try await session.pay(.test, card: .test()) { Issue.record("nobody waits: \($0.cause)") }
      }
      gateway.changeRequests { $1 }
      let late = try SubmitPaymentRequest(decoding: kept.value)
      await expectRefusal("IDENTITY_VOID") { _ = try await session.client.submitPayment(late) }
      #expect(try service.payments().isEmpty)
    }
  }

  @Test func replyOfLoginChangedByTheGateway() async throws {
    try await MaliciousGateway.withKim { gateway, _, kim in
      gateway.changeReplies { method, bytes in
        guard method == CheckoutMethods.login else { return bytes }
        var reply = try LoginReply(decoding: bytes)
        reply.body[4] ^= 1
        return reply.encoded()
      }
      await expectUntrusted("the login's answer is not the service's") { _ = try await kim.login() }
    }
  }

  @Test func replyOfIssueIdentityChangedByTheGateway() async throws {
    try await MaliciousGateway.withKim { gateway, _, kim in
      gateway.changeReplies { method, bytes in
        guard method == CheckoutMethods.issueIdentity else { return bytes }
        var reply = try IssueIdentityReply(decoding: bytes)
        reply.box[4] ^= 1
        return reply.encoded()
      }
      await expectUntrusted("the second identity that came is not the service's") { _ = try await kim.login() }
    }
  }

  /// A sealing key of the gateway's own would let it open everything.
  @Test func sealingKeyOfTheGateway() async throws {
    try await MaliciousGateway.withKim { gateway, service, kim in
      gateway.changeReplies { method, bytes in
        guard method == CheckoutMethods.beginLogin else { return bytes }
        var reply = try BeginLoginReply(decoding: bytes)
        guard var signed = reply.sealingKey else { return bytes }
        var key = try SealingKey(decoding: signed.sealingKey)
        key.publicKey = [UInt8](repeating: 9, count: 32)
        signed.sealingKey = key.encoded()
        reply.sealingKey = signed
        return reply.encoded()
      }
      await expectUntrusted("the sealing key's signature does not fit") { _ = try await kim.login() }
      let sessions = try service.sessions()
      #expect(sessions.isEmpty)
    }
  }

  /// An answer to another question.
  @Test func answersSwappedByTheGateway() async throws {
    try await MaliciousGateway.withKim { gateway, _, kim in
      let session = try await kim.login()
      let paid = session.makeKey()
      _ = try await session.pay(.test, card: .test(), key: paid)
      gateway.changeRequests { method, bytes in
        guard method == CheckoutMethods.getPayment else { return bytes }
        var request = try GetPaymentRequest(decoding: bytes)
        request.idempotencyKey = paid
        return request.encoded()
      }
      await expectUntrusted("the answer is not the service's") { _ = try await session.payment(key: session.makeKey()) }
    }
  }

  private func expectUntrusted(
    _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
  ) async {
    let error = await #expect(throws: TerminalError.self, sourceLocation: sourceLocation) { try await body() }
    guard case .untrusted(let found)? = error, found.contains(text) else {
      Issue.record("not untrusted: \(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
  }
}

/// Bytes that a gateway kept.
private final class Kept: Sendable {
  private let bytes = Mutex<[UInt8]>([])
  var value: [UInt8] { bytes.withLock { $0 } }
  func set(_ new: [UInt8]) { bytes.withLock { $0 = new } }
}
