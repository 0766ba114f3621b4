import CountersignRPC
import Messages
import Testing

@testable import CountersignClient

/// Ten failures, thirty minutes. Source: docs/security.md, "Lockout".
@Suite struct LockoutTests {
  @Test func tenFailuresAfterAGoodSignatureLockTheConsultantOut() async throws {
    try await lockedOut { _, kim in
      let status = await Self.status { _ = try await kim.login() }
      #expect(status?.reason == "LOCKED_OUT")
      let wait = status?.retryAfterMilliseconds ?? 0
      #expect((1_700_000...1_800_000).contains(wait))
      let told = status?.violations.first { $0.field == "consultant" }?.description ?? ""
      #expect(told.contains(/^1 is locked out until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/), "\(told)")
    }
  }

  @Test func aLockoutEndsAfterThirtyMinutes() async throws {
    try await lockedOut { service, kim in
      service.clock.advanceWall(milliseconds: 1_800_000)
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      let client = CheckoutClient(channel)
      let prepared = try Login(terminal: kim, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest()))
      _ = try await client.login(prepared.request)
    }
  }

  @Test func aLockoutOutlivesTheProcess() async throws {
    try await lockedOut { service, kim in
      await service.stop()
      try await service.start()
      await expectRefusal("LOCKED_OUT") { _ = try await kim.login() }
    }
  }

  @Test func anAdministratorUnlocksAConsultant() async throws {
    try await lockedOut { service, kim in
      var request = UnlockRequest()
      request.subject = .consultant(1)
      let reply = try await service.administrator().run { [request] in try await $0.unlock(request) }
      #expect(reply.wasLocked)
      _ = try await kim.login()
    }
  }

  @Test func othersOfTheSameAddressGetIn() async throws {
    try await lockedOut { service, _ in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      _ = try await service.enrol("lee", token: token, holding: "Acme").login()
    }
  }

  @Test func aGoodLoginForgetsNineFailures() async throws {
    try await TestService.withKim { _, kim in
      for _ in 0..<2 {
        try await Self.fail(kim, times: 9, reason: "DEVICE_CHANGED") { $0.macAddress = [2, 0, 0, 0, 0, 9] }
        try await kim.login().logout()
      }
    }
  }

  @Test func failuresBeforeAGoodSignatureLockTheSourceOut() async throws {
    try await sourceLockedOut { _, kim in
      let status = await Self.status { _ = try await kim.login() }
      #expect(status?.reason == "LOCKED_OUT")
      let told = status?.violations.first { $0.field == "source" }?.description ?? ""
      #expect(told.contains(/^127\.0\.0\.1 is locked out until \S+Z$/), "\(told)")
    }
  }

  /// Who shows a token that was used has its secret; nothing is tried out with it.
  @Test func tokensThatWereUsedLockNobodyOut() async throws {
    try await TestService.withKim { service, kim in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      _ = try await service.enrol("lee", token: token, holding: "Acme")
      for number in 0..<11 {
        await expectRefusal("TOKEN_USED") {
          _ = try await service.enrol("again\(number)", token: token, holding: "Acme")
        }
      }
      _ = try await kim.login()
    }
  }

  @Test func aSourcesLockoutOutlivesTheProcess() async throws {
    try await sourceLockedOut { service, kim in
      await service.stop()
      try await service.start()
      await expectRefusal("LOCKED_OUT") { _ = try await kim.login() }
    }
  }

  @Test func anAdministratorUnlocksASource() async throws {
    try await sourceLockedOut { service, kim in
      var request = UnlockRequest()
      request.subject = .source("127.0.0.1")
      let reply = try await service.administrator().run { [request] in try await $0.unlock(request) }
      #expect(reply.wasLocked)
      _ = try await kim.login()
    }
  }

  /// A terminal that was set up without the company's key tries on and on; its office can go on working.
  @Test func missingCompanyCertificatesLockNobodyOut() async throws {
    try await TestService.withKim { service, kim in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let lee = try await service.enrol("lee", token: token, holding: nil)
      for _ in 0..<11 { await expectRefusal("COMPANY_CERTIFICATE_REQUIRED") { _ = try await lee.login() } }
      _ = try await kim.login()
    }
  }

  @Test func aRevokedConsultantLocksNobodyOut() async throws {
    try await TestService.withKim { service, kim in
      let added = try await service.addConsultant("Lee", company: "Acme")
      let lee = try await service.enrol("lee", token: added.token, holding: "Acme")
      _ = try await service.revoke(.consultant(added.consultant))
      for _ in 0..<11 { await expectRefusal("REVOKED") { _ = try await lee.login() } }
      _ = try await kim.login()
    }
  }

  @Test(arguments: [
    ("127.0.0.1 behind 127.0.0.1", true), ("desk behind 127.0.0.1", false), ("127.0.0.1 behind ", false),
  ])
  func aSourceIsUnlockedByTheNameInTheJournal(_ name: String, _ isTaken: Bool) async throws {
    try await TestService.withKim { service, _ in
      var request = UnlockRequest()
      request.subject = .source(name)
      let administrator = try service.administrator()
      if isTaken {
        let reply = try await administrator.run { [request] in try await $0.unlock(request) }
        #expect(!reply.wasLocked)
      } else {
        await expectRefusal("INVALID_FIELD") {
          _ = try await administrator.run { [request] in try await $0.unlock(request) }
        }
      }
    }
  }

  @Test func aLiveSessionOfALockedSourceGoesOn() async throws {
    try await TestService.withKim { _, kim in
      let session = try await kim.login()
      try await Self.fail(kim, times: 10, reason: "WRONG_DESTINATION") { $0.serviceName = "pay.other" }
      let result = try await session.pay(.test, card: .test())
      #expect(result.outcome == .approved)
    }
  }

  // MARK: - Helpers

  private func lockedOut(_ body: (TestService, Terminal) async throws -> Void) async throws {
    try await TestService.withKim { service, kim in
      try await Self.fail(kim, times: 10, reason: "DEVICE_CHANGED") { $0.macAddress = [2, 0, 0, 0, 0, 9] }
      try await body(service, kim)
    }
  }

  private func sourceLockedOut(_ body: (TestService, Terminal) async throws -> Void) async throws {
    try await TestService.withKim { service, kim in
      try await Self.fail(kim, times: 10, reason: "WRONG_DESTINATION") { $0.serviceName = "pay.other" }
      try await body(service, kim)
    }
  }

  private static func fail(
    _ terminal: Terminal, times: Int, reason: String, _ change: (inout LoginStatement) -> Void
  ) async throws {
    let channel = try terminal.connect()
    defer { channel.closeSoon() }
    let client = CheckoutClient(channel)
    for _ in 0..<times {
      let prepared = try Login(terminal: terminal, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest()), altering: change)
      await expectRefusal(reason) { _ = try await client.login(prepared.request) }
    }
  }

  private static func status(_ body: () async throws -> Void) async -> RPCStatus? {
    do {
      try await body()
    } catch TerminalError.refused(let status) {
      return status
    } catch {
      return nil
    }
    return nil
  }
}
