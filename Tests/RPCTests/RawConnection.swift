import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Wire

@testable import CountersignRPC

/// A frame as a peer writes or sees it.
struct RawFrame: Sendable, Equatable {
  var type: FrameType
  var flags: FrameFlags = []
  var stream: UInt32 = 0
  var meta: [UInt8] = []
  var message: [UInt8] = []

  var encoded: [UInt8] {
    FrameHeader(
      type: type, flags: flags, stream: stream, metaLength: meta.count, messageLength: message.count
    ).encoded + meta + message
  }

  static let hello = RawFrame(
    type: .hello, meta: Meta.encodeHello(ConnectionConfiguration(program: "raw/1"), isServer: true))

  static func request(
    _ stream: UInt32, _ method: String = "/test.Echo/InLoop", _ message: [UInt8] = [1, 2, 3], timeout: UInt64 = 0
  ) -> RawFrame {
    let meta = Meta.encodeRequestHeader(method: method, timeoutMicroseconds: timeout, options: .standard)
    return RawFrame(type: .request, stream: stream, meta: meta, message: message)
  }

  static func response(_ stream: UInt32, _ message: [UInt8]) -> RawFrame {
    RawFrame(type: .response, stream: stream, message: message)
  }

  static func goAway(lastStream: UInt32) -> RawFrame {
    RawFrame(type: .goAway, meta: Meta.encodeGoAway(lastStream: lastStream, .shuttingDown))
  }

  /// The reason of a GOAWAY.
  var reason: String? {
    type == .goAway ? meta.withUnsafeBytes { Meta.decodeGoAway($0)?.reason } : nil
  }

  /// The status of a RESPONSE; nil: OK.
  var status: RPCStatus? { meta.withUnsafeBytes { Meta.decodeResponseHeader($0) }.flatMap { $0 } }
}

/// One end of a plaintext connection, written and read by hand.
final class RawConnection: Sendable {
  private struct State {
    var rest: [UInt8] = []
    var frames: [RawFrame] = []
    var deframer = Deframer(maxLength: FrameLimits.largestMaxLength)
    var isEnded = false
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let connection: RawConnection

    init(_ connection: RawConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      connection.receive(Array(buffer: unwrapInboundIn(data)))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event { connection.state.withLock { $0.isEnded = true } }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { connection.state.withLock { $0.isEnded = true } }
  }

  private let state = Mutex(State())
  private let channel = Mutex<(any Channel)?>(nil)

  /// Connects to a server.
  static func connect(port: Int) async throws -> RawConnection {
    let connection = RawConnection()
    _ = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { connection.attach($0) }
      .connect(host: "127.0.0.1", port: port).get()
    return connection
  }

  fileprivate func attach(_ channel: any Channel) -> EventLoopFuture<Void> {
    self.channel.withLock { $0 = channel }
    return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Receiver(self)) }
  }

  private func receive(_ bytes: [UInt8]) {
    state.withLock { state in
      state.rest += bytes
      while true {
        let frame = state.rest.withUnsafeBytes { all -> RawFrame? in
          guard case .frame(let frame) = state.deframer.next(in: all) else { return nil }
          return RawFrame(
            type: frame.header.type, flags: frame.header.flags, stream: frame.header.stream, meta: Array(frame.meta),
            message: Array(frame.message))
        }
        guard let frame else { return }
        state.rest.removeFirst(frame.encoded.count)
        state.frames.append(frame)
      }
    }
  }

  var frames: [RawFrame] { state.withLock { $0.frames } }
  var isEnded: Bool { state.withLock { $0.isEnded } }
  private var socket: (any Channel)? { channel.withLock { $0 } }

  func send(_ bytes: [UInt8]) { socket?.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
  func send(_ frames: RawFrame...) { send(frames.flatMap(\.encoded)) }
  func closeOutput() { socket?.close(mode: .output, promise: nil) }
  func close() { socket?.close(promise: nil) }
  /// Ends the connection with RST instead of FIN.
  func reset() async throws {
    let options = socket as? any SocketOptionProvider
    try await options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
    close()
  }
  func stopReading() async throws { try await socket?.setOption(.autoRead, value: false).get() }

  /// Waits for the first frame of a type.
  func frame(_ type: FrameType) async throws -> RawFrame {
    try await eventually { self.isEnded || self.frames.contains { $0.type == type } }
    guard let frame = frames.first(where: { $0.type == type }) else { throw ConnectionEnded() }
    return frame
  }

  struct ConnectionEnded: Error {}
}

/// A server that is written by hand: `serve` gets each connection, with its number from 0.
final class RawServer: Sendable {
  private let listener: any Channel
  private let accepted: Accepted

  private final class Accepted: Sendable {
    let connections = Mutex<[RawConnection]>([])
  }

  init(_ serve: @escaping @Sendable (Int, RawConnection) async throws -> Void) async throws {
    let accepted = Accepted()
    self.accepted = accepted
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        let connection = RawConnection()
        let number = accepted.connections.withLock {
          $0.append(connection)
          return $0.count - 1
        }
        return connection.attach(channel).map { _ in
          Task { try await serve(number, connection) }
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var port: Int { listener.localAddress?.port ?? 0 }
  /// All connections so far.
  var connections: [RawConnection] { accepted.connections.withLock { $0 } }
  func close() async throws { try await listener.close() }
}
