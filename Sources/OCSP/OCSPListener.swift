import Cryptography
import Listening
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers OCSP over HTTP, GET and POST (RFC 6960 appendix A.1, RFC 5019 section 5).
public final class OCSPListener: Sendable {
  /// How many connections there may be; more are closed at once.
  public struct Limits: Sendable, Equatable {
    /// Of all sources together.
    public var most: Int
    /// Of one source address, which a company's gateways and terminals may share.
    public var mostOfSource: Int

    /// - Parameter mostOfSource: nil: a quarter of all.
    public init(most: Int = 512, mostOfSource: Int? = nil) {
      self.most = most
      self.mostOfSource = mostOfSource ?? max(1, most / 4)
    }
  }

  /// Milliseconds from the end of one answer, or the connection's begin, to the end of the next request.
  public static let requestTime: Int64 = 10_000

  /// DER of the OCSPResponse to what came as an OCSPRequest.
  public typealias Answerer = @Sendable ([UInt8]) async -> [UInt8]

  private let group: any EventLoopGroup
  private let path: String
  private let answer: Answerer
  private let limits: Limits
  private let logger: Logger?
  private let refused: RareLog
  private let listening = Mutex<(any Channel)?>(nil)
  private let open = Mutex(Open())

  private struct Open {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var counts = SourceCounts()
  }

  /// - Parameters:
  ///   - path: of the public address, in front of a GET's base64.
  ///   - logger: told of connections that are refused; nil: nobody is.
  ///   - answer: called on no event loop, once at a time for each connection.
  public init(
    path: String = "/", limits: Limits = Limits(), logger: Logger? = nil,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, answer: @escaping Answerer
  ) {
    self.path = path
    self.limits = limits
    self.logger = logger
    self.group = group
    self.answer = answer
    refused = RareLog(logger)
  }

  /// Begins to listen.
  ///
  /// - Returns: the port.
  /// - Throws: what the socket says, for example that the address is in use.
  public func start(host: String, port: Int) async throws -> Int {
    let channel = try await ServerBootstrap(group: group)
      .serverChannelInitializer { [logger] in AcceptPause.add(to: $0, logger: logger) }
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { [self] channel in
        guard enter(channel) else { return channel.close() }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(OCSPConnection(path: self.path, answer: self.answer))
        }
      }
      .bind(host: host, port: port).get()
    listening.withLock { $0 = channel }
    return channel.localAddress?.port ?? port
  }

  /// Stops listening and closes every connection.
  public func stop() async {
    let channel = listening.withLock { $0.take() }
    try? await channel?.close()
    for channel in open.withLock({ Array($0.channels.values) }) { try? await channel.close() }
  }

  /// - Returns: whether there is room.
  private func enter(_ channel: any Channel) -> Bool {
    let name = ObjectIdentifier(channel)
    let source = channel.remoteAddress?.ipAddress ?? ""
    let isRoom = open.withLock { open in
      guard open.counts.take(source, most: limits.most, mostOfSource: limits.mostOfSource) else { return false }
      open.channels[name] = channel
      return true
    }
    guard isRoom else {
      refused.warn("too many OCSP connections at once; closed", source: source)
      return false
    }
    channel.closeFuture.whenComplete { [self] _ in
      open.withLock { open in
        open.channels[name] = nil
        open.counts.give(source)
      }
    }
    return true
  }
}

/// One connection: requests one after the other, which NIO's pipelining handler sees to.
private final class OCSPConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let path: String
  private let answer: OCSPListener.Answerer
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  private var isTooLarge = false
  private var timer: Scheduled<Void>?

  init(path: String, answer: @escaping OCSPListener.Answerer) {
    self.path = path
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    startTimer(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
      isTooLarge = false
    case .body(let part):
      isTooLarge = isTooLarge || body.count + part.readableBytes > OCSPRequest.largestBytes
      if !isTooLarge { body.append(contentsOf: part.readableBytesView) }
    case .end:
      timer?.cancel()
      if let head { reply(head, context) }
    }
  }

  private func reply(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    switch head.method {
    case .POST:
      let type = head.headers.first(name: "content-type") ?? ""
      guard type.prefix(while: { $0 != ";" && $0 != " " }).lowercased() == "application/ocsp-request" else {
        return write(.unsupportedMediaType, [], head, context)
      }
      guard !isTooLarge else { return write(.payloadTooLarge, [], head, context) }
      ask(body, head, context)
    case .GET:
      ask(request(inPath: head.uri) ?? [], head, context)
    default: write(.methodNotAllowed, [], head, context)
    }
  }

  /// The percent-encoded base64 behind the path.
  private func request(inPath uri: String) -> [UInt8]? {
    let prefix = path.hasSuffix("/") ? path : "\(path)/"
    let text = uri.hasPrefix(prefix) ? uri.dropFirst(prefix.count) : uri.dropFirst()
    guard text.utf8.count <= OCSPRequest.largestBytes, let decoded = Self.percentDecoded(text) else { return nil }
    return Base64.decode(decoded)
  }

  /// RFC 3986 section 2.1.
  private static func percentDecoded(_ text: Substring) -> [UInt8]? {
    var decoded: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        decoded.append(byte)
        continue
      }
      guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else {
        return nil
      }
      decoded.append(value)
      rest = rest.dropFirst(2)
    }
    return decoded
  }

  private func ask(_ request: [UInt8], _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    context.eventLoop.makeFutureWithTask { [answer] in await answer(request) }.whenSuccess { body in
      let (connection, context) = bound.value
      guard context.channel.isActive else { return }
      connection.write(.ok, body, head, context)
    }
  }

  private func write(
    _ status: HTTPResponseStatus, _ body: [UInt8], _ head: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    var headers: HTTPHeaders = ["content-length": "\(body.count)"]
    if status == .ok {
      headers.add(name: "content-type", value: "application/ocsp-response")
      // A cache on the way would go on telling "good" after a revocation.
      headers.add(name: "cache-control", value: "no-store")
    }
    if status == .methodNotAllowed { headers.add(name: "allow", value: "GET, POST") }
    let goesOn = head.isKeepAlive && status == .ok
    if !goesOn { headers.add(name: "connection", value: "close") }
    let answer = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(answer)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    if goesOn {
      startTimer(context)
    } else {
      let channel = context.channel
      written.whenComplete { _ in channel.close(promise: nil) }
    }
  }

  private func startTimer(_ context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: .milliseconds(OCSPListener.requestTime)) { channel.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
