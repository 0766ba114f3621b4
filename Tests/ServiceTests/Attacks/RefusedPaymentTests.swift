import Bytes
import CountersignRPC
import Cryptography
import Messages
import Seals
import Testing

@testable import CountersignClient

/// Sealed calls and payments that must be refused, directly and through the gateway. Source: docs/security.md,
/// "Threats".
@Suite struct RefusedPaymentTests {
  // MARK: Sessions

  @Test(arguments: Path.allCases) func sessionOfAnotherConsultant(_ path: Path) async throws {
    try await Site.with(path) { site in
      let kim = try await site.kim.login(over: site.channel)
      let lee = try await site.lee.login(over: site.channel)
      try await site.expectRefused("PROOF_INVALID", .unauthenticated, cause: "session of consultant 1") {
        var request = await lee.identityRequest()
        request.session = await kim.login.session.bytes
        _ = try await site.client.issueIdentity(request)
      }
      try await site.expectRefused("KEYWORD_REJECTED", .invalidArgument) {
        let payment = try await lee.sealed(as: kim.login.session)
        _ = try await site.client.submitPayment(payment)
      }
    }
  }

  @Test(arguments: Path.allCases) func sessionKnownButNoProof(_ path: Path) async throws {
    try await Site.with(path) { site in
      let kim = try await site.kim.login(over: site.channel)
      try await site.expectRefused("PROOF_INVALID", .unauthenticated, cause: "session of consultant 1") {
        var request = await kim.identityRequest()
        request.proof = randomBytes(32)
        _ = try await site.client.issueIdentity(request)
      }
      try await site.expectRefused("PROOF_INVALID", .unauthenticated, cause: "session of consultant 1") {
        var request = GetPaymentRequest()
        (request.session, request.sequence, request.proof) = (await kim.login.session.bytes, 77, randomBytes(32))
        request.idempotencyKey = kim.makeKey()
        _ = try await site.client.getPayment(request)
      }
      try await site.expectRefused("INVALID_FIELD", .invalidArgument) {
        var request = LogoutRequest()
        (request.session, request.sequence) = (await kim.login.session.bytes, 78)
        _ = try await site.client.logout(request)
      }
    }
  }

  /// A session made on one path and used on the other, by the one who holds its keys.
  @Test(arguments: Path.allCases) func callOnAnotherPath(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      let other = path == .gateway ? try site.direct() : try site.falseGateway()
      let client = CheckoutClient(other)
      _ = try await client.beginLogin(BeginLoginRequest())
      let before = try site.service.payments()
      let sealed = try await session.sealed()
      await expectRefusal("WRONG_PATH") { _ = try await client.submitPayment(sealed) }
      let identity = await session.identityRequest()
      await expectRefusal("WRONG_PATH") { _ = try await client.issueIdentity(identity) }
      let question = await session.question()
      await expectRefusal("WRONG_PATH") { _ = try await client.getPayment(question) }
      let logout = await session.logoutRequest()
      await expectRefusal("WRONG_PATH") { _ = try await client.logout(logout) }
      #expect(try site.service.payments() == before)
      let paths = path == .gateway ? "session of path 1" : "session of path 0"
      #expect(try site.service.journal().filter { $0.contains("WRONG_PATH") && $0.contains(paths) }.count == 4)
      // Its own path still serves it, and the other one others.
      let outcome = try await session.pay(.test, card: .test()).outcome
      #expect(outcome == .approved)
      _ = try await client.beginLogin(BeginLoginRequest())
      await other.close()
    }
  }

  @Test(arguments: Path.allCases) func identityIssuedAfterLogout(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      try await session.logout()
      try await site.expectRefused("SESSION_OVER", .unauthenticated) {
        _ = try await site.client.issueIdentity(await session.identityRequest())
      }
    }
  }

  // MARK: Second identities

  @Test(arguments: Path.allCases) func secondIdentityOfAnEarlierLogin(_ path: Path) async throws {
    try await Site.with(path) { site in
      let first = try await site.kim.login(over: site.channel)
      let former = try #require(await first.identityAndMAC)
      let second = try await site.kim.login(over: site.channel)
      try await site.expectRefused("IDENTITY_VOID", .failedPrecondition) {
        _ = try await site.client.submitPayment(try await second.sealed(under: former))
      }
    }
  }

  @Test(arguments: Path.allCases) func secondIdentityOfAnotherSession(_ path: Path) async throws {
    try await Site.with(path) { site in
      let kim = try await site.kim.login(over: site.channel)
      let lee = try await site.lee.login(over: site.channel)
      let others = try #require(await lee.identityAndMAC)
      try await site.expectRefused("IDENTITY_VOID", .failedPrecondition) {
        _ = try await site.client.submitPayment(try await kim.sealed(under: others))
      }
    }
  }

  @Test(arguments: Path.allCases) func secondIdentityAfterARestart(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      let sealed = try await session.sealed()
      await site.service.stop()
      try await site.service.start()
      try await site.gateway?.waitUntil(isServing: true)
      try await site.expectRefused("IDENTITY_REQUIRED", .failedPrecondition) {
        _ = try await site.client.submitPayment(sealed)
      }
    }
  }

  @Test(arguments: Path.allCases) func rightIdentityWithAnotherMACAddress(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      let right = try #require(await session.identityAndMAC)
      let other = SecretBytes(
        copying: right.withUnsafeBytes { Array($0.prefix(32)) } + [2, 0, 0, 0, 0, 9])
      try await site.expectRefused("DEVICE_CHANGED", .permissionDenied) {
        _ = try await site.client.submitPayment(try await session.sealed(under: other))
      }
    }
  }

  // MARK: Seals

  @Test(arguments: Path.allCases) func keywordMovedToAnotherOrder(_ path: Path) async throws {
    try await tampered(path, "KEYWORD_REJECTED") { $0.keyword = $1.keyword }
  }

  @Test(arguments: Path.allCases) func paymentMovedToAnotherKeyword(_ path: Path) async throws {
    try await tampered(path, "PAYMENT_SEAL_REJECTED") { $0.payment = $1.payment }
  }

  @Test(arguments: Path.allCases) func amountChangedOnTheWay(_ path: Path) async throws {
    try await tampered(path, "KEYWORD_REJECTED") { request, _ in
      var order = try PaymentOrder(decoding: request.order)
      order.amount = 1
      request.order = order.encoded()
    }
  }

  @Test(arguments: Path.allCases) func sequenceReplayed(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      let sealed = try await session.sealed()
      _ = try await site.client.submitPayment(sealed)
      try await site.expectRefused("REPLAYED", .alreadyExists) { _ = try await site.client.submitPayment(sealed) }
      let identity = await session.identityRequest()
      _ = try await site.client.issueIdentity(identity)
      try await site.expectRefused("REPLAYED", .alreadyExists) { _ = try await site.client.issueIdentity(identity) }
    }
  }

  @Test(arguments: Path.allCases) func paymentHeldPastItsTime(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      var order = Order.test
      order.validForMilliseconds = 5_000
      let held = try await session.sealed(order)
      site.service.clock.advance(milliseconds: 6_000)
      try await site.expectRefused("PAYMENT_EXPIRED", .failedPrecondition) { try await session.send(held) }
    }
  }

  @Test(arguments: Path.allCases) func sessionOfARevokedConsultant(_ path: Path) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      let sealed = try await session.sealed()
      _ = try await site.service.revoke(.consultant(1))
      try await site.expectRefused("SESSION_OVER", .unauthenticated) {
        _ = try await site.client.submitPayment(sealed)
      }
    }
  }

  // MARK: Administration

  @Test func administratorsCallsThroughAGateway() async throws {
    try await Site.with(.gateway) { site in
      let admin = AdminClient(site.channel)
      await expectRefusal("METHOD_UNKNOWN") { _ = try await admin.listCertificates(ListCertificatesRequest()) }
      await expectRefusal("METHOD_UNKNOWN") { _ = try await admin.addCompany(AddCompanyRequest()) }
      let channel = try site.falseGateway()
      defer { channel.closeSoon() }
      try await site.expectRefused(
        "ADMINISTRATOR_REQUIRED", .permissionDenied, cause: "/countersign.v1.Admin/Revoke", over: channel
      ) { _ = try await AdminClient(channel).revoke(RevokeRequest()) }
    }
  }

  // MARK: - Helpers

  /// Changes a sealed payment with parts of another one.
  private func tampered(
    _ path: Path, _ reason: String,
    _ change: (inout SubmitPaymentRequest, SubmitPaymentRequest) throws -> Void
  ) async throws {
    try await Site.with(path) { site in
      let session = try await site.kim.login(over: site.channel)
      var request = try await session.sealed()
      try change(&request, try await session.sealed())
      try await site.expectRefused(reason, .invalidArgument) { [request] in
        _ = try await site.client.submitPayment(request)
      }
    }
  }
}

extension Site {
  /// A connection past the gateway.
  func direct() throws -> RPCClient {
    RPCClient(
      host: "127.0.0.1", port: service.port,
      tls: try .client(
        verify: .init(rootFingerprint: kim.trusted.rootFingerprint, dnsName: nil, role: .server)))
  }
}

extension TerminalSession {
  /// A payment of this session that names another one.
  func sealed(as other: Bytes16) throws -> SubmitPaymentRequest {
    try sealed(under: try #require(identityAndMAC), naming: other)
  }

  /// A payment whose keyword holds, and whose card data is sealed under, another identity or MAC address.
  func sealed(under both: SecretBytes, naming other: Bytes16? = nil) throws -> SubmitPaymentRequest {
    let session = other ?? login.session
    let seals = PaymentSeals(keys: login.keys, session: session, leaf: login.leaf)
    seals.use(identityAndMAC: both)
    var order = message(.test, key: makeKey())
    (order.session, order.sequence) = (session.bytes, takeCall(CheckoutMethods.logout).sequence)
    let card = CardData.test().encoded()
    var request = SubmitPaymentRequest()
    request.order = order.encoded()
    request.keyword = [UInt8](repeating: 0, count: SealSize.keyword)
    request.payment = [UInt8](repeating: 0, count: card.count + SealSize.tag)
    request.order.withUnsafeBytes { bytes in
      both.withUnsafeBytes { both in
        request.keyword.withUnsafeMutableBytes {
          seals.sealKeyword(both, order: bytes, sequence: order.sequence, into: $0)
        }
      }
      request.keyword.withUnsafeBytes { keyword in
        card.withUnsafeBytes { card in
          request.payment.withUnsafeMutableBytes {
            seals.sealPayment(card, order: bytes, keyword: keyword, sequence: order.sequence, into: $0)
          }
        }
      }
    }
    return request
  }

  /// GetPayment that was not sent.
  func question() -> GetPaymentRequest {
    let call = takeCall(CheckoutMethods.getPayment)
    var request = GetPaymentRequest()
    (request.session, request.sequence, request.proof) = (login.session.bytes, call.sequence, call.proof)
    request.idempotencyKey = makeKey()
    return request
  }

  /// Logout that was not sent.
  func logoutRequest() -> LogoutRequest {
    let call = takeCall(CheckoutMethods.logout)
    var request = LogoutRequest()
    (request.session, request.sequence, request.proof) = (login.session.bytes, call.sequence, call.proof)
    return request
  }
}
