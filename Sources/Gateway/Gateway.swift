import CountersignClient
import CountersignRPC
import Listening
import Logging
import Messages
import NIOCore
import Policy
import ServiceLifecycle
import Synchronization
import TLS

/// The company terminal: serves the terminals of one company, countersigns their logins, and forwards their calls to the
/// service. It holds the company's key and neither second identities nor cards.
public final class Gateway: Service {
  /// What operators set.
  public struct Configuration: Sendable {
    /// Address to listen on.
    public var listenHost: String
    /// TCP port to listen on; 0 takes any free one.
    public var listenPort: UInt16
    /// Event loops; each is one thread.
    public var eventLoops: Int
    /// Connections to the service of each event loop.
    public var upstreamConnections = 2
    /// Most calls of each event loop that are open at the service; more wait at the gateway, and terminals are served
    /// in turn.
    public var upstreamCalls = 1_024
    /// Those of them that terminals of one address may have: three quarters.
    var upstreamCallsOfSource: Int { upstreamCalls - upstreamCalls / 4 }
    /// Most open calls of one connection of a terminal; more are refused with `TOO_MANY_OPEN_CALLS`.
    public var terminalCalls: UInt32 = 64
    /// Terminals' connections that may be in their TLS handshake.
    public var handshakes = HandshakeLimits.standard
    /// Milliseconds between two questions for the company's policy.
    public var policyMilliseconds: Int64 = 30_000
    /// Milliseconds for open calls to finish at the end.
    public var drainMilliseconds: Int64 = 10_000

    public init(listenHost: String, listenPort: UInt16, eventLoops: Int) {
      self.listenHost = listenHost
      self.listenPort = listenPort
      self.eventLoops = eventLoops
    }

    /// Name and version for HELLO and enrolment.
    public static let program = "countersign-gateway 1.0.0"

    func server() -> ServerConfiguration {
      var server = ServerConfiguration(
        host: listenHost, port: Int(listenPort), program: Self.program, loops: eventLoops)
      server.limits.maxOpenCalls = terminalCalls
      server.handshakes = handshakes
      return server
    }

    func client(host: String, port: Int) -> ClientConfiguration {
      var client = ClientConfiguration(host: host, port: port, program: Self.program)
      client.connections = upstreamConnections
      client.backoff = Self.backoff
      return client
    }

    /// Terminals wait for the service's return, so it is looked for often.
    static var backoff: Backoff {
      var backoff = Backoff()
      backoff.longest = 2_000_000_000
      return backoff
    }
  }

  /// Reads the gateway's folder, at start and on each reload.
  public typealias Reader = @Sendable () throws -> GatewayIdentity

  private let rpc: RPCServer
  private let loops: LoopTable
  private let watch: PolicyWatch
  private let read: Reader
  private let drain: Duration
  private let logger: Logger

  private init(
    _ rpc: RPCServer, _ loops: LoopTable, _ watch: PolicyWatch, _ read: @escaping Reader, drain: Duration,
    logger: Logger
  ) {
    self.rpc = rpc
    self.loops = loops
    self.watch = watch
    self.read = read
    self.drain = drain
    self.logger = logger
  }

  /// Listens for terminals and begins to connect to the service. Health says SERVING once the service is reached.
  ///
  /// - Parameters:
  ///   - read: gives the gateway's certificates and keys.
  /// - Returns: the gateway and the port that it listens on.
  /// - Throws: what `read` throws, ``ListenError``.
  public static func start(
    _ configuration: Configuration, logger: Logger, reading read: @escaping Reader
  ) async throws -> (gateway: Gateway, port: UInt16) {
    let identity = try read()
    let (health, rules) = (Health(), CurrentRules())
    let state = UpstreamState(loops: configuration.eventLoops, health: health, logger: logger)
    let watch = try PolicyWatch(
      identity, rules: rules, upstream: state, interval: .milliseconds(configuration.policyMilliseconds),
      logger: logger)
    let parts = GatewayParts(configuration: configuration, rules: rules, state: state, logger: logger)
    let loops = LoopTable(parts: parts, identity: identity, tls: try identity.client())
    var methods = MethodTable()
    for (index, method) in ForwardedMethod.all.enumerated() {
      methods.addInLoop(method.path) { loop in
        MethodForwarder(method: method, gateway: loops.gateway(of: loop), isLeading: index == 0)
      }
    }
    let rpc = RPCServer(
      configuration: configuration.server(), tls: try identity.server(), methods: methods, logger: logger,
      health: health)
    let port: UInt16
    do {
      port = UInt16(try await rpc.start())
    } catch {
      throw ListenError(
        host: configuration.listenHost, port: configuration.listenPort, option: "--port", hostOption: "--listen",
        cause: error)
    }
    watch.start()
    identity.warnWhereItEndsSoon(logger)
    let drain = Duration.milliseconds(configuration.drainMilliseconds)
    return (Gateway(rpc, loops, watch, read, drain: drain, logger: logger), port)
  }

  /// What the company allows, as the service told it last; nil: everything.
  var policy: CompanyPolicy? { watch.policy }

  /// Reads the folder again. New connections, of terminals and to the service, and new logins use what was read; open
  /// calls go on. Where it cannot be used, everything stays as it is.
  public func reload() async {
    do {
      let identity = try read()
      let (server, client) = (try identity.server(), try identity.client())
      rpc.use(server)
      await loops.use(identity, tls: client)
      try watch.use(identity)
      logger.notice("certificates read again")
      identity.warnWhereItEndsSoon(logger)
    } catch {
      logger.error("the certificates could not be read again; the former ones stay", metadata: ["error": "\(error)"])
    }
  }

  /// Serves until the service group or the task is told to stop, then stops.
  public func run() async throws {
    try? await gracefulShutdown()
    await stop()
  }

  /// Stops taking calls, lets open ones finish, and closes all connections.
  public func stop() async {
    await loops.stop()
    await watch.stop()
    await rpc.shutdown(drain: drain)
  }
}

/// The gateway's part on each event loop, made when the server starts.
private final class LoopTable: Sendable {
  private struct State {
    var identity: GatewayIdentity
    var tls: TLSContext
    var loops: [UInt32: NIOLoopBound<GatewayLoop>] = [:]
  }

  private let parts: GatewayParts
  private let state: Mutex<State>

  init(parts: GatewayParts, identity: GatewayIdentity, tls: TLSContext) {
    self.parts = parts
    state = Mutex(State(identity: identity, tls: tls))
  }

  /// Called on the loop itself.
  func gateway(of loop: ServerLoop) -> GatewayLoop {
    state.withLock { state in
      if let known = state.loops[loop.index] { return known }
      let bound = NIOLoopBound(
        GatewayLoop(parts: parts, identity: state.identity, tls: state.tls, loop: loop), eventLoop: loop.eventLoop)
      state.loops[loop.index] = bound
      return bound
    }.value
  }

  func use(_ identity: GatewayIdentity, tls: TLSContext) async {
    let loops = state.withLock { state in
      (state.identity, state.tls) = (identity, tls)
      return Array(state.loops.values)
    }
    for loop in loops { try? await loop.eventLoop.submit { loop.value.use(identity, tls: tls) }.get() }
  }

  func stop() async {
    for loop in state.withLock({ Array($0.loops.values) }) {
      try? await loop.eventLoop.submit { loop.value.stop() }.get()
    }
  }
}
