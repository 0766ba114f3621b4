import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import CountersignRPC

/// TLS connections that are cut on the way.
@Suite(.timeLimit(.minutes(2))) struct CutTests {
  /// Carries bytes between a client and a server, and cuts both after a number of the client's bytes.
  final class CuttingProxy: Sendable {
    private let listener: any Channel
    private let carried: Carried

    private final class Carried: Sendable {
      let count = Atomic<Int>(0)
    }

    private final class Pipe: ChannelInboundHandler {
      typealias InboundIn = ByteBuffer
      private let other: any Channel
      private let limit: Int?
      private let carried: Carried

      init(other: any Channel, limit: Int?, carried: Carried) {
        self.other = other
        self.limit = limit
        self.carried = carried
      }

      func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard let limit else { return other.writeAndFlush(bytes, promise: nil) }
        let before = carried.count.add(bytes.readableBytes, ordering: .relaxed).oldValue
        let isOver = before + bytes.readableBytes > limit
        let part = bytes.getSlice(at: bytes.readerIndex, length: isOver ? max(0, limit - before) : bytes.readableBytes)
        let other = other
        let channel = context.channel
        other.writeAndFlush(part ?? ByteBuffer()).whenComplete { _ in
          guard isOver else { return }
          channel.close(promise: nil)
          other.close(promise: nil)
        }
      }

      func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
      func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// - Parameter limit: bytes of the client that get through.
    init(to port: Int, limit: Int) async throws {
      let carried = Carried()
      self.carried = carried
      let group = MultiThreadedEventLoopGroup.singleton
      listener = try await ServerBootstrap(group: group)
        .childChannelInitializer { client in
          ClientBootstrap(group: client.eventLoop)
            .channelInitializer { server in
              server.eventLoop.makeCompletedFuture {
                try server.pipeline.syncOperations.addHandler(Pipe(other: client, limit: nil, carried: carried))
              }
            }
            .connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { server in
              try client.pipeline.syncOperations.addHandler(Pipe(other: server, limit: limit, carried: carried))
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { listener.localAddress?.port ?? 0 }
    /// Bytes that the client has sent.
    var count: Int { carried.count.load(ordering: .relaxed) }
    func close() async throws { try await listener.close() }
  }

  @Test func aConnectionCutAtEveryByteOfACallIsAnErrorForItAlone() async throws {
    try await withServer { port, _ in
      let other = try makeClient(port: port)
      let whole = try await CuttingProxy(to: port, limit: .max)
      let first = try makeClient(port: whole.port)
      _ = try await first.call("/test.Echo/Async", [1, 2, 3], options: .standard)
      let total = whole.count
      await first.close()
      try await whole.close()
      #expect(total > 300)
      for limit in 0..<total {
        let proxy = try await CuttingProxy(to: port, limit: limit)
        let client = try makeClient(port: proxy.port) { $0.attempts = 1 }
        let status = await #expect(throws: RPCStatus.self) {
          try await client.call("/test.Echo/Async", [1, 2, 3], options: .standard)
        }
        #expect(status?.code == .unavailable)
        client.closeSoon()
        try await proxy.close()
      }
      #expect(try await other.call("/test.Echo/InLoop", [5], options: .standard) == [5])
      await other.close()
    }
  }
}
