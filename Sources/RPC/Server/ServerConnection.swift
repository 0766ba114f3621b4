import Logging
import NIOCore
import TLS
import Wire

/// A thin adapter: carries bytes between a channel and `ServerConnectionMachine`, and calls between the machine and the
/// methods. Last handler of its channel; everything on the channel's loop.
final class ServerConnection: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  private let loop: ServerLoop
  private var machine: ServerConnectionMachine
  private var reader: FrameReader
  private var context: ChannelHandlerContext?
  private(set) var ref = ConnectionRef(loop: 0, slot: 0, generation: 0)
  private(set) var peer = Peer(remoteAddress: "")
  /// Frames since the last flush; holds a buffer only while `isTouched`.
  private var output = ByteBuffer()
  private var isTouched = false
  private var asyncCalls = StreamTable<AsyncCall>()
  /// Largest `length` that the client accepts.
  private var clientMaxLength = FrameLimits.smallestMaxLength
  /// Set once TLS is complete; nothing is read or timed here before.
  private var isReady = false
  private var isOverLimit = false
  private var isReadPending = false

  init(loop: ServerLoop) {
    self.loop = loop
    machine = ServerConnectionMachine(limits: loop.limits, now: ServerLoop.now())
    reader = FrameReader(maxLength: loop.limits.maxLength)
  }

  var allocator: ByteBufferAllocator { context?.channel.allocator ?? ByteBufferAllocator() }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    ref = loop.connections.insert(self, loop: loop.index)
  }

  /// Comes after every end, that of a channel which never became active included.
  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    for (_, call) in asyncCalls.all { call.end(.cancelled) }
    loop.closed(ref)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    loop.logger.debug("connection failed", metadata: ["peer": "\(peer.remoteAddress)", "error": "\(error)"])
    context.close(promise: nil)
  }

  /// The transport is complete: says HELLO and begins to count time.
  func start(peer: Peer) {
    self.peer = peer
    isReady = true
    machine = ServerConnectionMachine(limits: loop.limits, now: ServerLoop.now())
    write(.hello, stream: 0, meta: Meta.encodeHello(loop.limits, isServer: true))
    if loop.isDraining { drain(.shuttingDown) }
    flushOutput()
  }
}

// MARK: - Input

extension ServerConnection {
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard isReady, !machine.isClosing else { return }
    let now = ServerLoop.now()
    let violation = reader.read(unwrapInboundIn(data)) { frame in
      receive(frame, now: now)
      return !machine.isClosing
    }
    if let violation {
      close(machine.fail(violation, now: now).closeReason)
    } else if !machine.isClosing {
      machine.inputConsumed(isPartial: reader.isPartial, now: now)
    }
  }

  private func receive(_ frame: Frame, now: UInt64) {
    switch machine.received(frame.header, now: now) {
    case .request: receiveRequest(frame, now: now)
    case .ignore: break
    case .refuseRequest: writeStatus(.tooManyOpenCalls, stream: frame.header.stream)
    case .cancel: cancel(frame.header.stream)
    case .answerPing: write(.ping, flags: .ack, stream: 0, message: frame.message)
    case .hello:
      let hello = Meta.decodeHello(frame.meta)
      if let violation = machine.receivedHello(maxLength: hello?.maxLength, now: now) {
        return close(violation.closeReason)
      }
      clientMaxLength = min(hello?.maxLength ?? 0, FrameLimits.largestMaxLength)
    case .violation(let violation): close(violation.closeReason)
    }
  }

  private func receiveRequest(_ frame: Frame, now: UInt64) {
    let stream = frame.header.stream
    guard let header = loop.headers.read(frame.meta, in: loop.methods) else {
      return close(machine.fail(.metaUndecodable(.request), now: now).closeReason)
    }
    guard let method = header.method else {
      machine.responded()
      return writeStatus(.methodUnknown, stream: stream)
    }
    let call = InLoopCall(connection: ref, stream: stream, deadline: now + header.timeoutNanoseconds)
    switch loop.methods[method] {
    case .inLoop(let handler): loop.receive(handler, call, frame.message)
    case .async(let path, let handler):
      let context = ServerContext(
        method: path, deadline: call.deadline, metadata: header.metadata, traceparent: header.traceparent, peer: peer,
        connection: ref)
      run(call, handler, Array(frame.message), context)
    }
  }

  private func run(
    _ call: InLoopCall, _ handler: @escaping MethodTable.Handler, _ request: [UInt8], _ context: ServerContext
  ) {
    let results: AsyncResults = loop.results
    let task = Task {
      do {
        results.add(call, .success(try await handler(request, context)))
      } catch {
        results.add(call, .failure(error))
      }
    }
    asyncCalls.insert(AsyncCall(deadline: call.deadline, task: task), for: call.stream)
  }

  private func cancel(_ stream: UInt32) {
    if let call = asyncCalls[stream] {
      call.end(.cancelled)
    } else {
      loop.cancelled(InLoopCall(connection: ref, stream: stream, deadline: 0))
    }
  }
}

// MARK: - Output

extension ServerConnection {
  /// Appends the reply of an open call to the output.
  func respond(_ stream: UInt32, message: (inout ByteBuffer) -> Void) {
    machine.responded()
    guard !machine.isClosing else { return }
    touch()
    let start = output.writerIndex
    output.writeRepeatingByte(0, count: FrameHeader.size)
    message(&output)
    let length = output.writerIndex - start - FrameHeader.size
    guard length <= Int(clientMaxLength) else {
      output.moveWriterIndex(to: start)
      return writeStatus(.replyTooLarge(length, limit: clientMaxLength), stream: stream)
    }
    let header = FrameHeader(type: .response, stream: stream, metaLength: 0, messageLength: length)
    output.write(header, at: start)
  }

  /// Refuses an open call.
  func respond(_ stream: UInt32, status: RPCStatus) {
    machine.responded()
    if !machine.isClosing { writeStatus(status, stream: stream) }
  }

  /// An `async` method has ended.
  func finishAsync(_ stream: UInt32, _ result: Result<[UInt8], any Error>) {
    guard let call = asyncCalls.remove(stream) else { return }
    switch result {
    case .success(let reply): respond(stream) { $0.writeBytes(reply) }
    case .failure(let error):
      let status = call.status(for: error)
      if status == nil { loop.logger.error("a method failed", metadata: ["error": "\(error)"]) }
      respond(stream, status: status ?? .internalError)
    }
  }

  private func writeStatus(_ status: RPCStatus, stream: UInt32) {
    write(.response, stream: stream, meta: Meta.encodeResponseHeader(status))
  }

  private func write(
    _ type: FrameType, flags: FrameFlags = [], stream: UInt32, meta: [UInt8] = [],
    message: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    touch()
    output.writeFrame(type, flags: flags, stream: stream, meta: meta, message: message)
  }

  private func touch() {
    guard !isTouched else { return }
    isTouched = true
    output = loop.touch(self)
    loop.scheduleTurn()
  }

  /// Sends what was written; closes where nothing is left to do.
  func flushOutput() {
    if isTouched, let context {
      isTouched = false
      let buffer = output
      output = ByteBuffer()
      context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
      loop.recycle(buffer)
    }
    if isReady, machine.isFinished { endOutput() }
  }
}

// MARK: - Backpressure

extension ServerConnection {
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isOverLimit = !context.channel.isWritable
    machine.outputChanged(isOverLimit: isOverLimit, now: ServerLoop.now())
    readingChanged()
    context.fireChannelWritabilityChanged()
  }

  func read(context: ChannelHandlerContext) {
    if isReady, isOverLimit || loop.isReadingPaused {
      isReadPending = true
    } else {
      context.read()
    }
  }

  /// Reading was paused or may go on, here or for the whole loop.
  func readingChanged() {
    let now = ServerLoop.now()
    guard !isOverLimit, !loop.isReadingPaused else { return machine.readingPaused(now: now) }
    machine.readingResumed(now: now)
    guard isReadPending else { return }
    isReadPending = false
    context?.read()
  }
}

// MARK: - End

extension ServerConnection {
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as TLSHandshakeCompleted:
      start(peer: Peer(remoteAddress: context.remoteAddress?.ipAddress ?? "", certificates: event.peerChain))
    case ChannelEvent.inputClosed: inputClosed()
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  private func inputClosed() {
    guard isReady, !machine.isClosing else {
      context?.close(promise: nil)
      return
    }
    if let violation = machine.inputClosed(isPartial: reader.isPartial, now: ServerLoop.now()) {
      close(violation.closeReason)
    } else {
      flushOutput()
    }
  }

  /// Tells the client why and ends; the client has `ConnectionLimits.closeTimeout` to close its side.
  private func close(_ reason: CloseReason) {
    loop.logger.debug("closing", metadata: ["peer": "\(peer.remoteAddress)", "reason": "\(reason.reason)"])
    write(.goAway, stream: 0, meta: Meta.encodeGoAway(lastStream: machine.lastAccepted, reason))
    endOutput()
  }

  private func endOutput() {
    machine.startClose(now: ServerLoop.now())
    if isTouched { flushOutput() }
    context?.close(mode: .output, promise: nil)
  }

  /// No new calls, the open ones are finished.
  func drain(_ reason: CloseReason) {
    guard isReady else { return cut() }
    guard machine.startDrain() else { return }
    write(.goAway, stream: 0, meta: Meta.encodeGoAway(lastStream: machine.lastAccepted, reason))
  }

  func cut() {
    context?.close(promise: nil)
  }

  func tick(now: UInt64) {
    guard isReady else { return }
    if asyncCalls.count > 0 {
      for (_, call) in asyncCalls.all where call.deadline <= now { call.end(.deadline) }
    } else {
      asyncCalls.shrink()
    }
    switch machine.tick(now: now) {
    case .none: break
    case .close(let reason): close(reason)
    case .cut: cut()
    }
  }
}
