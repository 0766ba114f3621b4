import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TLS

/// One GET over HTTPS of one server that is known beforehand. No redirects, no proxies, no cookies, nothing from the
/// environment.
struct HTTPSFetch: Sendable {
  /// Limits of a fetch.
  struct Limits: Sendable {
    /// For the TCP connection; the TLS handshake has its own 5 s.
    var connect = TimeAmount.seconds(10)
    /// Between two pieces of the answer.
    var silence = TimeAmount.seconds(15)
    /// From the connection to the end of the answer: 256 MiB at 2.4 Mbit/s.
    var total = TimeAmount.minutes(15)
  }

  let host: String
  let port: UInt16
  let tls: TLSContext
  /// Product for the User-Agent field, for example "countersign-terminal/1.0.0".
  let product: String
  var limits = Limits()

  private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

  /// Fetches one path.
  ///
  /// - Parameters:
  ///   - limit: most bytes of the answer; a longer one is refused at its head.
  ///   - receive: gets the bytes piece by piece.
  /// - Throws: ``UpdateError``, or what `receive` throws.
  func get(_ path: String, limit: UInt64, receive: (ByteBuffer) throws -> Void) async throws {
    let failure = FirstFailure()
    let connection = try await connect(failure)
    do {
      try await connection.executeThenClose { inbound, outbound in
        try await outbound.write(.head(request(path)))
        try await outbound.write(.end(nil))
        var expected: UInt64?
        var count: UInt64 = 0
        for try await part in inbound {
          switch part {
          case .head(let head): expected = try Self.length(of: head, path: path, limit: limit)
          case .body(let bytes):
            count += UInt64(bytes.readableBytes)
            guard count <= expected ?? 0 else { throw UpdateError.untrusted("\(path) is longer than was told") }
            try receive(bytes)
          case .end:
            guard count == expected else { throw UpdateError.cut(path) }
            return
          }
        }
        throw UpdateError.cut(path)
      }
    } catch {
      throw Self.mapped(error, failure.error, path)
    }
  }

  private func connect(_ failure: FirstFailure) async throws -> Connection {
    do {
      return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(limits.connect)
        .channelOption(.maxMessagesPerRead, value: 1)
        .connect(host: host, port: Int(port)) { [tls, limits] channel in
          channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(TLSHandler(context: tls))
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(FetchTimes(limits: limits, failure: failure))
            return try Connection(wrappingChannelSynchronously: channel)
          }
        }
    } catch {
      throw UpdateError.unreachable("\(host) port \(port): \(UpdateError.words(error))")
    }
  }

  private func request(_ path: String) -> HTTPRequestHead {
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
    let authority = (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
    let headers = HTTPHeaders([
      ("host", authority), ("user-agent", product), ("accept", "*/*"), ("connection", "close"),
    ])
    return HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
  }

  /// The length that an answer tells; it must.
  private static func length(of head: HTTPResponseHead, path: String, limit: UInt64) throws -> UInt64 {
    guard head.status == .ok else {
      throw head.status == .notFound
        ? UpdateError.notOffered
        : UpdateError.unreachable("the network service answered \(head.status.code) for \(path)")
    }
    let lengths = head.headers["content-length"]
    guard lengths.count == 1, let length = UInt64(lengths[0]) else {
      throw UpdateError.untrusted("\(path) came without its length")
    }
    guard length <= limit else { throw UpdateError.untrusted("\(path) has \(length) bytes, more than \(limit)") }
    return length
  }

  /// - Parameter first: what ended the connection, where that is known; it tells more than a write that fails after it.
  private static func mapped(_ error: any Error, _ first: (any Error)?, _ path: String) -> any Error {
    switch error {
    case is NIOAsyncWriterError, is ChannelError, is IOError:
      first.map { mapped($0, nil, path) } ?? UpdateError.cut(path)
    case let error as TLSError: UpdateError(error, path)
    case HTTPParserError.invalidEOFState: UpdateError.cut(path)
    case is HTTPParserError: UpdateError.unreachable("the network service does not speak HTTP")
    default: error
    }
  }
}

/// What ended a connection: a write that fails afterwards tells less.
private final class FirstFailure: Sendable {
  private let first = Mutex<(any Error)?>(nil)

  var error: (any Error)? { first.withLock { $0 } }
  func note(_ error: any Error) { first.withLock { $0 = $0 ?? error } }
}

/// Ends a fetch whose server is silent, or that takes too long altogether.
private final class FetchTimes: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart

  private let limits: HTTPSFetch.Limits
  private let failure: FirstFailure
  private var silence: Scheduled<Void>?
  private var total: Scheduled<Void>?

  init(limits: HTTPSFetch.Limits, failure: FirstFailure) {
    self.limits = limits
    self.failure = failure
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    failure.note(error)
    context.fireErrorCaught(error)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    total = start(limits.total, context, "took longer than \(limits.total.nanoseconds / 1_000_000_000) s")
    restart(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    silence?.cancel()
    total?.cancel()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    restart(context)
    context.fireChannelRead(data)
  }

  private func restart(_ context: ChannelHandlerContext) {
    silence?.cancel()
    silence = start(limits.silence, context, "was silent for \(limits.silence.nanoseconds / 1_000_000_000) s")
  }

  private func start(_ time: TimeAmount, _ context: ChannelHandlerContext, _ what: String) -> Scheduled<Void> {
    context.eventLoop.assumeIsolated().scheduleTask(in: time) {
      let error = UpdateError.unreachable("the network service \(what); nothing was changed")
      self.failure.note(error)
      context.fireErrorCaught(error)
      context.close(promise: nil)
    }
  }
}
