import Testing
import Wire

@testable import CountersignRPC

/// Legal frames, written by hand.
@Suite(.timeLimit(.minutes(1))) struct ServerFrameTests {
  private func withConnection(
    methods: MethodTable = testMethods(), limits: ConnectionConfiguration = .test,
    _ body: (RawConnection) async throws -> Void
  ) async throws {
    try await withServer(methods: methods, transport: Plaintext.server, limits: limits) { port, _ in
      let connection = try await RawConnection.connect(port: port)
      connection.send(.hello)
      _ = try await connection.frame(.hello)
      try await body(connection)
      connection.close()
    }
  }

  @Test func helloTellsTheLimits() async throws {
    try await withConnection(limits: .test(\.maxOpenCalls, 17)) { connection in
      let hello = try #require(connection.frames[0].meta.withUnsafeBytes { Meta.decodeHello($0) })
      #expect(connection.frames[0].type == .hello)
      #expect(hello.maxLength == 65_536)
      #expect(hello.maxOpenCalls == 17)
      #expect(hello.minPingIntervalMs == 10_000)
      #expect(hello.serverTimeMs > 1_700_000_000_000)
    }
  }

  @Test func aPlainOKHasNoMeta() async throws {
    try await withConnection { connection in
      connection.send(.request(1))
      let response = try await connection.frame(.response)
      #expect(response == .response(1, [1, 2, 3]))
    }
  }

  @Test func aCallByteByByteIsAnswered() async throws {
    try await withConnection { connection in
      for byte in RawFrame.request(1).encoded {
        connection.send([byte])
        await Task.yield()
      }
      let response = try await connection.frame(.response)
      #expect(response.message == [1, 2, 3])
    }
  }

  @Test func callsInOneWriteAreAllAnswered() async throws {
    try await withConnection { connection in
      connection.send((0..<500).flatMap { RawFrame.request(UInt32(2 * $0 + 1)).encoded })
      try await eventually { connection.frames.count == 501 }
      let answered = Set(connection.frames.dropFirst().map(\.stream))
      #expect(answered == Set(stride(from: UInt32(1), to: 1_001, by: 2)))
    }
  }

  @Test func ignorableTypesAndFlagsAreSkipped() async throws {
    try await withConnection { connection in
      connection.send(RawFrame(type: FrameType(rawValue: 0x80), stream: 4, meta: [1], message: [2]))
      var request = RawFrame.request(1)
      request.flags = FrameFlags(rawValue: 0xff)
      connection.send(request)
      let response = try await connection.frame(.response)
      #expect(response.status == nil)
    }
  }

  @Test func aPingIsAnsweredWithItsBytes() async throws {
    try await withConnection { connection in
      connection.send(RawFrame(type: .ping, message: Array("12345678".utf8)))
      let answer = RawFrame(type: .ping, flags: .ack, message: Array("12345678".utf8))
      let ping = try await connection.frame(.ping)
      #expect(ping == answer)
    }
  }

  @Test func aCancelledCallIsAnsweredOnceAndTheConnectionGoesOn() async throws {
    let witness = Witness()
    try await withConnection(methods: testMethods(witness)) { connection in
      connection.send(.request(1, "/test.Echo/Slow"))
      try await eventually { witness.now.slowStarted == 1 }
      connection.send(RawFrame(type: .cancel, stream: 1), RawFrame(type: .cancel, stream: 1))
      let response = try await connection.frame(.response)
      #expect(response.status?.code == .cancelled)
      connection.send(RawFrame(type: .cancel, stream: 1), .request(3))
      try await eventually { connection.frames.count == 3 }
      #expect(connection.frames[2] == .response(3, [1, 2, 3]))
    }
  }

  @Test func theDeadlineOfTheHeaderEndsACall() async throws {
    try await withConnection { connection in
      connection.send(.request(1, "/test.Echo/Slow", timeout: 1_000))
      let response = try await connection.frame(.response)
      #expect(response.status?.code == .deadlineExceeded)
    }
  }

  @Test func oneCallTooManyIsRefusedWithATimeToWait() async throws {
    try await withConnection(limits: .test(\.maxOpenCalls, 16)) { connection in
      for index in UInt32(0)...16 { connection.send(.request(2 * index + 1, "/test.Echo/Slow")) }
      let response = try await connection.frame(.response)
      #expect(response.stream == 33)
      #expect(response.status?.code == .resourceExhausted)
      #expect(response.status?.reason == "TOO_MANY_OPEN_CALLS")
      #expect(response.status?.retryAfterMilliseconds == 50)
    }
  }

  @Test func aReplyOverTheClientsLimitIsRefused() async throws {
    try await withConnection { connection in
      connection.send(.request(1, "/test.Echo/Large"))
      let response = try await connection.frame(.response)
      #expect(response.status?.reason == "REPLY_TOO_LARGE")
    }
  }

  @Test func anOpenCallIsAnsweredAfterTheClientClosedItsSide() async throws {
    let witness = Witness()
    try await withConnection(methods: testMethods(witness)) { connection in
      connection.send(.request(1, "/test.Echo/Held"))
      try await eventually { witness.now.slowStarted == 1 }
      connection.closeOutput()
      witness.release()
      let response = try await connection.frame(.response)
      #expect(response.message == [1, 2, 3])
      try await eventually { connection.isEnded }
    }
  }

  @Test func callsOfAConnectionThatIsResetAreCancelled() async throws {
    let witness = Witness()
    try await withConnection(methods: testMethods(witness)) { connection in
      for stream in [UInt32(1), 3] { connection.send(.request(stream, "/test.Echo/Slow")) }
      try await eventually { witness.now.slowStarted == 2 }
      try await connection.reset()
      try await eventually { witness.now.slowCancelled == 2 }
    }
  }

  @Test func aDrainingServerSaysGoAwayAndFinishesOpenCalls() async throws {
    let witness = Witness()
    try await withServer(methods: testMethods(witness), transport: Plaintext.server) { port, server in
      let connection = try await RawConnection.connect(port: port)
      connection.send(.hello, .request(1, "/test.Echo/Held"))
      try await eventually { witness.now.slowStarted == 1 }
      async let stopped: Void = server.shutdown(drain: .seconds(60))
      let goAway = try await connection.frame(.goAway)
      #expect(goAway.reason == "SHUTTING_DOWN")
      connection.send(.request(3, "/test.Echo/InLoop"))
      witness.release()
      let response = try await connection.frame(.response)
      #expect(response.stream == 1)
      try await eventually { connection.isEnded }
      #expect(connection.frames.filter { $0.type == .response }.count == 1)
      connection.close()
      await stopped
    }
  }

  @Test func aConnectionCutAtEveryByteOfACallHarmsNobody() async throws {
    try await withServer(transport: Plaintext.server) { port, _ in
      let other = makePlaintextClient(port: port)
      let bytes = RawFrame.hello.encoded + RawFrame.request(1, "/test.Echo/Async").encoded
      for count in 0...bytes.count {
        let connection = try await RawConnection.connect(port: port)
        connection.send(Array(bytes[..<count]))
        connection.close()
        #expect(try await other.call("/test.Echo/InLoop", [UInt8(count)], options: .standard) == [UInt8(count)])
      }
      await other.close()
    }
  }
}
