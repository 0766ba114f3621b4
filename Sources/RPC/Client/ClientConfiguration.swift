import NIOCore
import NIOPosix
import TLS
import Wire

/// Where a client connects to and how.
public struct ClientConfiguration: Sendable {
  /// Address or host name.
  public var host: String
  /// TCP port.
  public var port: Int
  /// Connections that calls are spread over.
  public var connections = 1
  /// Time of a call that brings none, microseconds.
  public var timeoutMicroseconds: UInt64 = CallLimits.defaultTimeoutMicroseconds
  /// Attempts to connect, or to be processed after a GOAWAY, before a call ends with `UNAVAILABLE`.
  public var attempts = 3
  /// Times between attempts to connect.
  public var backoff = Backoff()
  /// Longest wait for a TCP connection and its TLS handshake, nanoseconds.
  public var connectTimeout: UInt64 = ConnectionLimits.helloTimeout
  /// With calls open and no frame for this long, the server is asked for a sign of life, nanoseconds.
  public var keepAlive: UInt64 = 30_000_000_000
  /// Stream of the first call of each connection; tests begin near the last one.
  var firstStream: UInt32 = 1
  /// Limits of each connection, and the program name for HELLO.
  public var limits: ConnectionConfiguration

  /// One connection with the default limits.
  public init(host: String, port: Int, program: String) {
    self.host = host
    self.port = port
    limits = ConnectionConfiguration(program: program)
  }
}

/// Puts handlers in front of a connection; they fire `TLSHandshakeCompleted` or call `ClientConnection.start`.
typealias ClientTransport = @Sendable (any Channel, ClientConnection) throws -> Void

extension ClientConfiguration {
  /// TLS in front of each connection.
  func transport(_ tls: TLSContext) -> ClientTransport {
    var timeouts = TLSTimeouts()
    timeouts.handshake = Int64(clamping: connectTimeout)
    return { [timeouts] channel, connection in
      let handler = TLSHandler(context: tls, timeouts: timeouts)
      try channel.pipeline.syncOperations.addHandlers(handler, connection)
    }
  }

  /// Connects on `eventLoop`, where `delegate` lives.
  func connect(
    on eventLoop: any EventLoop, delegate: any ClientConnectionDelegate, transport: @escaping ClientTransport
  ) -> EventLoopFuture<ClientConnection> {
    let connection = ClientConnection(
      limits: limits, keepAlive: keepAlive, firstStream: firstStream, delegate: delegate)
    let bound = NIOLoopBound(connection, eventLoop: eventLoop)
    return ClientBootstrap(group: eventLoop)
      .connectTimeout(.nanoseconds(Int64(clamping: connectTimeout)))
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.recvAllocator, value: TransientReceiveBuffers())
      .channelOption(
        .writeBufferWaterMark,
        value: .init(low: ConnectionLimits.resumeUnreadOutput, high: ConnectionLimits.maxUnreadOutput)
      )
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try transport(channel, bound.value) }
      }
      .connect(host: host, port: port)
      .assumeIsolated()
      .map { _ in bound.value }
      .nonisolated()
  }
}
