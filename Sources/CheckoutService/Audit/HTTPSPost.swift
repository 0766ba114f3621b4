import NIOCore
import NIOHTTP1
import NIOPosix
import TLS

/// Why a post was not taken.
struct PostError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// One POST over HTTPS to somebody else's server: one connection a post, no redirects, limits on time; of the answer
/// only the status matters.
struct HTTPSPost: Sendable {
  let address: HTTPSAddress
  let tls: TLSContext
  /// Milliseconds for everything, from looking the host's name up to the last byte of the answer.
  let timeout: Int64

  /// Returns once the server has answered with a status of 200 to 299.
  ///
  /// - Throws: ``PostError``, or `CancellationError`.
  func send(_ body: [UInt8], type: String) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let answer = loop.makePromise(of: Void.self)
    let timer = loop.scheduleTask(in: .milliseconds(timeout)) {
      answer.fail(PostError("no whole answer within \(timeout) ms"))
    }
    defer { timer.cancel() }
    ClientBootstrap(group: loop)
      .connectTimeout(.milliseconds(timeout))
      // The TLS handler reads one record ahead.
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelInitializer { [address, tls] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(TLSHandler(context: tls))
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(PostExchange(address: address, body: body, type: type, answer: answer))
          answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
      }
      .connect(host: address.host, port: Int(address.port))
      .whenFailure { answer.fail(PostError("no connection: \($0)")) }
    try await withTaskCancellationHandler {
      try await answer.futureResult.get()
    } onCancel: {
      answer.fail(CancellationError())
    }
  }
}

/// One request on one connection.
private final class PostExchange: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// Most bytes of an answer's body, which nobody reads.
  private static let largestAnswer = 64 * 1_024

  private let address: HTTPSAddress
  private let body: [UInt8]
  private let type: String
  private let answer: EventLoopPromise<Void>
  private var received = 0

  init(address: HTTPSAddress, body: [UInt8], type: String, answer: EventLoopPromise<Void>) {
    self.address = address
    self.body = body
    self.type = type
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
    let name = address.host.contains(":") ? "[\(address.host)]" : address.host
    let headers: HTTPHeaders = [
      "host": address.port == 443 ? name : "\(name):\(address.port)", "user-agent": "countersign-server/1.0.0",
      "content-type": type, "content-length": "\(body.count)", "connection": "close",
    ]
    let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: address.path, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      // A redirect is such a status too: nobody but the configured host gets anything.
      guard (200..<300).contains(head.status.code) else { return fail("HTTP status \(head.status.code)") }
    case .body(let part):
      received += part.readableBytes
      if received > Self.largestAnswer { fail("the answer has more than \(Self.largestAnswer) bytes") }
    case .end: answer.succeed(())
    }
  }

  private func fail(_ text: String) { answer.fail(PostError(text)) }

  func channelInactive(context: ChannelHandlerContext) { fail("the connection ended before the answer") }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { fail("\(error)") }
}
