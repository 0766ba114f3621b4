import NIOCore
import NIOPosix
import Synchronization
import TLS
import TestCertificates
import Testing
import Wire

@testable import CountersignRPC

/// `RPCClient` over TLS to `RPCServer`.
@Suite(.timeLimit(.minutes(1))) struct ClientTests {
  private func failure(_ client: RPCClient, _ method: String, _ request: [UInt8] = [], _ options: CallOptions) async
    -> RPCStatus?
  {
    do {
      _ = try await client.call(method, request, options: options)
      return nil
    } catch {
      return error
    }
  }

  @Test func theDeadlineEndsACallOnBothSides() async throws {
    let witness = Witness()
    try await withServer(methods: testMethods(witness)) { port, _ in
      let client = try makeClient(port: port)
      _ = try await client.call("/test.Echo/Async", [], options: .standard)
      let status = await failure(client, "/test.Echo/Slow", [], CallOptions(timeoutMicroseconds: 100_000))
      #expect(status?.code == .deadlineExceeded)
      try await eventually { witness.now.slowCancelled == 1 }
      await client.close()
    }
  }

  @Test func cancellingTheTaskCancelsTheCallOnTheServer() async throws {
    let witness = Witness()
    try await withServer(methods: testMethods(witness)) { port, _ in
      let client = try makeClient(port: port)
      let task = Task { try await client.call("/test.Echo/Slow", [], options: .standard) }
      try await eventually { witness.now.slowStarted == 1 }
      task.cancel()
      let result = await task.result
      #expect(throws: RPCStatus.cancelled) { try result.get() }
      try await eventually { witness.now.slowCancelled == 1 }
      #expect(try await client.call("/test.Echo/Async", [9], options: .standard) == [9])
      await client.close()
    }
  }

  @Test func aCallCancelledBeforeItBeganIsNotSent() async throws {
    let witness = Witness()
    try await withServer(methods: testMethods(witness)) { port, _ in
      let client = try makeClient(port: port)
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await client.call("/test.Echo/Slow", [], options: .standard)
      }
      let result = await task.result
      #expect(throws: RPCStatus.self) { try result.get() }
      #expect(witness.now.slowStarted == 0)
      await client.close()
    }
  }

  @Test func callsOverTheServersLimitWaitTheirTurn() async throws {
    try await withServer(limits: .test(\.maxOpenCalls, 16)) { port, _ in
      let client = try makeClient(port: port)
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<200 {
          group.addTask { try await client.call("/test.Echo/Async", [UInt8(index)], options: .standard).count }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 200)
      await client.close()
    }
  }

  @Test func aRequestLargerThanBeforeHelloWaitsForIt() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let bytes = [UInt8](repeating: 3, count: 60_000)
      #expect(try await client.call("/test.Echo/InLoop", bytes, options: .standard) == bytes)
      await client.close()
    }
  }

  @Test func aRequestOverTheServersLimitIsNotSent() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let status = await failure(client, "/test.Echo/InLoop", [UInt8](repeating: 3, count: 70_000), .standard)
      #expect(status?.reason == "REQUEST_TOO_LARGE")
      #expect(status?.wasSent == false)
      await client.close()
    }
  }

  @Test func metadataReachesTheMethod() async throws {
    let witness = Witness()
    try await withServer(methods: testMethods(witness)) { port, _ in
      let client = try makeClient(port: port)
      let metadata = [MetadataEntry(key: "trace-id", value: [0, 255])]
      _ = try await client.call("/test.Echo/Async", [], options: CallOptions(metadata: metadata))
      #expect(witness.now.metadata == metadata)
      await client.close()
    }
  }

  @Test func metadataThatIsTooLargeOrIllegalIsNotSent() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let large = CallOptions(metadata: [MetadataEntry(key: "a", value: [UInt8](repeating: 1, count: 17_000))])
      let illegal = CallOptions(metadata: [MetadataEntry(key: "Capital", value: [])])
      for options in [large, illegal] {
        let status = await failure(client, "/test.Echo/Async", [], options)
        #expect(status?.code == .invalidArgument)
        #expect(status?.wasSent == false)
      }
      await client.close()
    }
  }

  @Test func bothSidesKnowTheOthersCertificates() async throws {
    let witness = Witness()
    try await withServer(methods: testMethods(witness)) { port, _ in
      let administrator = try TestTLS.authority.issue(.administrator)
      let client = try makeClient(port: port, tls: TestTLS.clientContext(administrator))
      _ = try await client.call("/test.Echo/Async", [], options: .standard)
      #expect(witness.now.peer?.certificates == administrator.chain)
      #expect(witness.now.peer?.remoteAddress == "127.0.0.1")
      #expect(try await client.peerCertificates().last == TestTLS.authority.root)
      #expect(client.serverTimeMilliseconds != nil)
      await client.close()
    }
  }

  @Test func aServerUnderAnotherRootIsNotTriedAgain() async throws {
    try await withServer { port, _ in
      let other = try TestAuthority()
      let client = try makeClient(port: port, tls: .client(verify: other.verification())) {
        $0.backoff.first = 3_600_000_000_000
        $0.backoff.longest = 3_600_000_000_000
      }
      let status = await failure(client, "/test.Echo/Async", [], .standard)
      #expect(status?.reason == "SERVER_UNTRUSTED")
      #expect(status?.wasSent == false)
      await client.close()
    }
  }

  @Test(
    "a server whose certificates are of another time is not tried again, and the clock is named",
    arguments: [(400, "CERTIFICATE_OVER"), (-400, "CLOCK_BEHIND")])
  func wrongClock(days: Int64, reason: String) async throws {
    let other = try TestAuthority(now: TLSContext.wallClock() - days * 86_400)
    let server = try other.issue(.server, dnsNames: ["localhost"], days: 30)
    let transport: RPCServer.Transport = { channel, connection in
      try channel.pipeline.syncOperations.addHandlers(TLSHandler(context: try server.server()), connection)
    }
    try await withServer(transport: transport) { port, _ in
      let client = try makeClient(port: port, tls: .client(verify: other.verification())) {
        $0.backoff.first = 3_600_000_000_000
        $0.backoff.longest = 3_600_000_000_000
      }
      let status = await failure(client, "/test.Echo/Async", [], .standard)
      #expect(status?.reason == reason && status?.wasSent == false, "\(status.map { "\($0)" } ?? "")")
      #expect(status?.text.contains("clock") == true)
      await client.close()
    }
  }

  @Test func aServerThatCannotBeReachedIsTriedAgainAndTold() async throws {
    let free = try await RawServer { _, _ in }
    let port = free.port
    try await free.close()
    let client = try makeClient(port: port) { $0.backoff.first = 1_000_000 }
    let status = await failure(client, "/test.Echo/Async", [], .standard)
    #expect(status?.code == .unavailable)
    #expect(status?.reason == "UNREACHABLE")
    #expect(status?.wasSent == false)
    await client.close()
  }

  @Test func theClientConnectsAgainAfterTheServerCameBack() async throws {
    var port = 0
    port = try await withServer { port, _ in
      port
    }
    let client = try makeClient(port: port) {
      $0.attempts = 1_000
      $0.backoff.first = 1_000_000
      $0.backoff.longest = 5_000_000
    }
    let early = Task { try await client.call("/test.Echo/Async", [1], options: .standard) }
    for value in [UInt8(2), 3] {
      let reply = try await withServer(port: port) { _, _ in
        if value == 2 { #expect(try await early.value == [1]) }
        return try await client.call("/test.Echo/Async", [value], options: .standard)
      }
      #expect(reply == [value])
    }
    await client.close()
  }

  @Test func aClosedClientRefusesCalls() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      _ = try await client.call("/test.Echo/Async", [], options: .standard)
      client.closeSoon()
      await client.close()
      #expect(await failure(client, "/test.Echo/Async", [], .standard)?.reason == "CLIENT_CLOSED")
    }
  }

  @Test func healthTellsThatTheServerServes() async throws {
    try await withServer { port, server in
      let client = try makeClient(port: port)
      func check() async throws -> HealthCheckReply {
        let bytes = try await client.call("/countersign.rpc.v1.Health/Check", [], options: .standard)
        return try HealthCheckReply(reply: bytes)
      }
      #expect(try await check().status == .serving)
      server.health.set("", isServing: false)
      #expect(try await check().status == .notServing)
      await client.close()
    }
  }
}
