import Listening
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization
import TLS

/// Serves the terminal and gateway programs over HTTPS on a port of its own, to people and to `update`.
///
/// It has its own event loop and threads, so that a download never waits for a payment or a payment for a download, and
/// only reads its folder: bundles are made and signed by `countersign-server bundle`.
public final class NetworkService: Service {
  /// What operators set.
  public struct Configuration: Sendable {
    /// Address to listen on.
    public var host: String
    /// TCP port; 0 takes any free one.
    public var port: UInt16
    /// Port that the page names; 0 means the port listened on.
    public var publicPort: UInt16
    /// Folder of the bundles; one that is not there is served as empty.
    public var folder: String
    /// Milliseconds for downloads to finish at the end.
    public var drainMilliseconds: Int64

    public init(
      host: String, port: UInt16, publicPort: UInt16 = 0, folder: String, drainMilliseconds: Int64 = 10_000
    ) {
      self.host = host
      self.port = port
      self.publicPort = publicPort
      self.folder = folder
      self.drainMilliseconds = drainMilliseconds
    }
  }

  /// The port that it listens on.
  public let port: UInt16
  private let listener: any Channel
  private let group: MultiThreadedEventLoopGroup
  private let readers: NIOThreadPool
  private let connections: Connections
  private let tls: CurrentContext
  private let drain: TimeAmount

  private init(
    listener: any Channel, group: MultiThreadedEventLoopGroup, readers: NIOThreadPool, connections: Connections,
    tls: CurrentContext, drain: TimeAmount
  ) {
    port = UInt16(listener.localAddress?.port ?? 0)
    self.listener = listener
    self.group = group
    self.readers = readers
    self.connections = connections
    self.tls = tls
    self.drain = drain
  }

  /// Starts to listen.
  ///
  /// - Parameter tls: of `TLSContext.server` with `ApplicationProtocol.http`.
  /// - Throws: what the socket says, for example that the address is in use.
  public static func start(
    _ configuration: Configuration, tls: TLSContext, service: ServedService, logger: Logger
  ) async throws -> NetworkService {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let readers = NIOThreadPool(numberOfThreads: NetworkLimits.readers)
    readers.start()
    let (connections, current) = (Connections(), CurrentContext(tls))
    let catalogue = Catalogue(folder: configuration.folder, service: service, logger: logger)
    do {
      let listener = try await bootstrap(group, connections, logger) { channel in
        let gate = RequestGate()
        try channel.pipeline.syncOperations.addHandlers(TLSHandler(context: current.value), gate)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
        try channel.pipeline.syncOperations.addHandler(
          ProgramConnection(catalogue: catalogue, readers: readers, gate: gate, logger: logger))
      }
      .bind(host: configuration.host, port: Int(configuration.port)).get()
      let service = NetworkService(
        listener: listener, group: group, readers: readers, connections: connections, tls: current,
        drain: .milliseconds(configuration.drainMilliseconds))
      catalogue.use(publicPort: configuration.publicPort == 0 ? service.port : configuration.publicPort)
      return service
    } catch {
      try? await readers.shutdownGracefully()
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private static func bootstrap(
    _ group: MultiThreadedEventLoopGroup, _ connections: Connections, _ logger: Logger,
    _ prepare: @escaping @Sendable (any Channel) throws -> Void
  ) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelInitializer { AcceptPause.add(to: $0, logger: logger) }
      .serverChannelOption(.backlog, value: 128)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard connections.insert(channel) else { throw ChannelError.operationUnsupported }
          try prepare(channel)
        }
      }
  }

  /// Connections that come from now on are shown these certificates.
  public func use(_ context: TLSContext) { tls.value = context }

  /// Serves until the service group or the task is told to stop, then stops.
  public func run() async throws {
    try? await gracefulShutdown()
    await stop()
  }

  /// Takes no more connections, lets downloads finish within the drain time, and closes all.
  public func stop() async {
    try? await listener.close()
    await connections.drain(within: drain, on: group.next())
    try? await readers.shutdownGracefully()
    try? await group.shutdownGracefully()
  }
}

/// The context that new connections get.
private final class CurrentContext: Sendable {
  private let current: Mutex<TLSContext>

  init(_ context: TLSContext) { current = Mutex(context) }

  var value: TLSContext {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }
}

/// Open connections, at most `NetworkLimits.connections`.
private final class Connections: Sendable {
  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var drained: EventLoopPromise<Void>?
  }

  private let state = Mutex(State())

  /// - Returns: whether there was room.
  func insert(_ channel: any Channel) -> Bool {
    let key = ObjectIdentifier(channel)
    let isIn = state.withLock { state in
      guard state.drained == nil, state.channels.count < NetworkLimits.connections else { return false }
      state.channels[key] = channel
      return true
    }
    if isIn { channel.closeFuture.whenComplete { _ in self.remove(key) } }
    return isIn
  }

  private func remove(_ key: ObjectIdentifier) {
    let drained = state.withLock { state in
      state.channels[key] = nil
      return state.channels.isEmpty ? state.drained : nil
    }
    drained?.succeed()
  }

  /// Lets answers finish, then closes what is left.
  func drain(within time: TimeAmount, on loop: any EventLoop) async {
    let promise = loop.makePromise(of: Void.self)
    let open = state.withLock { state in
      state.drained = promise
      return Array(state.channels.values)
    }
    if open.isEmpty { promise.succeed() }
    for channel in open { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    let limit = loop.scheduleTask(in: time) { for channel in open { channel.close(promise: nil) } }
    try? await promise.futureResult.get()
    limit.cancel()
  }
}
