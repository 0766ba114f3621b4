import Listening
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TLS
import Wire

/// How a server listens.
public struct ServerConfiguration: Sendable {
  /// Address or host name to listen on.
  public var host: String
  /// 0: any free port.
  public var port: Int
  /// Event loops, one thread each.
  public var loops: Int
  /// Limits of each connection, and the program name for HELLO.
  public var limits: ConnectionConfiguration
  /// Connections that may be in their TLS handshake.
  public var handshakes = HandshakeLimits.standard

  /// Listens with the default limits on as many loops as there are cores.
  public init(host: String, port: Int, program: String, loops: Int = System.coreCount) {
    self.host = host
    self.port = port
    self.loops = loops
    limits = ConnectionConfiguration(program: program)
  }
}

/// Serves the methods of a table over TLS on several event loops.
public final class RPCServer: Sendable {
  /// Puts handlers in front of a connection; they fire `TLSHandshakeCompleted` or call `ServerConnection.start`.
  typealias Transport = @Sendable (any Channel, ServerConnection) throws -> Void

  private struct Running {
    let group: MultiThreadedEventLoopGroup
    let listener: any Channel
    let loops: [NIOLoopBound<ServerLoop>]
  }

  /// What the built-in health service tells.
  public let health: Health
  private let configuration: ServerConfiguration
  private let methods: MethodTable
  private let logger: Logger
  /// Nil with another transport than TLS.
  private let tls: CurrentTLS?
  private let transport: Transport
  private let running = Mutex<Running?>(nil)

  /// Makes a server; it listens once it is started.
  ///
  /// - Parameters:
  ///   - tls: of `TLSContext.server`.
  ///   - methods: without the health service, which is added.
  ///   - health: shared with those who tell whether a service takes calls.
  public convenience init(
    configuration: ServerConfiguration, tls: TLSContext, methods: MethodTable, logger: Logger,
    health: Health = Health()
  ) {
    var timeouts = TLSTimeouts()
    timeouts.handshake = Int64(clamping: configuration.limits.helloTimeout)
    let current = CurrentTLS(tls)
    let admission = Admission(limits: configuration.handshakes, logger: logger)
    self.init(configuration: configuration, methods: methods, logger: logger, health: health, tls: current) {
      [timeouts] channel, connection in
      let slot = try admission.handler(for: channel)
      let handler = TLSHandler(context: current.context, timeouts: timeouts)
      try channel.pipeline.syncOperations.addHandlers(handler, slot, connection)
    }
  }

  /// With another transport than TLS, for tests of what does not depend on it.
  init(
    configuration: ServerConfiguration, methods: MethodTable, logger: Logger, health: Health,
    tls: CurrentTLS? = nil, transport: @escaping Transport
  ) {
    precondition(configuration.limits.maxOpenCalls >= ConnectionLimits.maxOpenCallsBeforeHello)
    var methods = methods
    methods.addInLoop(Health.path) { HealthHandler(health: health, loop: $0) }
    health.add(servicesOf: methods)
    self.configuration = configuration
    self.methods = methods
    self.logger = logger
    self.health = health
    self.tls = tls
    self.transport = transport
  }

  /// Connections that come from now on are shown these certificates; those that are open go on.
  ///
  /// - Parameter context: of `TLSContext.server`.
  public func use(_ context: TLSContext) { tls?.context = context }

  /// Starts to listen.
  ///
  /// - Returns: the port.
  /// - Throws: what the socket says, for example that the address is in use.
  public func start() async throws -> Int {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loops)
    do {
      let loops = try await makeLoops(group)
      let listener = try await bootstrap(group, loops).bind(host: configuration.host, port: configuration.port).get()
      running.withLock { running in
        precondition(running == nil, "a server starts once")
        running = Running(group: group, listener: listener, loops: loops)
      }
      return listener.localAddress?.port ?? configuration.port
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  /// Stops: health says NOT_SERVING, clients get GOAWAY, open calls are finished within `drain`, then all is closed.
  public func shutdown(drain: Duration = .nanoseconds(Int64(ConnectionLimits.drainTime))) async {
    guard let running = running.withLock({ $0.take() }) else { return }
    health.startDrain()
    try? await running.listener.close()
    let drained = running.loops.map { loop in
      loop.eventLoop.flatSubmit { loop.value.drain() }
    }
    let nanoseconds = TimeAmount.nanoseconds(drain.nanoseconds)
    let limit = running.loops.map { loop in
      loop.eventLoop.scheduleTask(in: nanoseconds) { loop.value.stop() }
    }
    for future in drained { try? await future.get() }
    for task in limit { task.cancel() }
    for loop in running.loops { try? await loop.eventLoop.submit { loop.value.stop() }.get() }
    try? await running.group.shutdownGracefully()
  }

  /// Ends the connections whose peer `isRevoked` names, and tells them so: GOAWAY, open calls are finished, no new ones
  /// are taken.
  public func endConnections(ofRevoked isRevoked: @escaping @Sendable (Peer) -> Bool) async {
    for loop in running.withLock({ $0?.loops ?? [] }) {
      try? await loop.eventLoop.submit { loop.value.endConnections(ofRevoked: isRevoked) }.get()
    }
  }

  private func makeLoops(_ group: MultiThreadedEventLoopGroup) async throws -> [NIOLoopBound<ServerLoop>] {
    var loops: [NIOLoopBound<ServerLoop>] = []
    for (index, eventLoop) in group.makeIterator().enumerated() {
      let (methods, limits, logger) = (methods, configuration.limits, logger)
      let loop = try await eventLoop.submit {
        let loop = ServerLoop(
          index: UInt32(index), eventLoop: eventLoop, methods: methods, limits: limits, logger: logger)
        return NIOLoopBound(loop, eventLoop: eventLoop)
      }.get()
      loops.append(loop)
    }
    return loops
  }

  /// One listener; its connections go to the loops in turn. (A listener a loop with SO_REUSEPORT spreads few long
  /// connections badly: the kernel hashes, so 8 connections on 2 loops are often 6 and 2.)
  private func bootstrap(_ group: MultiThreadedEventLoopGroup, _ loops: [NIOLoopBound<ServerLoop>]) -> ServerBootstrap {
    let (transport, logger) = (transport, logger)
    return ServerBootstrap(group: group)
      .serverChannelInitializer { AcceptPause.add(to: $0, logger: logger) }
      .serverChannelOption(.backlog, value: 1_024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.recvAllocator, value: TransientReceiveBuffers())
      .childChannelOption(
        .writeBufferWaterMark,
        value: .init(low: ConnectionLimits.resumeUnreadOutput, high: ConnectionLimits.maxUnreadOutput)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
            preconditionFailure("a connection runs on a loop of its server")
          }
          try transport(channel, ServerConnection(loop: loop.value))
        }
      }
  }
}

/// The certificates that new connections are shown.
final class CurrentTLS: Sendable {
  private let current: Mutex<TLSContext>

  init(_ context: TLSContext) { current = Mutex(context) }

  var context: TLSContext {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }
}

extension Duration {
  /// Whole nanoseconds, between 0 and about 292 years.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, hasOverflown) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return seconds < 0 ? 0 : hasOverflown ? .max : product &+ attoseconds / 1_000_000_000
  }
}
