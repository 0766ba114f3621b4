import Testing
import Wire

@testable import CountersignRPC

/// What a server answers to a peer that breaks the protocol, and that it goes on serving others.
@Suite(.timeLimit(.minutes(1))) struct ServerViolationTests {
  struct Violation: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let reason: String
    var testDescription: String { name }

    init(_ name: String, _ bytes: [UInt8], _ reason: String) {
      self.name = name
      self.bytes = bytes
      self.reason = reason
    }

    init(_ name: String, after hello: Bool = true, _ frames: [RawFrame], _ reason: String) {
      self.init(name, (hello ? [RawFrame.hello] + frames : frames).flatMap(\.encoded), reason)
    }
  }

  static let violations: [Violation] = [
    Violation("REQUEST before HELLO", after: false, [.request(1)], "HELLO_EXPECTED"),
    Violation(
      "PING before HELLO", after: false, [RawFrame(type: .ping, message: .init(repeating: 0, count: 8))],
      "HELLO_EXPECTED"),
    Violation("second HELLO", [.hello], "HELLO_EXPECTED"),
    Violation("first stream 3", [.request(3)], "STREAM_INVALID"),
    Violation("duplicate stream", [.request(1), .request(1)], "STREAM_INVALID"),
    Violation("decreasing stream", [.request(1), .request(3), .request(1)], "STREAM_INVALID"),
    Violation("stream left out", [.request(1), .request(5)], "STREAM_INVALID"),
    Violation("even stream", [.request(2)], "STREAM_INVALID"),
    Violation("REQUEST on stream 0", [.request(0)], "STREAM_INVALID"),
    Violation("CANCEL of a stream never opened", [RawFrame(type: .cancel, stream: 1)], "STREAM_INVALID"),
    Violation("RESPONSE from a client", [.response(1, [])], "FRAME_TYPE_UNKNOWN"),
    Violation("GOAWAY from a client", [.goAway(lastStream: 0)], "FRAME_TYPE_UNKNOWN"),
    Violation("unknown type", [RawFrame(type: FrameType(rawValue: 9), stream: 1)], "FRAME_TYPE_UNKNOWN"),
    Violation("HELLO that is no message", after: false, [RawFrame(type: .hello, meta: [0xff])], "META_INVALID"),
    Violation("HELLO with too small frames", after: false, [RawFrame(type: .hello, meta: [8, 100])], "HELLO_INVALID"),
    Violation("empty HELLO", after: false, [RawFrame(type: .hello)], "HELLO_INVALID"),
    Violation(
      "REQUEST whose meta is no message", [RawFrame(type: .request, stream: 1, meta: [0x0a, 0xff])],
      "META_INVALID"),
    Violation("method with NUL", [.init(type: .request, stream: 1, meta: [0x0a, 2, 0x2f, 0])], "META_INVALID"),
    Violation(
      "method of invalid UTF-8", [.init(type: .request, stream: 1, meta: [0x0a, 2, 0x2f, 0xff])],
      "META_INVALID"),
    Violation(
      "65 entries of metadata",
      [.init(type: .request, stream: 1, meta: (0..<65).flatMap { _ in [0x1a, 3, 0x0a, 1, 0x61] as [UInt8] })],
      "META_INVALID"),
    Violation(
      "metadata key in capitals", [.init(type: .request, stream: 1, meta: [0x1a, 3, 0x0a, 1, 0x41])],
      "META_INVALID"),
    Violation(
      "4 PINGs at once",
      (0..<4).map { _ in RawFrame(type: .ping, message: .init(repeating: 1, count: 8)) }, "PING_FLOOD"),
    Violation("HTTP", Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), "FOREIGN_PROTOCOL"),
    Violation("TLS inside TLS", [0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4], "FOREIGN_PROTOCOL"),
    Violation("length 2^31", [0x80, 0, 0, 0], "FRAME_TOO_LARGE"),
    Violation("length one over the limit", RawFrame.hello.encoded + [0, 1, 0, 1], "FRAME_TOO_LARGE"),
  ]

  @Test(arguments: violations) func isToldAndEndsOnlyItsConnection(_ violation: Violation) async throws {
    try await withServer(transport: Plaintext.server) { port, _ in
      let bad = try await RawConnection.connect(port: port)
      bad.send(violation.bytes)
      let goAway = try await bad.frame(.goAway)
      #expect(goAway.reason == violation.reason)
      try await eventually { bad.isEnded }
      bad.close()
      let client = makePlaintextClient(port: port)
      #expect(try await client.call("/test.Echo/InLoop", [1], options: .standard) == [1])
      await client.close()
    }
  }

  @Test func aFrameCutByTheEndOfInputIsAViolation() async throws {
    try await withServer(transport: Plaintext.server) { port, _ in
      let connection = try await RawConnection.connect(port: port)
      connection.send(RawFrame.hello.encoded + [0, 0, 0])
      connection.closeOutput()
      let goAway = try await connection.frame(.goAway)
      #expect(goAway.reason == "FRAME_INCOMPLETE")
    }
  }

  @Test func aPeerThatSaysNoHelloIsClosed() async throws {
    try await withServer(transport: Plaintext.server, limits: .test(\.helloTimeout, 50_000_000)) { port, _ in
      let connection = try await RawConnection.connect(port: port)
      let goAway = try await connection.frame(.goAway)
      #expect(goAway.reason == "HELLO_TIMEOUT")
    }
  }

  @Test func aFrameThatIsNeverFinishedIsClosed() async throws {
    try await withServer(transport: Plaintext.server, limits: .test(\.frameTimeout, 50_000_000)) { port, _ in
      let connection = try await RawConnection.connect(port: port)
      connection.send(RawFrame.hello.encoded + [0])
      let goAway = try await connection.frame(.goAway)
      #expect(goAway.reason == "FRAME_INCOMPLETE")
    }
  }

  @Test func anIdleConnectionIsClosed() async throws {
    try await withServer(transport: Plaintext.server, limits: .test(\.idleTimeout, 50_000_000)) { port, _ in
      let connection = try await RawConnection.connect(port: port)
      connection.send(.hello)
      let goAway = try await connection.frame(.goAway)
      #expect(goAway.reason == "IDLE_TIMEOUT")
    }
  }

  @Test func aPeerThatLeavesItsRepliesUnreadIsCut() async throws {
    try await withServer(transport: Plaintext.server, limits: .test(\.unreadOutputTimeout, 50_000_000)) { port, _ in
      let connection = try await RawConnection.connect(port: port)
      connection.send(.hello)
      _ = try await connection.frame(.hello)
      try await connection.stopReading()
      let bytes = [UInt8](repeating: 5, count: 60_000)
      for index in 0..<400 { connection.send(.request(UInt32(2 * index + 1), "/test.Echo/InLoop", bytes)) }
      let client = makePlaintextClient(port: port)
      #expect(try await client.call("/test.Echo/InLoop", [1], options: .standard) == [1])
      try await eventually { connection.isEnded }
      await client.close()
    }
  }
}
