import Testing
import Wire

@testable import CountersignRPC

/// The client's sign of life: a PING where calls are open and the line is silent (proto/PROTOCOL.md, "PING").
@Suite(.timeLimit(.minutes(1))) struct KeepAliveTests {
  private func client(_ server: RawServer, frameTimeout: UInt64 = ConnectionLimits.frameTimeout) -> RPCClient {
    makePlaintextClient(port: server.port) {
      $0.keepAlive = 200_000_000
      $0.limits.frameTimeout = frameTimeout
    }
  }

  /// HELLO of a server that announces one PING in 10 ms, so that the client's own time counts.
  private static let hello: RawFrame = {
    let limits = ConnectionConfiguration.test(\.minPingIntervalMilliseconds, 10)
    return RawFrame(type: .hello, meta: Meta.encodeHello(limits, isServer: true))
  }()

  @Test func aSilentConnectionWithACallIsAskedAndAnAnsweredPingKeepsIt() async throws {
    let server = try await RawServer { _, connection in
      connection.send(Self.hello)
      let request = try await connection.frame(.request)
      // Answers three PINGs before the call.
      for count in 1...3 {
        try await eventually { connection.isEnded || connection.frames.filter { $0.type == .ping }.count >= count }
        guard let ping = connection.frames.last(where: { $0.type == .ping }) else { return }
        connection.send(RawFrame(type: .ping, flags: .ack, message: ping.message))
      }
      connection.send(.response(request.stream, [7]))
    }
    let client = client(server)
    #expect(try await client.call("/x/Y", [1], options: .standard) == [7])
    let pings = server.connections[0].frames.filter { $0.type == .ping }
    #expect(pings.count >= 3)
    #expect(pings.allSatisfy { $0.message.count == 8 && $0.stream == 0 && !$0.flags.contains(.ack) })
    #expect(server.connections.count == 1)
    await client.close()
    try await server.close()
  }

  @Test func anUnansweredPingEndsTheConnectionAndTheCallIsUnknown() async throws {
    let server = try await RawServer { _, connection in connection.send(Self.hello) }
    let client = client(server, frameTimeout: 200_000_000)
    let status = await #expect(throws: RPCStatus.self) { try await client.call("/x/Y", [1], options: .standard) }
    #expect(status?.code == .unavailable)
    #expect(status?.wasSent == true)
    let connection = server.connections[0]
    #expect(connection.frames.filter { $0.type == .ping }.count == 1)
    try await eventually { connection.isEnded }
    await client.close()
    try await server.close()
  }

  @Test func aConnectionWithoutCallsIsNotAsked() {
    var machine = ClientConnectionMachine(limits: .test, keepAlive: 1, now: 0)
    _ = machine.received(FrameHeader(type: .hello, stream: 0, metaLength: 0, messageLength: 0), now: 0)
    _ = machine.receivedHello(maxLength: 65_536, maxOpenCalls: 1, pingIntervalMilliseconds: 0)
    #expect(machine.tick(now: 1_000_000_000) == .none)
    #expect(machine.open(length: 0) == .stream(1))
    #expect(machine.tick(now: 2_000_000_000) == .sendPing)
  }

  @Test func theServersIntervalCountsWhereItIsLonger() {
    var machine = ClientConnectionMachine(limits: .test, keepAlive: 1, now: 0)
    _ = machine.received(FrameHeader(type: .hello, stream: 0, metaLength: 0, messageLength: 0), now: 0)
    _ = machine.receivedHello(maxLength: 65_536, maxOpenCalls: 1, pingIntervalMilliseconds: 10_000)
    #expect(machine.open(length: 0) == .stream(1))
    #expect(machine.tick(now: 9_999_000_000) == .none)
    #expect(machine.tick(now: 10_000_000_000) == .sendPing)
  }
}
