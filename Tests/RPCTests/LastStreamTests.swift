import Testing
import Wire

@testable import CountersignRPC

/// Stream ids rise by 2 and end near 2^32 (proto/PROTOCOL.md, "Calls"): the client changes to a new connection.
@Suite(.timeLimit(.minutes(1))) struct LastStreamTests {
  /// Streams that are left when a test begins; more than may be opened before the server's HELLO.
  private static let left: UInt32 = 40

  @Test func theLastStreamIsOddAndNothingIsOpenedAboveIt() {
    var machine = ClientConnectionMachine(
      limits: .test, keepAlive: .max, firstStream: ConnectionLimits.lastStream - 2 * 2, now: 0)
    #expect(machine.open(length: 0) == .stream(ConnectionLimits.lastStream - 4))
    #expect(machine.open(length: 0) == .stream(ConnectionLimits.lastStream - 2))
    #expect(machine.open(length: 0) == .unavailable)
    #expect(ConnectionLimits.lastStream % 2 == 1)
  }

  @Test func aConnectionAtItsLastStreamEndsOnceItsCallsAreAnswered() {
    var machine = ClientConnectionMachine(
      limits: .test, keepAlive: .max, firstStream: ConnectionLimits.lastStream - 2, now: 0)
    #expect(machine.open(length: 0) == .stream(ConnectionLimits.lastStream - 2))
    #expect(!machine.isFinished)
    machine.responded()
    #expect(machine.isFinished)
  }

  /// Every call is answered with its own request, on whatever stream and connection it comes.
  private func echoServer() async throws -> RawServer {
    try await RawServer { _, connection in
      connection.send(.hello)
      var answered = 0
      while !connection.isEnded {
        let requests = connection.frames.filter { $0.type == .request }
        for request in requests.dropFirst(answered) { connection.send(.response(request.stream, request.message)) }
        answered = requests.count
        try await Task.sleep(for: .milliseconds(1))
      }
    }
  }

  @Test func callsGoOnOverANewConnectionAndNoneIsLost() async throws {
    let server = try await echoServer()
    let client = makePlaintextClient(port: server.port) { $0.firstStream = ConnectionLimits.lastStream - 2 * Self.left }
    let answers = try await withThrowingTaskGroup(of: (UInt8, [UInt8]).self) { group in
      for number in UInt8(0)..<200 {
        group.addTask { (number, try await client.call("/x/Y", [number], options: .standard)) }
      }
      return try await group.reduce(into: [UInt8: [UInt8]]()) { $0[$1.0] = $1.1 }
    }
    #expect(answers.count == 200)
    #expect(answers.allSatisfy { $0.value == [$0.key] })
    // Each connection begins near its end and takes `left` calls.
    #expect(server.connections.count == 200 / Int(Self.left))
    let streams = server.connections.flatMap { $0.frames.filter { $0.type == .request }.map(\.stream) }
    #expect(streams.count == 200, "a call was sent twice")
    #expect(streams.allSatisfy { $0 < ConnectionLimits.lastStream && $0 % 2 == 1 })
    await client.close()
    try await server.close()
  }

  @Test func aFullConnectionIsClosedByTheClientWhenItsCallsAreAnswered() async throws {
    let server = try await echoServer()
    let client = makePlaintextClient(port: server.port) { $0.firstStream = ConnectionLimits.lastStream - 2 * Self.left }
    for number in UInt8(0)..<100 {
      #expect(try await client.call("/x/Y", [number], options: .standard) == [number])
    }
    try await eventually { server.connections.filter(\.isEnded).count >= 2 }
    #expect(server.connections.count == 3)
    await client.close()
    try await server.close()
  }
}
