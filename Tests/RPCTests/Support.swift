import Logging
import NIOCore
import NIOPosix

@testable import CountersignRPC

/// A transport without TLS, for what does not depend on it.
enum Plaintext {
  static let server: RPCServer.Transport = { channel, connection in
    try channel.pipeline.syncOperations.addHandlers(PlaintextStart(started: { connection.start(peer: $0) }), connection)
  }

  static let client: ClientTransport = { channel, connection in
    try channel.pipeline.syncOperations.addHandlers(PlaintextStart(started: { _ in connection.start() }), connection)
  }
}

/// Starts the handler behind it as TLS does when its handshake is complete.
final class PlaintextStart: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let started: (Peer) -> Void

  init(started: @escaping (Peer) -> Void) {
    self.started = started
  }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    started(Peer(remoteAddress: context.remoteAddress?.ipAddress ?? ""))
  }
}

/// Answers each request with itself, from `readComplete`.
final class EchoHandler: InLoopHandler {
  private unowned let loop: ServerLoop
  private var waiting: [(InLoopCall, [UInt8])] = []

  init(_ loop: ServerLoop) {
    self.loop = loop
  }

  func receive(_ call: InLoopCall, _ request: UnsafeRawBufferPointer) {
    waiting.append((call, Array(request)))
  }

  func readComplete() {
    for (call, bytes) in waiting { loop.respond(call) { $0.writeBytes(bytes) } }
    waiting = []
  }
}

/// The methods that tests call.
func testMethods() -> MethodTable {
  var table = MethodTable()
  table.add("/test.Echo/Async") { request, _ in request }
  table.addInLoop("/test.Echo/InLoop") { EchoHandler($0) }
  table.add("/test.Echo/Slow") { _, _ in
    try await Task.sleep(for: .seconds(60))
    return []
  }
  table.add("/test.Echo/Refuse") { _, _ in
    throw RPCStatus(.failedPrecondition, "not now", reason: "SESSION_OVER")
  }
  return table
}

/// Runs a plaintext server while `body` runs.
func withServer<R: Sendable>(
  methods: MethodTable = testMethods(), limits: ConnectionConfiguration = .init(program: "test/1"),
  _ body: (Int, RPCServer) async throws -> R
) async throws -> R {
  var configuration = ServerConfiguration(host: "127.0.0.1", port: 0, program: "test/1", loops: 2)
  configuration.limits = limits
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let server = RPCServer(
    configuration: configuration, methods: methods, logger: logger, health: Health(), transport: Plaintext.server)
  let port = try await server.start()
  do {
    let result = try await body(port, server)
    await server.shutdown(drain: .seconds(1))
    return result
  } catch {
    await server.shutdown(drain: .seconds(1))
    throw error
  }
}

/// A plaintext client of a server at `port`.
func makeClient(port: Int, _ change: (inout ClientConfiguration) -> Void = { _ in }) -> RPCClient {
  var configuration = ClientConfiguration(host: "127.0.0.1", port: port, program: "test/1")
  change(&configuration)
  return RPCClient(
    configuration: configuration, group: MultiThreadedEventLoopGroup.singleton, transport: Plaintext.client)
}
