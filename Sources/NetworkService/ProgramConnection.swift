import Files
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection of the network service: GET and HEAD of what the catalogue lists (RFC 9110). Files are read on other
/// threads, one piece at a time; the next is read when the last has left, so a slow reader holds one piece.
final class ProgramConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let catalogue: Catalogue
  private let readers: NIOThreadPool
  private let gate: RequestGate
  private let logger: Logger
  private var context: ChannelHandlerContext?
  private var head: HTTPRequestHead?
  private var hasBody = false
  private var requests = 0
  /// Whether the connection goes on after the present answer.
  private var isKeptAlive = true

  init(catalogue: Catalogue, readers: NIOThreadPool, gate: RequestGate, logger: Logger) {
    self.catalogue = catalogue
    self.readers = readers
    self.gate = gate
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("connection failed", metadata: ["error": "\(error)"])
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event {
      isKeptAlive = false
      if head == nil { context.close(promise: nil) }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      hasBody = false
    case .body: hasBody = true
    case .end:
      guard let head else { return }
      requests += 1
      isKeptAlive = isKeptAlive && head.isKeepAlive && requests < NetworkLimits.requestsPerConnection
      gate.answering()
      answer(head)
    }
  }
}

// MARK: - Answers

extension ProgramConnection {
  private func answer(_ request: HTTPRequestHead) {
    if let refusal = Self.refusal(of: request, hasBody: hasBody) {
      isKeptAlive = false
      return send(refusal)
    }
    let path = Self.path(of: request)
    read { [catalogue] in
      catalogue.resource(path)
    } then: { connection, resource in
      guard let resource else { return connection.send(.notFound) }
      let isKnown = resource.isNamed(by: request.headers["if-none-match"])
      connection.send(isKnown ? .notModified : .ok, resource, isWithBody: request.method == .GET && !isKnown)
    }
  }

  /// Why a request is refused whatever its path (RFC 9112 section 3.2 for Host).
  private static func refusal(of request: HTTPRequestHead, hasBody: Bool) -> HTTPResponseStatus? {
    guard request.version.major == 1 else { return .httpVersionNotSupported }
    guard request.method == .GET || request.method == .HEAD else { return .methodNotAllowed }
    guard request.version.minor == 0 || request.headers["host"].count == 1, !hasBody else { return .badRequest }
    return nil
  }

  /// The path alone, exactly as it came (RFC 9112 sections 3.2.1 and 3.2.2): without a query, and without scheme and
  /// authority where a client sends them.
  private static func path(of request: HTTPRequestHead) -> String {
    var target = request.uri[...].prefix { $0 != "?" && $0 != "#" }
    if target.hasPrefix("https://") {
      target = target.dropFirst("https://".count).drop { $0 != "/" }
      if target.isEmpty { return "/" }
    }
    return String(target)
  }

  /// Answers with a status and one line of text.
  private func send(_ status: HTTPResponseStatus) {
    let text = Array("\(status.code) \(status.reasonPhrase)\n".utf8)
    send(status, Resource(text, "text/plain; charset=utf-8"), isWithBody: head?.method != .HEAD)
  }

  private func send(_ status: HTTPResponseStatus, _ resource: Resource, isWithBody: Bool) {
    guard let context, let head else { return }
    let headers = headers(status, resource)
    context.write(wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))), promise: nil)
    guard isWithBody else { return finish() }
    switch resource.body {
    case .bytes(let bytes):
      context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: bytes)))), promise: nil)
      finish()
    case .file(let file): sendPiece(file, at: 0)
    }
  }

  private func headers(_ status: HTTPResponseStatus, _ resource: Resource) -> HTTPHeaders {
    var headers = HTTPHeaders([
      ("date", HTTPDate.now()), ("server", "countersign-server"), ("accept-ranges", "none"),
      ("cache-control", "no-cache"), ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"),
      ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
      ("referrer-policy", "no-referrer"), ("cross-origin-resource-policy", "same-origin"),
    ])
    if status == .ok || status == .notModified { headers.add(name: "etag", value: resource.entityTag) }
    if status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
    if status != .notModified {
      headers.add(name: "content-type", value: resource.contentType)
      headers.add(name: "content-length", value: "\(resource.count)")
      if let name = resource.fileName {
        headers.add(name: "content-disposition", value: "attachment; filename=\"\(name)\"")
      }
    }
    if !isKeptAlive { headers.add(name: "connection", value: "close") }
    return headers
  }

  /// Reads one piece and sends it; goes on when it has left.
  private func sendPiece(_ file: OpenFile, at offset: Int64) {
    guard let allocator = context?.channel.allocator else { return }
    let count = Int(min(Int64(NetworkLimits.piece), file.size - offset))
    guard count > 0 else { return finish() }
    read {
      var piece = allocator.buffer(capacity: count)
      try piece.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
        try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: room[..<count]))
      }
      return piece
    } then: { connection, piece in
      // A file that became shorter: the length was told already, so only the end of the connection tells it.
      guard piece.readableBytes == count else { return connection.fail("\(file.path) was cut while it was served") }
      connection.write(piece) { $0.sendPiece(file, at: offset + Int64(count)) }
    }
  }

  private func write(_ piece: ByteBuffer, then next: @escaping (ProgramConnection) -> Void) {
    guard let context else { return }
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess {
      self.gate.answering()
      next(self)
    }
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))), promise: promise)
  }

  /// Ends the answer. A request that waits behind it is handed over during the write, so this one is over before that.
  private func finish() {
    guard let context else { return }
    head = nil
    guard !isKeptAlive else {
      gate.wait()
      return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess { self.context?.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
  }

  /// Runs `body` where waiting is allowed, and `next` back on the loop while the connection lives.
  private func read<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value, then next: @escaping (ProgramConnection, Value) -> Void
  ) {
    guard let context else { return }
    readers.runIfActive(eventLoop: context.eventLoop, body).assumeIsolated().whenComplete { result in
      guard self.context != nil else { return }
      switch result {
      case .success(let value): next(self, value)
      case .failure(let error): self.fail("\(error)")
      }
    }
  }

  private func fail(_ reason: String) {
    logger.error("a program could not be served", metadata: ["error": "\(reason)"])
    context?.close(promise: nil)
  }
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
enum HTTPDate {
  static func now() -> String { text(Int64(time(nil))) }

  /// - Parameter seconds: since 1970-01-01T00:00:00Z.
  static func text(_ seconds: Int64) -> String {
    var (instant, parts) = (time_t(seconds), tm())
    gmtime_r(&instant, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { ($0 < 10 ? "0" : "") + "\($0)" }
    let day = (parts.tm_mday < 10 ? "0" : "") + "\(parts.tm_mday)"
    return "\(days[Int(parts.tm_wday)]), \(day) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1_900) "
      + "\(clock.joined(separator: ":")) GMT"
  }
}
