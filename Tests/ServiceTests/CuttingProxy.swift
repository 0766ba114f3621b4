import NIOCore
import NIOPosix
import Synchronization

/// Forwards TCP to the service and cuts connections when a test says so: a bad line between terminal and service.
final class CuttingProxy: Sendable {
  private struct State {
    var cutsNextAnswer = false
    var cuts = 0
    /// Where new connections go instead.
    var elsewhere: UInt16?
  }
  private let state = Mutex(State())
  private let listener: any Channel
  let port: UInt16

  /// Listens on any free port; `target` gives the service's.
  init(target: @escaping @Sendable () -> UInt16) async throws {
    let box = Mutex<CuttingProxy?>(nil)
    let cut: @Sendable () -> Bool = { box.withLock { $0 }?.takeCut() ?? false }
    let destination: @Sendable () -> UInt16 = { box.withLock { $0 }?.state.withLock { $0.elsewhere } ?? target() }
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { inbound in
        ClientBootstrap(group: inbound.eventLoop)
          .channelInitializer { outbound in
            outbound.eventLoop.makeCompletedFuture {
              try outbound.pipeline.syncOperations.addHandler(Pipe(to: inbound, cut: cut))
            }
          }
          .connect(host: "127.0.0.1", port: Int(destination()))
          .flatMapThrowing { outbound in
            try inbound.pipeline.syncOperations.addHandler(Pipe(to: outbound, cut: { false }))
          }
          .flatMap { inbound.setOption(.autoRead, value: true) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = UInt16(listener.localAddress?.port ?? 0)
    box.withLock { $0 = self }
  }

  /// Drops the next bytes that the service sends, with their connection.
  func cutNextAnswer() { state.withLock { $0.cutsNextAnswer = true } }

  /// Leads new connections to another port.
  func lead(to port: UInt16) { state.withLock { $0.elsewhere = port } }

  /// Connections that were cut.
  var cuts: Int { state.withLock { $0.cuts } }

  func close() async { try? await listener.close() }

  private func takeCut() -> Bool {
    state.withLock { state in
      guard state.cutsNextAnswer else { return false }
      state.cutsNextAnswer = false
      state.cuts += 1
      return true
    }
  }
}

/// One direction.
private final class Pipe: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let other: any Channel
  private let cut: @Sendable () -> Bool

  init(to other: any Channel, cut: @escaping @Sendable () -> Bool) {
    self.other = other
    self.cut = cut
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if cut() {
      context.close(promise: nil)
      other.close(promise: nil)
    } else {
      other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
}
