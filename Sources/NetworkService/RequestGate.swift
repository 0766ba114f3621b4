import NIOCore
import TLS

/// Counts the bytes and the time of each request before HTTP is decoded, and the time of each piece of an answer.
///
/// `handshake` → `idle` → `receiving` with a request's first byte → `answering` → `idle` …
final class RequestGate: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Phase {
    case handshake
    case idle
    case receiving
    case answering
    case refused
  }

  private var phase = Phase.handshake
  /// Bytes since the last answer.
  private var received = 0
  private var timer: Scheduled<Void>?
  private var context: ChannelHandlerContext?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    self.context = nil
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is TLSHandshakeCompleted { wait() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard phase != .refused else { return }
    received += unwrapInboundIn(data).readableBytes
    if phase == .idle {
      phase = .receiving
      startTimer(NetworkLimits.requestTime) { $0.refuse("408 Request Timeout") }
    }
    guard received <= NetworkLimits.requestBytes else {
      if phase == .receiving { refuse("431 Request Header Fields Too Large") } else { cut() }
      return
    }
    context.fireChannelRead(data)
  }
}

// MARK: - Told by the connection

extension RequestGate {
  /// A whole request has come, or another piece of its answer has left.
  func answering() {
    guard phase != .handshake, phase != .refused else { return }
    phase = .answering
    startTimer(NetworkLimits.pieceTime) { $0.cut() }
  }

  /// The answer has left; another request may come, or has come already.
  func wait() {
    guard phase != .refused else { return }
    phase = .idle
    received = 0
    startTimer(NetworkLimits.idleTime) { $0.cut() }
  }

  /// Answers before HTTP is decoded and closes.
  private func refuse(_ status: String) {
    guard let context else { return }
    phase = .refused
    let answer = "HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: answer)), promise: nil)
    cut()
  }

  private func cut() {
    phase = .refused
    timer?.cancel()
    context?.close(promise: nil)
  }

  private func startTimer(_ time: TimeAmount, _ body: @escaping (RequestGate) -> Void) {
    timer?.cancel()
    timer = context?.eventLoop.assumeIsolated().scheduleTask(in: time) { body(self) }
  }
}
