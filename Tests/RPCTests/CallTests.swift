import Testing

@testable import CountersignRPC

/// Calls of `RPCClient` to `RPCServer` over loopback.
@Suite(.timeLimit(.minutes(1))) struct CallTests {
  @Test func anAsyncMethodAnswers() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let reply = try await client.call("/test.Echo/Async", [1, 2, 3], options: .standard)
      #expect(reply == [1, 2, 3])
      await client.close()
    }
  }

  @Test func anInLoopMethodAnswers() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let reply = try await client.call("/test.Echo/InLoop", [4, 5], options: .standard)
      #expect(reply == [4, 5])
      await client.close()
    }
  }

  @Test func aThousandCallsAtOnceAreAllAnswered() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port) { $0.connections = 3 }
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<1_000 {
          group.addTask {
            let bytes = withUnsafeBytes(of: UInt32(index).bigEndian) { Array($0) }
            let method = index % 2 == 0 ? "/test.Echo/Async" : "/test.Echo/InLoop"
            return try await client.call(method, bytes, options: .standard) == bytes ? 1 : 0
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 1_000)
      await client.close()
    }
  }

  @Test func aRefusalCarriesItsReason() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let status = await #expect(throws: RPCStatus.self) {
        try await client.call("/test.Echo/Refuse", [], options: .standard)
      }
      #expect(status?.code == .failedPrecondition)
      #expect(status?.reason == "SESSION_OVER")
      #expect(status?.facts == ["limit": "64"])
      #expect(status?.retryAfterMilliseconds == 1_250)
      #expect(status?.violations == [.init(field: "order.amount", description: "must be positive")])
      await client.close()
    }
  }

  @Test func anUnknownMethodIsUnimplemented() async throws {
    try await withServer { port, _ in
      let client = try makeClient(port: port)
      let status = await #expect(throws: RPCStatus.self) {
        try await client.call("/test.Echo/Nothing", [], options: .standard)
      }
      #expect(status?.code == .unimplemented)
      await client.close()
    }
  }
}
