import CountersignRPC
import NIOCore
import TLS

/// Whom a line to the service tells what happened. All on its event loop.
protocol UpstreamOwner: AnyObject {
  func opened(_ line: UpstreamLine)
  /// A call has its answer. `reply` is valid during this call only.
  func answered(_ tag: UInt64, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer)
  /// The line takes no more calls, or is over; calls with these tags get no answer on it.
  func lost(_ line: UpstreamLine, open tags: [UInt64], _ reason: RPCStatus)
  func readComplete()
}

/// One connection to the service, from the attempt to make it to its end.
///
/// `connecting` → `open` → `leaving` with GOAWAY or when it is replaced → `over`.
final class UpstreamLine: BatchReceiver {
  private enum State {
    case connecting
    case open(BatchConnection)
    case leaving(BatchConnection)
    case over
  }

  private var state = State.connecting
  private weak var owner: (any UpstreamOwner)?
  private var openCalls = 0

  init(owner: any UpstreamOwner) { self.owner = owner }

  var isOpen: Bool { if case .open = state { true } else { false } }

  func connect(_ configuration: ClientConfiguration, tls: TLSContext, on eventLoop: any EventLoop) {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    BatchConnection.connect(configuration, tls: tls, on: eventLoop) { bound.value }.whenFailure { error in
      eventLoop.execute {
        bound.value.end(open: [], RPCStatus(.unavailable, "\(error)", reason: GatewayReason.upstreamLost.rawValue))
      }
    }
  }

  /// Sends a call where the line is open and the service takes one more.
  func send(
    _ header: BatchConnection.Header, tag: UInt64, timeoutMicroseconds: UInt64, _ request: UnsafeRawBufferPointer
  ) -> BatchConnection.Sent {
    guard case .open(let connection) = state else { return .unavailable }
    let sent = connection.send(header, tag: tag, timeoutMicroseconds: timeoutMicroseconds, request)
    if case .stream = sent { openCalls += 1 }
    return sent
  }

  /// Tells the service that a call is given up; its answer is still awaited.
  func cancel(_ stream: UInt32) {
    switch state {
    case .open(let connection), .leaving(let connection): connection.cancel(stream)
    case .connecting, .over: break
    }
  }

  func flush() {
    if case .open(let connection) = state { connection.flush() }
  }

  /// Takes no more calls; closes when its open ones are answered.
  func retire() {
    switch state {
    case .open(let connection):
      state = .leaving(connection)
      closeIfIdle()
    case .connecting: state = .over
    case .leaving, .over: break
    }
  }

  private func closeIfIdle() {
    if case .leaving(let connection) = state, openCalls == 0 { connection.close() }
  }

  private func end(open tags: [UInt64], _ reason: RPCStatus) {
    if case .over = state { return }
    state = .over
    owner?.lost(self, open: tags, reason)
  }
}

// MARK: - What the connection tells

extension UpstreamLine {
  func opened(_ connection: BatchConnection) {
    guard case .connecting = state, let owner else { return connection.close() }
    state = .open(connection)
    owner.opened(self)
  }

  func receive(tag: UInt64, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer) {
    openCalls -= 1
    owner?.answered(tag, status, reply)
  }

  func leaving(_ connection: BatchConnection, notProcessed tags: [UInt64], _ reason: RPCStatus) {
    openCalls -= tags.count
    if case .open = state { state = .leaving(connection) }
    owner?.lost(self, open: tags, reason)
  }

  func readComplete(_ connection: BatchConnection) {
    owner?.readComplete()
    closeIfIdle()
  }

  func closed(_ connection: BatchConnection, open tags: [UInt64], _ reason: RPCStatus) {
    if case .over = state, tags.isEmpty { return }
    state = .over
    owner?.lost(self, open: tags, reason)
  }
}
