import Cryptography
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TLS
import TestCertificates

@testable import CountersignRPC

/// A transport without TLS, to send frames by hand.
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

/// What the methods of a test server saw.
final class Witness: Sendable {
  struct Seen {
    var slowStarted = 0
    var slowCancelled = 0
    var metadata: [MetadataEntry] = []
    var peer: Peer?
  }

  private let seen = Mutex(Seen())
  private let released = Mutex(false)

  var now: Seen { seen.withLock { $0 } }
  func note(_ body: (inout Seen) -> Void) { seen.withLock { body(&$0) } }
  /// Lets calls of "/test.Echo/Held" end.
  func release() { released.withLock { $0 = true } }
  var isReleased: Bool { released.withLock { $0 } }
}

/// The methods that tests call.
func testMethods(_ witness: Witness = Witness()) -> MethodTable {
  var table = MethodTable()
  table.add("/test.Echo/Async") { request, context in
    witness.note {
      $0.metadata = context.metadata
      $0.peer = context.peer
    }
    return request
  }
  table.addInLoop("/test.Echo/InLoop") { EchoHandler($0) }
  table.add("/test.Echo/Slow") { _, _ in
    witness.note { $0.slowStarted += 1 }
    do {
      try await Task.sleep(for: .seconds(600))
    } catch {
      witness.note { $0.slowCancelled += 1 }
      throw error
    }
    return []
  }
  table.add("/test.Echo/Held") { request, _ in
    witness.note { $0.slowStarted += 1 }
    while !witness.isReleased { try await Task.sleep(for: .milliseconds(1)) }
    return request
  }
  table.add("/test.Echo/Refuse") { _, _ in
    throw RPCStatus(
      .failedPrecondition, "not now", reason: "SESSION_OVER", facts: ["limit": "64"], retryAfterMilliseconds: 1_250,
      violations: [.init(field: "order.amount", description: "must be positive")])
  }
  table.add("/test.Echo/Large") { _, _ in [UInt8](repeating: 7, count: 100_000) }
  return table
}

extension ConnectionConfiguration {
  static let test = ConnectionConfiguration(program: "test/1")

  /// The default limits but for one.
  static func test<Value>(_ limit: WritableKeyPath<ConnectionConfiguration, Value>, _ value: Value) -> Self {
    var limits = test
    limits[keyPath: limit] = value
    return limits
  }
}

/// Runs a server while `body` runs.
func withServer<R: Sendable>(
  methods: MethodTable = testMethods(), port: Int = 0, transport: @escaping RPCServer.Transport = TestTLS.server,
  limits: ConnectionConfiguration = .test, _ body: (Int, RPCServer) async throws -> R
) async throws -> R {
  var configuration = ServerConfiguration(host: "127.0.0.1", port: port, program: "test/1", loops: 2)
  configuration.limits = limits
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let server = RPCServer(
    configuration: configuration, methods: methods, logger: logger, health: Health(), transport: transport)
  let port = try await server.start()
  do {
    let result = try await body(port, server)
    await server.shutdown(drain: .zero)
    return result
  } catch {
    await server.shutdown(drain: .zero)
    throw error
  }
}

/// One authority and server identity for all tests.
enum TestTLS {
  private static let made = Result { () throws -> (TestAuthority, TestIdentity) in
    let authority = try TestAuthority()
    return (authority, try authority.issue(.server))
  }

  static var authority: TestAuthority { get throws { try made.get().0 } }

  static func clientContext(_ identity: TestIdentity? = nil) throws -> TLSContext {
    try .client(verify: made.get().0.verification(), chain: identity?.chain ?? [], key: identity?.key)
  }

  static func serverContext() throws -> TLSContext {
    try made.get().1.server(clientAnchors: [made.get().0.root])
  }

  static let server: RPCServer.Transport = { channel, connection in
    let tls = TLSHandler(context: try serverContext())
    try channel.pipeline.syncOperations.addHandlers(tls, connection)
  }
}

/// A client of a TLS server at `port`.
func makeClient(
  port: Int, tls: TLSContext? = nil, _ change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> RPCClient {
  var configuration = ClientConfiguration(host: "127.0.0.1", port: port, program: "test/1")
  change(&configuration)
  return RPCClient(configuration: configuration, tls: try tls ?? TestTLS.clientContext())
}

/// A client without TLS.
func makePlaintextClient(port: Int, _ change: (inout ClientConfiguration) -> Void = { _ in }) -> RPCClient {
  var configuration = ClientConfiguration(host: "127.0.0.1", port: port, program: "test/1")
  change(&configuration)
  return RPCClient(
    configuration: configuration, group: MultiThreadedEventLoopGroup.singleton, transport: Plaintext.client)
}

/// Waits for something that must come; the test's time limit ends the wait.
func eventually(_ condition: @Sendable () -> Bool) async throws {
  while !condition() { try await Task.sleep(for: .milliseconds(1)) }
}
