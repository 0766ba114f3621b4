import Testing
import Wire

@testable import CountersignRPC

/// What a client repeats and what it does not, against servers written by hand.
@Suite(.timeLimit(.minutes(1))) struct ClientRepeatTests {
  /// A server whose first connection leaves every call out by GOAWAY; the others answer.
  private func leavingServer() async throws -> RawServer {
    try await RawServer { number, connection in
      connection.send(.hello)
      let request = try await connection.frame(.request)
      connection.send(number == 0 ? .goAway(lastStream: 0) : .response(request.stream, [7]))
    }
  }

  @Test func aCallThatGoAwayLeftOutIsRepeatedOnANewConnection() async throws {
    let server = try await leavingServer()
    let client = makePlaintextClient(port: server.port)
    #expect(try await client.call("/x/Y", [1], options: .standard) == [7])
    #expect(server.connections.count == 2)
    await client.close()
    try await server.close()
  }

  @Test func aSealedCallThatGoAwayLeftOutIsNotRepeatedButCertainlyDidNothing() async throws {
    let server = try await leavingServer()
    let client = makePlaintextClient(port: server.port)
    let status = await #expect(throws: RPCStatus.self) {
      try await client.call("/x/Y", [1], options: CallOptions(isSealed: true))
    }
    #expect(status?.code == .unavailable)
    #expect(status?.wasSent == false)
    await client.close()
    try await server.close()
  }

  @Test func aCallWithoutAnswerWhenTheConnectionEndsIsUnknownAndNotRepeated() async throws {
    let server = try await RawServer { _, connection in
      connection.send(.hello)
      _ = try await connection.frame(.request)
      connection.close()
    }
    let client = makePlaintextClient(port: server.port)
    let status = await #expect(throws: RPCStatus.self) { try await client.call("/x/Y", [1], options: .standard) }
    #expect(status?.code == .unavailable)
    #expect(status?.wasSent == true)
    #expect(server.connections.count == 1)
    await client.close()
    try await server.close()
  }

  @Test func openCallsBelowGoAwayAreStillAnswered() async throws {
    let server = try await RawServer { _, connection in
      connection.send(.hello)
      let request = try await connection.frame(.request)
      connection.send(.goAway(lastStream: request.stream), .response(request.stream, [8]))
    }
    let client = makePlaintextClient(port: server.port)
    #expect(try await client.call("/x/Y", [1], options: .standard) == [8])
    await client.close()
    try await server.close()
  }

  @Test func aServerThatHangsUpBeforeItsHelloIsTriedOnlyAsOftenAsAllowed() async throws {
    let server = try await RawServer { _, connection in connection.close() }
    let client = makePlaintextClient(port: server.port) { $0.backoff.first = 1_000_000 }
    // Larger than what may be sent before the HELLO, so it waits for one.
    let request = [UInt8](repeating: 1, count: 30_000)
    let status = await #expect(throws: RPCStatus.self) { try await client.call("/x/Y", request, options: .standard) }
    #expect(status?.wasSent == false)
    #expect(server.connections.count == 3)
    await client.close()
    try await server.close()
  }

  struct Violation: Sendable, CustomTestStringConvertible {
    let name: String
    let frames: [RawFrame]
    var testDescription: String { name }
  }

  static let violations = [
    Violation(name: "RESPONSE before HELLO", frames: [.response(1, [])]),
    Violation(name: "RESPONSE to a stream never opened", frames: [.hello, .response(3, [])]),
    Violation(name: "second RESPONSE", frames: [.hello, .response(1, []), .response(1, [])]),
    Violation(name: "second HELLO", frames: [.hello, .hello]),
    Violation(name: "REQUEST from a server", frames: [.hello, .request(1)]),
    Violation(name: "raised GOAWAY", frames: [.hello, .goAway(lastStream: 1), .goAway(lastStream: 3)]),
    Violation(name: "unknown type", frames: [.hello, RawFrame(type: FrameType(rawValue: 0x7f))]),
    Violation(name: "HELLO that allows no call", frames: [RawFrame(type: .hello, meta: [8, 0x80, 0x80, 4])]),
    Violation(name: "meta that is no message", frames: [.hello, RawFrame(type: .response, stream: 1, meta: [0xff])]),
  ]

  @Test(arguments: violations) func aServerThatBreaksTheProtocolIsLeft(_ violation: Violation) async throws {
    let server = try await RawServer { _, connection in
      _ = try await connection.frame(.request)
      connection.send(violation.frames.flatMap(\.encoded))
    }
    let client = makePlaintextClient(port: server.port) { $0.backoff.first = 1_000_000 }
    _ = try? await client.call("/x/Y", [1], options: .standard)
    try await eventually { server.connections.first?.isEnded == true }
    await client.close()
    try await server.close()
  }
}
