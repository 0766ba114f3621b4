import Cryptography
import NIOCore
import NIOHTTP1
import NIOPosix

/// Why no answer came from a responder.
public struct OCSPTransportError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// Asks OCSP responders by HTTP POST (RFC 6960 appendix A.1): one connection a question, no redirects, limits on time
/// and size. The answer is not judged here.
public struct OCSPClient: Sendable {
  /// Most bytes of an answer's body.
  public static let largestAnswer = 64 * 1_024

  private let group: any EventLoopGroup

  public init(group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) { self.group = group }

  /// Sends a request and waits for the whole answer.
  ///
  /// - Parameters:
  ///   - request: DER of an OCSPRequest.
  ///   - timeout: milliseconds for everything, from looking the host's name up to the last byte.
  /// - Returns: the body of a 200 answer with the content type of OCSP.
  /// - Throws: ``OCSPTransportError``.
  public func ask(_ address: OCSPAddress, _ request: [UInt8], timeout: Int64) async throws -> [UInt8] {
    let loop = group.next()
    let answer = loop.makePromise(of: [UInt8].self)
    let timer = loop.scheduleTask(in: .milliseconds(timeout)) {
      answer.fail(OCSPTransportError("no whole answer within \(timeout) ms"))
    }
    ClientBootstrap(group: loop)
      .connectTimeout(.milliseconds(timeout))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          try channel.pipeline.syncOperations.addHandler(
            OCSPExchange(address: address, request: request, answer: answer))
          answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
      }
      .connect(host: address.host, port: Int(address.port))
      .whenFailure { answer.fail(OCSPTransportError("no connection: \($0)")) }
    do {
      let body = try await answer.futureResult.get()
      timer.cancel()
      return body
    } catch {
      timer.cancel()
      throw error as? OCSPTransportError ?? OCSPTransportError("\(error)")
    }
  }
}

/// One question on one connection.
private final class OCSPExchange: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let address: OCSPAddress
  private let request: [UInt8]
  private let answer: EventLoopPromise<[UInt8]>
  private var body: [UInt8] = []

  init(address: OCSPAddress, request: [UInt8], answer: EventLoopPromise<[UInt8]>) {
    self.address = address
    self.request = request
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    let name = address.host.contains(":") ? "[\(address.host)]" : address.host
    let headers: HTTPHeaders = [
      "host": address.port == 80 ? name : "\(name):\(address.port)", "content-type": "application/ocsp-request",
      "accept": "application/ocsp-response", "content-length": "\(request.count)", "connection": "close",
    ]
    let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: address.path, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: request)))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): check(head)
    case .body(let part):
      guard body.count + part.readableBytes <= OCSPClient.largestAnswer else { return tooLarge() }
      body.append(contentsOf: part.readableBytesView)
    case .end: answer.succeed(body)
    }
  }

  private func check(_ head: HTTPResponseHead) {
    // A redirect is such a status too: nobody but the configured host is asked.
    guard head.status == .ok else { return fail("HTTP status \(head.status.code)") }
    let type = head.headers.first(name: "content-type") ?? "none"
    guard type.prefix(while: { $0 != ";" && $0 != " " }).lowercased() == "application/ocsp-response" else {
      let shown = type.utf8.prefix(100).filter { $0 > 0x1f && $0 < 0x7f }
      return fail("content type \"\(String(decoding: shown, as: UTF8.self))\"")
    }
    let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    guard length <= OCSPClient.largestAnswer else { return tooLarge() }
  }

  private func tooLarge() { fail("the answer has more than \(OCSPClient.largestAnswer) bytes") }

  private func fail(_ text: String) { answer.fail(OCSPTransportError(text)) }

  func channelInactive(context: ChannelHandlerContext) { fail("the connection ended before the answer") }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { fail("\(error)") }
}
