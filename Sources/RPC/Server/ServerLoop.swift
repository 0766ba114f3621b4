import Logging
import NIOCore
import Wire

/// One event loop of a server, seen by the handlers that run on it. Every method is called on that loop's thread.
public final class ServerLoop {
  /// From 0.
  public let index: UInt32
  /// The loop itself.
  public let eventLoop: any EventLoop

  let limits: ConnectionConfiguration
  let logger: Logger
  private(set) var methods: MethodIndex!
  private(set) var results: AsyncResults!
  let headers = RequestHeaderReader()
  var connections = ConnectionSlots<ServerConnection>()
  private var buffers = OutputBuffers()
  /// Connections with output since the last flush.
  private var touched: [ServerConnection] = []
  /// One for each in-loop handler: a request has come since its last `readComplete`.
  private var hasReceived: [Bool] = []
  private var isTurnScheduled = false
  private var endOfTurn: @Sendable () -> Void = {}
  private var ticking: RepeatedTask?
  private(set) var isReadingPaused = false
  private(set) var isDraining = false
  private var drained: EventLoopPromise<Void>?

  /// Made on the loop itself.
  init(
    index: UInt32, eventLoop: any EventLoop, methods: MethodTable, limits: ConnectionConfiguration, logger: Logger
  ) {
    eventLoop.preconditionInEventLoop()
    self.index = index
    self.eventLoop = eventLoop
    self.limits = limits
    self.logger = logger
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    endOfTurn = { bound.value.finishTurn() }
    results = AsyncResults(eventLoop: eventLoop) { bound.value.deliverResults() }
    self.methods = MethodIndex(methods, loop: self)
    hasReceived = Array(repeating: false, count: self.methods.handlers.count)
    let tick = TimeAmount.nanoseconds(Int64(ConnectionLimits.tick))
    ticking = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
  }

  /// Nanoseconds of the monotonic clock that all deadlines use.
  public static func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

  /// Answers a call with a reply that `message` appends to the connection's output; it must not call this loop. Dropped
  /// where the connection is gone. Goes out at the next `flush`, or by itself when all that can be read has been.
  public func respond(_ call: InLoopCall, message: (inout ByteBuffer) -> Void) {
    connections[call.connection]?.respond(call.stream, message: message)
  }

  /// Answers a call with a status other than OK.
  public func respond(_ call: InLoopCall, status: RPCStatus) {
    connections[call.connection]?.respond(call.stream, status: status)
  }

  /// Sends what was answered since the last flush: one write and one flush for each connection.
  public func flush() {
    let connections = touched
    touched.removeAll(keepingCapacity: true)
    for connection in connections { connection.flushOutput() }
  }

  /// Who is at the other end; nil where the connection is gone.
  public func peer(of connection: ConnectionRef) -> Peer? {
    connections[connection]?.peer
  }

  /// Stops or goes on reading from all connections of this loop, for a handler whose own queue is full.
  public func setReading(paused: Bool) {
    guard paused != isReadingPaused else { return }
    isReadingPaused = paused
    for connection in connections.all { connection.readingChanged() }
  }
}

// MARK: - For connections

extension ServerLoop {
  /// Hands a request to an in-loop handler; its `readComplete` follows at the end of the turn.
  func receive(_ handler: Int, _ call: InLoopCall, _ request: UnsafeRawBufferPointer) {
    hasReceived[handler] = true
    scheduleTurn()
    methods.handlers[handler].receive(call, request)
  }

  /// The connection has output for the next flush; returns a buffer for it.
  func touch(_ connection: ServerConnection) -> ByteBuffer {
    touched.append(connection)
    return buffers.take(from: connection.allocator)
  }

  func recycle(_ buffer: ByteBuffer) { buffers.give(buffer) }

  /// All sockets that are ready now are read before `finishTurn`, so that a batch holds the calls of many connections.
  func scheduleTurn() {
    guard !isTurnScheduled else { return }
    isTurnScheduled = true
    eventLoop.execute(endOfTurn)
  }

  /// The client gave up a call that an in-loop handler may have.
  func cancelled(_ call: InLoopCall) {
    for handler in methods.handlers { handler.cancelled(call) }
  }

  private func finishTurn() {
    isTurnScheduled = false
    for index in hasReceived.indices where hasReceived[index] {
      hasReceived[index] = false
      methods.handlers[index].readComplete()
    }
    flush()
  }

  private func deliverResults() {
    for entry in results.takeAll() {
      connections[entry.call.connection]?.finishAsync(entry.call.stream, entry.result)
    }
    flush()
  }

  func closed(_ connection: ConnectionRef) {
    connections.remove(connection)
    for handler in methods.handlers { handler.connectionClosed(connection) }
    if isDraining, connections.isEmpty { drained?.succeed() }
  }

  private func tick() {
    let now = ServerLoop.now()
    for connection in connections.all { connection.tick(now: now) }
    for handler in methods.handlers { handler.tick(now: now) }
    flush()
  }
}

// MARK: - Shutdown

extension ServerLoop {
  /// Sends GOAWAY on every connection; done when all of them are closed.
  func drain() -> EventLoopFuture<Void> {
    isDraining = true
    let promise = drained ?? eventLoop.makePromise()
    drained = promise
    for connection in connections.all { connection.drain(.shuttingDown) }
    flush()
    if connections.isEmpty { promise.succeed() }
    return promise.futureResult
  }

  /// Sends GOAWAY on the connections whose peer `isRevoked` names.
  func endConnections(ofRevoked isRevoked: (Peer) -> Bool) {
    for connection in connections.all where isRevoked(connection.peer) { connection.drain(.certificateRevoked) }
    flush()
  }

  /// Closes what is left.
  func stop() {
    ticking?.cancel()
    for connection in connections.all { connection.cut() }
    drained?.succeed()
  }
}
