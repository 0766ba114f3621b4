import Cryptography
import NIOCore
import NIOEmbedded
import TestCertificates

@testable import TLS

/// A client and a server without sockets or clocks; bytes go across when the test says so.
final class EmbeddedPair {
  /// What came out at one end.
  final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var bytes: [UInt8] = []
    private(set) var handshake: TLSHandshakeCompleted?
    private(set) var errors: [any Error] = []
    private(set) var inputClosedCount = 0
    private(set) var isInactive = false

    var tlsErrors: [TLSError] { errors.compactMap { $0 as? TLSError } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      bytes += Array(buffer: unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      switch event {
      case let event as TLSHandshakeCompleted: handshake = event
      case ChannelEvent.inputClosed: inputClosedCount += 1
      default: break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { errors.append(error) }

    func channelInactive(context: ChannelHandlerContext) { isInactive = true }
  }

  /// Stands for a socket, which can close one side; an `EmbeddedChannel` always closes both.
  final class HalfClosable: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
      if mode == .output { promise?.succeed() } else { context.close(mode: mode, promise: promise) }
    }
  }

  struct End {
    let channel: EmbeddedChannel
    let recorder: Recorder

    init(_ context: TLSContext) throws {
      recorder = Recorder()
      channel = EmbeddedChannel(handlers: [HalfClosable(), TLSHandler(context: context), recorder])
      channel.allowRemoteHalfClosure = true
      channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// Ciphertext that this end has written.
    func takeOutput() throws -> [ByteBuffer] {
      var output: [ByteBuffer] = []
      while let next = try channel.readOutbound(as: ByteBuffer.self) { output.append(next) }
      return output
    }

    /// Takes ciphertext of the other end; an error is in the recorder.
    func receive(_ bytes: ByteBuffer) {
      guard channel.isActive else { return }
      _ = try? channel.writeInbound(bytes)
    }

    func write(_ bytes: [UInt8]) {
      channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func tick(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }
  }

  let client: End
  let server: End

  init(client: TLSContext, server: TLSContext) throws {
    self.client = try End(client)
    self.server = try End(server)
  }

  /// A pair that trusts each other.
  convenience init() throws {
    let authority = try TestAuthority()
    try self.init(
      client: .client(verify: authority.verification()), server: authority.issue(.server).server())
  }

  /// Carries bytes until neither end has any.
  ///
  /// - Parameter size: most bytes at once; nil: as they were written.
  func exchange(pieces size: Int? = nil) throws {
    var isQuiet = false
    while !isQuiet {
      isQuiet = true
      for (from, to) in [(client, server), (server, client)] {
        for var bytes in try from.takeOutput() {
          isQuiet = false
          while let piece = bytes.readSlice(length: min(size ?? .max, bytes.readableBytes)), piece.readableBytes > 0 {
            to.receive(piece)
          }
        }
      }
    }
  }
}
