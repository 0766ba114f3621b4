import Cryptography
import NIOCore
import TLS
import Wire

/// What waits for the response on a stream.
enum ClientCall {
  /// A call of `RPCClient`, by its ticket.
  case single(UInt64)
  /// A call of a `BatchReceiver`, by its tag.
  case batch(UInt64)
  /// Given up; the server's answer is dropped, its slot is held until then.
  case abandoned
}

/// Whom a client's connection tells what happened. All on its event loop.
protocol ClientConnectionDelegate: AnyObject {
  /// TLS is complete: a few calls may be sent.
  func connectionStarted(_ connection: ClientConnection)
  /// The server's HELLO has come; calls beyond the first few may be sent.
  func connectionOpened(_ connection: ClientConnection, hello: Hello)
  /// A call has its answer. `reply` is valid during this call only.
  func connection(
    _ connection: ClientConnection, finished call: ClientCall, _ status: RPCStatus?, reply: UnsafeRawBufferPointer)
  /// The server takes no more calls here; these were not processed.
  func connection(_ connection: ClientConnection, notProcessed calls: [ClientCall], _ reason: RPCStatus)
  /// All that could be read has been, or a call has ended: more calls may be sent.
  func connectionReadComplete(_ connection: ClientConnection)
  /// The connection is gone; these calls have an unknown outcome.
  func connectionClosed(_ connection: ClientConnection, open calls: [ClientCall], _ reason: RPCStatus)
}

/// A thin adapter between a channel, `ClientConnectionMachine` and the delegate. Last handler of its channel.
final class ClientConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let limits: ConnectionConfiguration
  private let keepAlive: UInt64
  private let firstStream: UInt32
  private weak var delegate: (any ClientConnectionDelegate)?
  private var machine: ClientConnectionMachine
  private var reader: FrameReader
  private var calls = StreamTable<ClientCall>()
  private var context: ChannelHandlerContext?
  private var output = ByteBuffer()
  private var isReady = false
  /// The server's HELLO has come.
  private(set) var hasOpened = false
  /// What is written will leave by itself: a task or the end of the present read flushes.
  private var isFlushScheduled = false
  /// Set once, when the connection ends; told to the delegate when the channel is inactive.
  private var end: RPCStatus?
  private var ticking: RepeatedTask?
  /// The server's certificates, leaf first.
  private(set) var peerChain: [Certificate] = []

  init(
    limits: ConnectionConfiguration, keepAlive: UInt64, firstStream: UInt32, delegate: any ClientConnectionDelegate
  ) {
    self.limits = limits
    self.keepAlive = keepAlive
    self.firstStream = firstStream
    self.delegate = delegate
    machine = ClientConnectionMachine(
      limits: limits, keepAlive: keepAlive, firstStream: firstStream, now: ServerLoop.now())
    reader = FrameReader(maxLength: limits.maxLength)
  }

  var isUsable: Bool { isReady && machine.isUsable && end == nil }
  /// Whether the transport was ever complete; before, nothing can have been sent.
  var hasStarted: Bool { isReady }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  /// The transport is complete: says HELLO.
  func start() {
    guard let context else { return }
    isReady = true
    machine = ClientConnectionMachine(
      limits: limits, keepAlive: keepAlive, firstStream: firstStream, now: ServerLoop.now())
    write(.hello, stream: 0, meta: Meta.encodeHello(limits, isServer: false))
    flush()
    let tick = TimeAmount.nanoseconds(Int64(ConnectionLimits.tick))
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    ticking = context.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
    delegate?.connectionStarted(self)
  }
}

// MARK: - Calls

extension ClientConnection {
  /// Sends a REQUEST where that is possible now. It leaves at the next `flush`, or by itself soon.
  func send(meta: [UInt8], message: UnsafeRawBufferPointer, call: ClientCall) -> ClientConnectionMachine.Opened {
    guard isUsable else { return .unavailable }
    guard meta.count <= FrameLimits.maxMeta else { return .tooLarge(limit: UInt32(FrameLimits.maxMeta)) }
    let opened = machine.open(length: meta.count + message.count)
    if case .stream(let stream) = opened {
      calls.insert(call, for: stream)
      write(.request, stream: stream, meta: meta, message: message)
    }
    return opened
  }

  /// Gives a call up: CANCEL goes out, its answer will be dropped.
  func abandon(_ stream: UInt32, ticket: UInt64) {
    guard case .single(ticket)? = calls[stream], end == nil else { return }
    calls.update(.abandoned, for: stream)
    write(.cancel, stream: stream)
  }

  /// Tells the server that a call is given up; its answer is still awaited.
  func cancel(_ stream: UInt32) {
    guard calls[stream] != nil, end == nil else { return }
    write(.cancel, stream: stream)
  }

  private func write(
    _ type: FrameType, flags: FrameFlags = [], stream: UInt32, meta: [UInt8] = [],
    message: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    guard let context else { return }
    if output.readableBytes == 0 { output = context.channel.allocator.buffer(capacity: 4 << 10) }
    output.writeFrame(type, flags: flags, stream: stream, meta: meta, message: message)
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.execute { bound.value.flush() }
  }

  /// Sends what was written, in one write.
  func flush() {
    isFlushScheduled = false
    guard output.readableBytes > 0, let context else { return }
    let buffer = output
    output = ByteBuffer()
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
  }

  /// Closes; open calls have an unknown outcome.
  func close(_ status: RPCStatus) {
    guard let context else { return }
    if end == nil { end = status }
    machine.closed()
    context.close(promise: nil)
  }
}

// MARK: - Input

extension ClientConnection {
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard isReady, end == nil else { return }
    isFlushScheduled = true
    let now = ServerLoop.now()
    let violation = reader.read(unwrapInboundIn(data)) { frame in
      receive(frame, now: now)
      return end == nil
    }
    if let violation {
      fail(violation)
    } else if end == nil {
      machine.inputConsumed(isPartial: reader.isPartial, now: now)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if end == nil {
      isFlushScheduled = true
      delegate?.connectionReadComplete(self)
      flush()
      if machine.isFinished { close(.connectionEnded("the server takes no more calls on this connection")) }
    }
    context.fireChannelReadComplete()
  }

  private func receive(_ frame: Frame, now: UInt64) {
    switch machine.received(frame.header, now: now) {
    case .response: receiveResponse(frame)
    case .ignore: break
    case .answerPing: write(.ping, flags: .ack, stream: 0, message: frame.message)
    case .hello: receiveHello(frame)
    case .goAway: receiveGoAway(frame)
    case .violation(let violation): fail(violation)
    }
  }

  private func receiveResponse(_ frame: Frame) {
    let stream = frame.header.stream
    var status: RPCStatus?
    if frame.header.metaLength > 0 {
      guard let decoded = Meta.decodeResponseHeader(frame.meta) else { return fail(.metaUndecodable(.response)) }
      status = decoded
    }
    guard let call = calls.remove(stream) else { return fail(machine.unmatchedResponse(stream)) }
    machine.responded()
    if case .abandoned = call { return }
    delegate?.connection(self, finished: call, status, reply: frame.message)
  }

  private func receiveHello(_ frame: Frame) {
    guard let hello = Meta.decodeHello(frame.meta) else { return fail(.metaUndecodable(.hello)) }
    let violation = machine.receivedHello(
      maxLength: hello.maxLength, maxOpenCalls: hello.maxOpenCalls,
      pingIntervalMilliseconds: hello.minPingIntervalMs)
    if let violation { return fail(violation) }
    hasOpened = true
    delegate?.connectionOpened(self, hello: hello)
  }

  private func receiveGoAway(_ frame: Frame) {
    guard let goAway = Meta.decodeGoAway(frame.meta) else { return fail(.metaUndecodable(.goAway)) }
    if let violation = machine.receivedGoAway(lastStream: goAway.lastStream) { return fail(violation) }
    var dropped: [ClientCall] = []
    for (stream, call) in calls.all where stream > goAway.lastStream {
      _ = calls.remove(stream)
      machine.notProcessed()
      dropped.append(call)
    }
    let status = RPCStatus(.unavailable, goAway.text, reason: goAway.reason)
    delegate?.connection(self, notProcessed: dropped, status)
  }

  private func fail(_ violation: ProtocolViolation) {
    let reason = violation.closeReason
    close(RPCStatus(.unavailable, "the server broke the protocol: \(reason.text)", reason: reason.reason))
  }
}

// MARK: - End and time

extension ClientConnection {
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    machine.outputChanged(isOverLimit: !context.channel.isWritable, now: ServerLoop.now())
    context.fireChannelWritabilityChanged()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as TLSHandshakeCompleted:
      peerChain = event.peerChain
      start()
    case ChannelEvent.inputClosed: close(.connectionEnded("the server closed the connection"))
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    close(.connectionFailed(error))
  }

  func channelInactive(context: ChannelHandlerContext) {
    ticking?.cancel()
    machine.closed()
    let status = end ?? .connectionEnded("the connection was lost")
    end = status
    let open = calls.all.map(\.value)
    calls = StreamTable()
    delegate?.connectionClosed(self, open: open, status)
    context.fireChannelInactive()
  }

  private func tick() {
    if delegate == nil { return close(.clientClosed) }
    switch machine.tick(now: ServerLoop.now()) {
    case .none: break
    case .sendPing:
      withUnsafeBytes(of: ServerLoop.now().bigEndian) { write(.ping, stream: 0, message: $0) }
    case .close(let reason): close(RPCStatus(.unavailable, reason.text, reason: reason.reason))
    }
  }
}

extension RPCStatus {
  static func connectionFailed(_ error: any Error) -> RPCStatus {
    switch error as? TLSError {
    case .certificateRefused(let refusal) where refusal.offset ?? 0 > 0:
      RPCStatus(
        .unavailable,
        "this machine's clock is \(refusal.offset ?? 0) seconds or more behind the other end's, whose certificate is not "
          + "valid before; set it right", reason: "CLOCK_BEHIND")
    case .certificateRefused(let refusal) where refusal.offset ?? 0 < 0:
      RPCStatus(
        .unavailable,
        "by this machine's clock the other end's certificate is over (\(refusal)); set the clock right where it is wrong, "
          + "else a new certificate is needed there", reason: "CERTIFICATE_OVER")
    case .certificateRefused, .rootNotPresented, .chainUnreadable:
      RPCStatus(.unavailable, "\(error)", reason: "SERVER_UNTRUSTED")
    default: connectionEnded("the connection failed: \(error)")
    }
  }

  /// The server is not the one that was asked for.
  package var isUntrusted: Bool { reason == "SERVER_UNTRUSTED" }

  /// The server's certificates are not good, or not at the time that this machine's clock says: trying again would not
  /// help.
  var isOfServersCertificates: Bool { isUntrusted || reason == "CLOCK_BEHIND" || reason == "CERTIFICATE_OVER" }

  static func connectionEnded(_ text: String) -> RPCStatus {
    RPCStatus(.unavailable, text, reason: "CONNECTION_LOST")
  }
}
