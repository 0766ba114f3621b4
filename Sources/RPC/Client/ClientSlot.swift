import Cryptography
import Glibc
import NIOCore
import NIOPosix
import Wire

/// One call of `RPCClient` until it is answered.
struct PendingCall {
  let ticket: UInt64
  let method: String
  let request: [UInt8]
  let options: CallOptions
  /// Nanoseconds of the monotonic clock.
  let deadline: UInt64
  let finish: @Sendable (Result<[UInt8], RPCStatus>) -> Void
  /// Ends the call at its deadline.
  var timer: Scheduled<Void>?
  /// Failed attempts so far.
  var failures = 0
  /// Where it was sent; nil while it waits.
  var stream: UInt32?
}

/// One place of a client's pool: a connection that is made when a call needs it, and the calls on it or waiting for it.
/// Lives on one event loop.
final class ClientSlot: ClientConnectionDelegate {
  private enum Link {
    case none
    case connecting
    /// After a failure, until the timer ends.
    case waiting
    case connected(ClientConnection)
    case closed
  }

  private let configuration: ClientConfiguration
  private let eventLoop: any EventLoop
  private let transport: ClientTransport
  private let heard: @Sendable (Hello) -> Void
  private var link = Link.none
  /// A connection that takes no more calls while its open ones are finished.
  private var leaving: [ClientConnection] = []
  /// Every call that is not finished, by ticket.
  private var calls: [UInt64: PendingCall] = [:]
  /// Tickets of calls that are not sent, in order; may hold finished ones.
  private var queue: [UInt64] = []
  /// Attempts to connect that failed in a row.
  private var failures = 0
  /// What the server showed on the latest connection, leaf first.
  private(set) var peerChain: [Certificate] = []

  init(
    configuration: ClientConfiguration, eventLoop: any EventLoop, transport: @escaping ClientTransport,
    heard: @escaping @Sendable (Hello) -> Void
  ) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.transport = transport
    self.heard = heard
  }

  /// Takes a call.
  func submit(_ call: PendingCall) {
    if case .closed = link { return call.finish(.failure(.clientClosed)) }
    var call = call
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    let ticket = call.ticket
    call.timer = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(call.deadline)) {
      bound.value.giveUp(ticket, .deadlineExceeded)
    }
    calls[ticket] = call
    queue.append(ticket)
    sendQueued()
  }

  /// Ends a call whose caller no longer waits.
  func giveUp(_ ticket: UInt64, _ status: RPCStatus) {
    guard let call = calls[ticket] else { return }
    if let stream = call.stream {
      for connection in [connection].compactMap(\.self) + leaving { connection.abandon(stream, ticket: ticket) }
    }
    finish(ticket, .failure(status), wasSent: call.stream != nil)
  }

  /// Ends all calls and the connection.
  func close() {
    let old = connection
    link = .closed
    for ticket in Array(calls.keys) { finish(ticket, .failure(.clientClosed), wasSent: calls[ticket]?.stream != nil) }
    for connection in [old].compactMap(\.self) + leaving { connection.close(.clientClosed) }
  }

  private var connection: ClientConnection? {
    if case .connected(let connection) = link { return connection }
    return nil
  }

  private func finish(_ ticket: UInt64, _ result: Result<[UInt8], RPCStatus>, wasSent: Bool = true) {
    guard let call = calls.removeValue(forKey: ticket) else { return }
    call.timer?.cancel()
    call.finish(
      result.mapError { status in
        var status = status
        status.wasSent = wasSent
        return status
      })
  }
}

// MARK: - Sending

extension ClientSlot {
  private func sendQueued() {
    guard !queue.isEmpty else { return }
    guard let connection else { return connect() }
    var sent = 0
    loop: for ticket in queue {
      guard var call = calls[ticket] else {
        sent += 1
        continue
      }
      let now = ServerLoop.now()
      let meta = Meta.encodeRequestHeader(
        method: call.method, timeoutMicroseconds: max(1, elapsed(now, call.deadline) / 1_000), options: call.options)
      guard meta.count <= FrameLimits.maxMeta else {
        finish(ticket, .failure(.metadataTooLarge), wasSent: false)
        sent += 1
        continue
      }
      let opened = call.request.withUnsafeBytes { connection.send(meta: meta, message: $0, call: .single(ticket)) }
      switch opened {
      case .stream(let stream):
        call.stream = stream
        calls[ticket] = call
      case .tooLarge(let limit): finish(ticket, .failure(.requestTooLarge(limit: limit)), wasSent: false)
      case .wait: break loop
      case .unavailable:
        leave(connection)
        break loop
      }
      sent += 1
    }
    queue.removeFirst(sent)
    if self.connection == nil, !queue.isEmpty { connect() }
  }

  /// Takes no more calls to a connection.
  private func leave(_ connection: ClientConnection) {
    guard self.connection === connection else { return }
    leaving.append(connection)
    link = .none
  }

  private func connect() {
    guard case .none = link else { return }
    link = .connecting
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    configuration.connect(on: eventLoop, delegate: self, transport: transport).assumeIsolated().whenFailure { error in
      bound.value.connectFailed(.unreachable(error))
    }
  }

  /// No connection could be made, or it ended before it was complete: nothing was sent on it.
  private func connectFailed(_ status: RPCStatus) {
    guard case .connecting = link else { return }
    failures += 1
    link = .waiting
    for ticket in queue { attemptFailed(ticket, status, wasSent: false) }
    queue.removeAll { calls[$0] == nil }
    let delay = configuration.backoff.delay(failures: failures, random: .random(in: 0...1))
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: delay))) {
      guard case .waiting = bound.value.link else { return }
      bound.value.link = .none
      bound.value.sendQueued()
    }
  }

  /// An attempt was not processed. Ends the call where it may not be tried again.
  private func attemptFailed(_ ticket: UInt64, _ status: RPCStatus, wasSent: Bool) {
    guard var call = calls[ticket] else { return }
    call.failures += 1
    call.stream = nil
    calls[ticket] = call
    if call.options.isSealed || status.isOfServersCertificates || call.failures >= configuration.attempts {
      finish(ticket, .failure(status), wasSent: wasSent)
    }
  }
}

// MARK: - What connections tell

extension ClientSlot {
  func connectionStarted(_ connection: ClientConnection) {
    guard case .connecting = link else { return connection.close(.clientClosed) }
    link = .connected(connection)
    peerChain = connection.peerChain
    sendQueued()
  }

  func connectionOpened(_ connection: ClientConnection, hello: Hello) {
    failures = 0
    heard(hello)
    sendQueued()
  }

  func connection(
    _ connection: ClientConnection, finished call: ClientCall, _ status: RPCStatus?, reply: UnsafeRawBufferPointer
  ) {
    guard case .single(let ticket) = call else { return }
    finish(ticket, status.map { .failure($0) } ?? .success(Array(reply)))
  }

  func connection(_ connection: ClientConnection, notProcessed calls: [ClientCall], _ reason: RPCStatus) {
    leave(connection)
    for case .single(let ticket) in calls.reversed() {
      attemptFailed(ticket, reason, wasSent: false)
      if self.calls[ticket] != nil { queue.insert(ticket, at: 0) }
    }
    sendQueued()
  }

  func connectionReadComplete(_ connection: ClientConnection) {
    sendQueued()
  }

  func connectionClosed(_ connection: ClientConnection, open: [ClientCall], _ reason: RPCStatus) {
    leaving.removeAll { $0 === connection }
    for case .single(let ticket) in open { finish(ticket, .failure(reason)) }
    switch link {
    case .connecting where !connection.hasStarted: return connectFailed(reason)
    case .connected(let current) where current === connection:
      // A server that hangs up before its HELLO is left alone for a while, as one that cannot be reached.
      link = connection.hasOpened ? .none : .connecting
      if !connection.hasOpened { return connectFailed(reason) }
    default: break
    }
    sendQueued()
  }
}

extension RPCStatus {
  static let clientClosed = RPCStatus(.unavailable, "the client was closed", reason: "CLIENT_CLOSED")

  static func unreachable(_ error: any Error) -> RPCStatus {
    RPCStatus(.unavailable, "no connection: \(words(error))", reason: "UNREACHABLE", wasSent: false)
  }

  /// The system's words for a failed connection, without what NIO knows besides.
  private static func words(_ error: any Error) -> String {
    switch error {
    case let status as RPCStatus: return status.text
    case let error as IOError: return String(cString: strerror(error.errnoCode))
    case let error as NIOConnectionError:
      let place = "\(error.host) port \(error.port)"
      guard let first = error.connectionErrors.first else { return "\(place): the name is not known" }
      return "\(place): \(words(first.error))"
    default: return "\(error)"
    }
  }

  static var metadataTooLarge: RPCStatus {
    invalidField("metadata", "path and metadata take over \(FrameLimits.maxMeta) bytes")
  }

  static func requestTooLarge(limit: UInt32) -> RPCStatus {
    RPCStatus(.invalidArgument, "the server accepts frames of \(limit) bytes", reason: "REQUEST_TOO_LARGE")
  }
}
