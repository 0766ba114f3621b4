import NIOCore
import NIOHTTP1
import NIOPosix

/// Why a POST got no answer that could be taken.
public struct HTTPPostError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// A POST to somebody else's server: one connection each, no redirects, limits on time and size.
public struct HTTPPost: Sendable {
  /// Most bytes of an answer's body.
  public static let largestAnswer = 64 * 1_024

  /// Name or address; an IPv6 address without its brackets.
  public let host: String
  public let port: UInt16
  /// With its slash in front, and query.
  public let path: String
  /// Besides `host`, `content-length` and `connection`.
  public let headers: HTTPHeaders
  /// Milliseconds for everything, from looking the host's name up to the last byte of the answer.
  public let timeout: Int64
  /// Puts TLS under HTTP; nil: there is none.
  private let security: (@Sendable (any Channel) throws -> Void)?
  /// Why an answer is not taken; nil where it is.
  private let refusal: @Sendable (HTTPResponseHead) -> String?

  public init(
    host: String, port: UInt16, path: String, headers: HTTPHeaders, timeout: Int64,
    security: (@Sendable (any Channel) throws -> Void)? = nil,
    refusal: @escaping @Sendable (HTTPResponseHead) -> String?
  ) {
    self.host = host
    self.port = port
    self.path = path
    self.headers = headers
    self.timeout = timeout
    self.security = security
    self.refusal = refusal
  }

  /// Sends it and waits for the whole answer.
  ///
  /// - Returns: the answer's body.
  /// - Throws: ``HTTPPostError``, or `CancellationError`.
  public func send(
    _ body: [UInt8], on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) async throws -> [UInt8] {
    let loop = group.next()
    let answer = loop.makePromise(of: [UInt8].self)
    let timer = loop.scheduleTask(in: .milliseconds(timeout)) {
      answer.fail(HTTPPostError("no whole answer within \(timeout) ms"))
    }
    defer { timer.cancel() }
    ClientBootstrap(group: loop)
      .connectTimeout(.milliseconds(timeout))
      // A TLS handler reads one record ahead.
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelInitializer { [self] channel in
        channel.eventLoop.makeCompletedFuture {
          try security?(channel)
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          try channel.pipeline.syncOperations.addHandler(Exchange(self, body, answer))
          answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
      }
      .connect(host: host, port: Int(port))
      .whenFailure { answer.fail(HTTPPostError("no connection: \($0)")) }
    return try await withTaskCancellationHandler {
      try await answer.futureResult.get()
    } onCancel: {
      answer.fail(CancellationError())
    }
  }

  fileprivate func head(length: Int) -> HTTPRequestHead {
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
    let name = host.contains(":") ? "[\(host)]" : host
    var all = headers
    all.add(name: "host", value: port == (security == nil ? 80 : 443) ? name : "\(name):\(port)")
    all.add(name: "content-length", value: "\(length)")
    all.add(name: "connection", value: "close")
    return HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: all)
  }

  /// Why an answer that begins so is not taken.
  fileprivate func refusal(of head: HTTPResponseHead) -> String? {
    if let refusal = refusal(head) { return refusal }
    let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    return length <= Self.largestAnswer ? nil : Self.tooLarge
  }

  fileprivate static let tooLarge = "the answer has more than \(largestAnswer) bytes"
}

/// One request on one connection.
private final class Exchange: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let post: HTTPPost
  private let body: [UInt8]
  private let answer: EventLoopPromise<[UInt8]>
  private var received: [UInt8] = []

  init(_ post: HTTPPost, _ body: [UInt8], _ answer: EventLoopPromise<[UInt8]>) {
    self.post = post
    self.body = body
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.head(post.head(length: body.count))), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): if let refusal = post.refusal(of: head) { fail(refusal) }
    case .body(let part):
      guard received.count + part.readableBytes <= HTTPPost.largestAnswer else { return fail(HTTPPost.tooLarge) }
      received.append(contentsOf: part.readableBytesView)
    case .end: answer.succeed(received)
    }
  }

  private func fail(_ text: String) { answer.fail(HTTPPostError(text)) }

  func channelInactive(context: ChannelHandlerContext) { fail("the connection ended before the answer") }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { fail("\(error)") }
}
