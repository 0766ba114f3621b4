import Cryptography
import NIOCore
import NIOPosix
import Synchronization
import TestCertificates

@testable import TLS

/// What happened on one connection over loopback, seen from any thread.
final class Events: Sendable {
  struct State {
    var bytes: [UInt8] = []
    var peerChain: [Certificate]?
    var error: TLSError?
    var isInputClosed = false
    var isInactive = false
  }

  private let state = Mutex(State())

  var now: State { state.withLock { $0 } }
  func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
}

/// Records everything; sends back what it gets where it is told to.
final class EventHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let events: Events
  private let isEcho: Bool

  init(_ events: Events, isEcho: Bool) {
    self.events = events
    self.isEcho = isEcho
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    events.change { $0.bytes += Array(buffer: bytes) }
    if isEcho { context.writeAndFlush(wrapOutboundOut(bytes), promise: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? TLSHandshakeCompleted { events.change { $0.peerChain = event.peerChain } }
    guard case ChannelEvent.inputClosed = event else { return }
    events.change { $0.isInputClosed = true }
    if isEcho { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    events.change { $0.error = $0.error ?? error as? TLSError }
  }

  func channelInactive(context: ChannelHandlerContext) { events.change { $0.isInactive = true } }
}

/// An echo server of one test; `events` are those of its connections together.
struct EchoServer {
  let events = Events()
  let port: Int
  private let listener: any Channel

  init(
    _ context: TLSContext, timeouts: TLSTimeouts = TLSTimeouts(), recordsPerKey: UInt64 = Session.recordsPerKey
  ) async throws {
    let events = events
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let tls = TLSHandler(context: context, timeouts: timeouts, recordsPerKey: recordsPerKey)
          try channel.pipeline.syncOperations.addHandlers(tls, EventHandler(events, isEcho: true))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = listener.localAddress?.port ?? 0
  }

  func close() async throws { try await listener.close() }
}

/// Connects with TLS to a port of this machine.
func connect(
  _ context: TLSContext, port: Int, _ events: Events, recordsPerKey: UInt64 = Session.recordsPerKey
) async throws -> any Channel {
  try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let tls = TLSHandler(context: context, recordsPerKey: recordsPerKey)
        try channel.pipeline.syncOperations.addHandlers(tls, EventHandler(events, isEcho: false))
      }
    }
    .connect(host: "127.0.0.1", port: port).get()
}
