import Cryptography
import NIOCore

/// User event: the handshake is complete and both sides speak the same protocol; writes go out from now on.
public struct TLSHandshakeCompleted: Sendable {
  /// The peer's certificates as it showed them, leaf first, with a verified path; empty: it showed none.
  public let peerChain: [Certificate]
}

/// How long a connection may take where the peer has to act, nanoseconds.
public struct TLSTimeouts: Sendable {
  /// From the TCP connection to the end of the handshake.
  public var handshake: Int64 = 5_000_000_000
  /// From this side's close_notify to the peer's, once nothing more is read; then the connection is cut.
  public var shutdown: Int64 = 2_000_000_000

  /// The defaults.
  public init() {}
}

/// TLS 1.3 on OpenSSL for a SwiftNIO channel.
///
/// - Fires `TLSHandshakeCompleted` once, then plaintext; `TLSError` through `errorCaught`, once, and closes.
/// - What was written before a `flush` leaves in records of up to 16 KiB, in one write and one flush.
/// - The peer's close_notify is told as `ChannelEvent.inputClosed`. Where the channel has `allowRemoteHalfClosure`, this
///   side may go on writing; else it closes. `close(mode: .output)` sends close_notify and goes on reading;
///   `close()` sends it and waits for the peer's, at most `TLSTimeouts.shutdown`.
/// - Backpressure: `read` passes through and no plaintext is held back here, so a channel that is not read from takes
///   nothing; encrypted output counts in the channel's writability.
///
/// `waiting` → `handshaking` → `open` → `closing` with a full close → `ended`; a failure leads to `ended` from everywhere.
public final class TLSHandler: ChannelDuplexHandler {
  public typealias InboundIn = ByteBuffer
  public typealias InboundOut = ByteBuffer
  public typealias OutboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  private enum Phase {
    case waiting
    case handshaking
    case open
    case closing
    case ended
  }

  private let tls: TLSContext
  private let timeouts: TLSTimeouts
  private let recordsPerKey: UInt64
  private var phase = Phase.waiting
  private var session: Session?
  private var writes = WaitingWrites()
  /// `flush` was called before the handshake was complete.
  private var isFlushWanted = false
  /// `read` was called and no plaintext has come since.
  private var isReadWanted = false
  /// The peer's close_notify has come.
  private var isInputClosed = false
  private var output = Output.open
  /// When close_notify was sent.
  private var outputClosedAt: NIODeadline?
  private var timer: Scheduled<Void>?
  private var closePromise: EventLoopPromise<Void>?

  private enum Output {
    case open
    /// close_notify is written but may not have left.
    case closing
    case closed
  }

  /// Makes the handler of one connection.
  public convenience init(context: TLSContext, timeouts: TLSTimeouts = TLSTimeouts()) {
    self.init(context: context, timeouts: timeouts, recordsPerKey: Session.recordsPerKey)
  }

  /// - Parameter recordsPerKey: records after which this side changes its keys; tests make it small.
  init(context: TLSContext, timeouts: TLSTimeouts = TLSTimeouts(), recordsPerKey: UInt64) {
    tls = context
    self.timeouts = timeouts
    self.recordsPerKey = recordsPerKey
  }

  public func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { start(context) }
  }

  public func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    end(failing: .ioOnClosedChannel)
  }
}

// MARK: - Handshake

extension TLSHandler {
  private func start(_ context: ChannelHandlerContext) {
    guard phase == .waiting else { return }
    do {
      session = try tls.makeSession(recordsPerKey: recordsPerKey)
    } catch {
      return fail(context, error)
    }
    phase = .handshaking
    startTimer(context, timeouts.handshake) { $0.fail(context, .handshakeTimeout) }
    shakeHands(context)
    if phase == .handshaking { context.read() }
  }

  private func shakeHands(_ context: ChannelHandlerContext) {
    guard let session else { return }
    switch session.handshake() {
    case .wantsRead: sendCiphertext(context)
    case .done: completeHandshake(context, session)
    case .peerClosed: fail(context, .uncleanShutdown)
    case .failed(let error): fail(context, error)
    }
  }

  private func completeHandshake(_ context: ChannelHandlerContext, _ session: Session) {
    timer?.cancel()
    timer = nil
    phase = .open
    context.fireUserInboundEventTriggered(TLSHandshakeCompleted(peerChain: session.peerChain))
    if isFlushWanted { flush(context: context) }
    sendCiphertext(context)
  }

  private func startTimer(
    _ context: ChannelHandlerContext, _ nanoseconds: Int64, _ body: @escaping (TLSHandler) -> Void
  ) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(nanoseconds)) { body(self) }
  }
}

// MARK: - Input

extension TLSHandler {
  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let session else { return }
    session.bytes.receive(unwrapInboundIn(data))
    if phase == .handshaking { shakeHands(context) }
    if phase == .open || phase == .closing { decrypt(context, session) }
  }

  private func decrypt(_ context: ChannelHandlerContext, _ session: Session) {
    guard !isInputClosed else { return }
    var plaintext = context.channel.allocator.buffer(capacity: session.bytes.incomingCount)
    let step = session.read(into: &plaintext)
    if phase == .open, plaintext.readableBytes > 0 {
      isReadWanted = false
      context.fireChannelRead(wrapInboundOut(plaintext))
    }
    switch step {
    case .done, .wantsRead: break
    case .peerClosed: closeInput(context)
    case .failed(let error): fail(context, error)
    }
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    sendCiphertext(context)
    if isReadWanted || phase == .handshaking || phase == .closing { context.read() }
    context.fireChannelReadComplete()
  }

  public func read(context: ChannelHandlerContext) {
    isReadWanted = true
    context.read()
  }

  private func closeInput(_ context: ChannelHandlerContext) {
    guard phase == .open || phase == .closing else { return }
    isInputClosed = true
    if phase == .open { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    guard phase == .open, output == .open else { return finishClose(context) }
    let allowsHalfClosure = try? context.channel.syncOptions?.getOption(.allowRemoteHalfClosure)
    if allowsHalfClosure != true { close(context: context, mode: .all, promise: nil) }
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
    // The end of TCP's input. A clean one was told when close_notify came.
    guard !isInputClosed else { return }
    if phase == .closing {
      isInputClosed = true
      finishClose(context)
    } else {
      fail(context, .uncleanShutdown)
    }
  }

  public func channelInactive(context: ChannelHandlerContext) {
    let isUnclean = !isInputClosed && (phase == .handshaking || phase == .open)
    let promise = closePromise
    end(failing: .ioOnClosedChannel)
    if isUnclean { context.fireErrorCaught(TLSError.uncleanShutdown) }
    promise?.succeed()
    context.fireChannelInactive()
  }
}

// MARK: - Output

extension TLSHandler {
  public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch phase {
    case .closing, .ended: promise?.fail(ChannelError.ioOnClosedChannel)
    case .open where output != .open: promise?.fail(ChannelError.outputClosed)
    case .waiting, .handshaking, .open: writes.append(unwrapOutboundIn(data), promise: promise)
    }
  }

  public func flush(context: ChannelHandlerContext) {
    guard phase == .open, let session else {
      isFlushWanted = true
      return
    }
    isFlushWanted = false
    guard !writes.isEmpty else { return }
    do {
      let promise = try writes.drain(on: context.eventLoop) { bytes throws(TLSError) in
        if case .failed(let error) = session.write(bytes) { throw error }
      }
      sendCiphertext(context, promise: promise)
    } catch {
      fail(context, error)
    }
  }

  private func sendCiphertext(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>? = nil) {
    guard let bytes = session?.bytes.takeOutgoing() else {
      promise?.succeed()
      return
    }
    context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
  }
}

// MARK: - End

extension TLSHandler {
  public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    switch (phase, mode) {
    case (.ended, _), (.open, .input), (.closing, .input): context.close(mode: mode, promise: promise)
    case (.waiting, _), (.handshaking, _):
      end(failing: .ioOnClosedChannel)
      context.close(promise: promise)
    case (.open, .output) where output == .open:
      keep(promise)
      closeOutput(context)
    case (.open, .output), (.closing, .output): promise?.fail(ChannelError.outputClosed)
    case (.open, .all):
      keep(promise)
      phase = .closing
      let waited = outputClosedAt.map { (context.eventLoop.now - $0).nanoseconds } ?? 0
      startTimer(context, max(0, timeouts.shutdown - waited)) { $0.finishClose(context, isCut: true) }
      if output == .open { closeOutput(context) } else { finishClose(context) }
      if phase == .closing { context.read() }
    case (.closing, .all): keep(promise)
    }
  }

  private func keep(_ promise: EventLoopPromise<Void>?) {
    guard let promise else { return }
    if let closePromise { closePromise.futureResult.cascade(to: promise) } else { closePromise = promise }
  }

  /// Sends close_notify behind all output. The socket is not closed before that has left: SwiftNIO drops what is still
  /// unsent when both sides are closed.
  private func closeOutput(_ context: ChannelHandlerContext) {
    output = .closing
    outputClosedAt = context.eventLoop.now
    writes.fail(ChannelError.outputClosed)
    session?.closeOutput()
    let sent = context.eventLoop.makePromise(of: Void.self)
    sent.futureResult.assumeIsolated().whenComplete { _ in
      self.output = .closed
      self.finishClose(context)
    }
    sendCiphertext(context, promise: sent)
  }

  /// Closes as much of the socket as both sides' close_notify allow; all of it where the peer's time is up.
  private func finishClose(_ context: ChannelHandlerContext, isCut: Bool = false) {
    guard phase == .open || phase == .closing else { return }
    if isCut || isInputClosed && output == .closed {
      let promise = closePromise
      end(failing: .ioOnClosedChannel)
      context.close(promise: promise)
    } else if phase == .open, output == .closed {
      let promise = closePromise
      closePromise = nil
      context.close(mode: .output, promise: promise)
    }
  }

  private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
    guard phase != .ended else { return }
    let promise = closePromise
    let isTold = phase != .closing
    sendCiphertext(context)
    end(failing: .ioOnClosedChannel)
    if isTold { context.fireErrorCaught(error) }
    context.close(promise: promise)
  }

  /// Gives everything back; the channel is closed by the caller.
  private func end(failing error: ChannelError) {
    phase = .ended
    timer?.cancel()
    timer = nil
    session = nil
    closePromise = nil
    writes.fail(error)
  }
}
