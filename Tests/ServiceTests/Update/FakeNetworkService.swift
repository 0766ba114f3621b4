import Cryptography
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TLS
import Testing

/// A network service that says what a test wants, over TLS with any certificate.
final class FakeNetworkService: Sendable {
  /// What follows a request.
  enum Answer: Sendable {
    /// 200 with these bytes.
    case bytes([UInt8])
    /// These bytes of HTTP, then the connection ends; `isClean`: with close_notify.
    case raw([UInt8], isClean: Bool)
    /// Nothing.
    case silence
  }

  typealias Answers = @Sendable (_ path: String) -> Answer

  private let listener: any Channel
  private let answers: Mutex<Answers>
  private let asked = Mutex<[String]>([])

  init(chain: [Certificate], key: PrivateKey) async throws {
    let context = try TLSContext.server(chain: chain, key: key, applicationProtocol: .http)
    let box = Mutex<FakeNetworkService?>(nil)
    answers = Mutex { _ in .silence }
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(context: context), Handler { path in box.withLock { $0 }?.answer(path) ?? .silence })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    box.withLock { $0 = self }
  }

  var port: UInt16 { UInt16(listener.localAddress?.port ?? 0) }
  /// Paths that were asked for.
  var paths: [String] { asked.withLock { $0 } }
  func answer(_ answers: @escaping Answers) { self.answers.withLock { $0 = answers } }
  func close() async { try? await listener.close() }

  private func answer(_ path: String) -> Answer {
    asked.withLock { $0.append(path) }
    return answers.withLock { $0 }(path)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let answer: (String) -> Answer
    private var request: [UInt8] = []

    init(_ answer: @escaping (String) -> Answer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      request += Array(buffer: unwrapInboundIn(data))
      guard request.suffix(4) == Array("\r\n\r\n".utf8)[...] else { return }
      let words = String(decoding: request, as: UTF8.self).split(separator: " ")
      request = []
      switch answer(words.count > 1 ? String(words[1]) : "") {
      case .bytes(let bytes):
        send(context, Array("HTTP/1.1 200 OK\r\nContent-Length: \(bytes.count)\r\n\r\n".utf8) + bytes)
      case .raw(let bytes, let isClean):
        send(context, bytes)
        if isClean { context.close(promise: nil) } else { cut(context) }
      case .silence: break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Ends the TCP connection without close_notify, as a cut line does.
    private func cut(_ context: ChannelHandlerContext) {
      let pipeline = context.pipeline.syncOperations
      guard let tls = try? pipeline.handler(type: TLSHandler.self), let place = try? pipeline.context(handler: tls)
      else {
        return
      }
      // Closes past the TLS handler.
      place.close(promise: nil)
    }

    private func send(_ context: ChannelHandlerContext, _ bytes: [UInt8]) {
      context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
    }
  }
}
