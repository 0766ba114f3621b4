import NIOCore
import NIOPosix
import Synchronization
import TestCertificates
import Testing

@testable import TLS

/// Much data over loopback, with readers that stop.
@Suite(.timeLimit(.minutes(2))) struct TransferTests {
  /// Sends a pattern as long as the channel is writable and checks that the same pattern arrives.
  final class Pump: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Progress: Sendable {
      var sent = 0
      var received = 0
      var isCorrect = true
      var stalls = 0
      var isReading = true
    }

    private static let piece = 48_000
    private let total: Int
    private let progress: Shared
    private var isReadPending = false

    final class Shared: Sendable {
      let value = Mutex(Progress())
      var now: Progress { value.withLock { $0 } }
      func change(_ body: (inout Progress) -> Void) { value.withLock { body(&$0) } }
    }

    init(total: Int, progress: Shared) {
      self.total = total
      self.progress = progress
    }

    /// A part of the pattern; its period shares no factor with the sizes of records and reads.
    private static func pattern(_ start: Int, _ count: Int) -> ArraySlice<UInt8> {
      periods[start % 251..<start % 251 + count]
    }

    private static let periods = (0..<(1 << 20)).map { UInt8($0 % 251) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if event is TLSHandshakeCompleted { send(context) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { send(context) }

    private func send(_ context: ChannelHandlerContext) {
      while progress.now.sent < total {
        guard context.channel.isWritable else { return progress.change { $0.stalls += 1 } }
        let start = progress.now.sent
        let count = min(Self.piece, total - start)
        let bytes = ByteBuffer(bytes: Self.pattern(start, count))
        progress.change { $0.sent += count }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
      }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = unwrapInboundIn(data)
      let start = progress.now.received
      let expected = Self.pattern(start, bytes.readableBytes)
      let isCorrect = bytes == ByteBuffer(bytes: expected)
      progress.change {
        $0.received += bytes.readableBytes
        $0.isCorrect = $0.isCorrect && isCorrect
      }
    }

    func read(context: ChannelHandlerContext) {
      if progress.now.isReading { context.read() } else { isReadPending = true }
    }

    func goOnReading(_ context: ChannelHandlerContext) {
      progress.change { $0.isReading = true }
      if isReadPending { context.read() }
    }
  }

  private static let total = 12 << 20

  private func pair(
    _ clientProgress: Pump.Shared, _ serverProgress: Pump.Shared
  ) async throws -> (client: any Channel, server: any Channel, listener: any Channel) {
    let authority = try TestAuthority()
    let serverContext = try authority.issue(.server).server()
    let clientContext = try TLSContext.client(verify: authority.verification())
    let accepted = Mutex<(any Channel)?>(nil)
    let group = MultiThreadedEventLoopGroup.singleton
    let listener = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        accepted.withLock { $0 = channel }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(context: serverContext), Pump(total: Self.total, progress: serverProgress))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let client = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(context: clientContext), Pump(total: Self.total, progress: clientProgress))
        }
      }
      .connect(host: "127.0.0.1", port: listener.localAddress?.port ?? 0).get()
    try await eventually { accepted.withLock { $0 != nil } }
    return (client, try #require(accepted.withLock { $0 }), listener)
  }

  @Test func bothDirectionsAtOnceArriveWhole() async throws {
    let (mine, theirs) = (Pump.Shared(), Pump.Shared())
    let (client, _, listener) = try await pair(mine, theirs)
    try await eventually { mine.now.received == Self.total && theirs.now.received == Self.total }
    #expect(mine.now.isCorrect && theirs.now.isCorrect)
    try await client.close()
    try await listener.close()
  }

  @Test func aReaderThatStopsHoldsTheWriterBack() async throws {
    let (mine, theirs) = (Pump.Shared(), Pump.Shared())
    theirs.change { $0.isReading = false }
    let (client, server, listener) = try await pair(mine, theirs)
    try await eventually { mine.now.stalls > 0 && mine.now.received == Self.total }
    #expect(mine.now.sent < Self.total)
    #expect(theirs.now.received < Self.total)
    try await server.eventLoop.submit {
      let context = try server.pipeline.syncOperations.context(handlerType: Pump.self)
      try server.pipeline.syncOperations.handler(type: Pump.self).goOnReading(context)
    }.get()
    try await eventually { theirs.now.received == Self.total }
    #expect(theirs.now.isCorrect)
    try await client.close()
    try await listener.close()
  }
}
