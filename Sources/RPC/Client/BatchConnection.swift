import NIOCore
import TLS
import Wire

/// Takes the answers of a `BatchConnection`, many at a time. Everything on the connection's event loop.
public protocol BatchReceiver: AnyObject {
  /// The server's HELLO has come: all its open calls may be used.
  func opened(_ connection: BatchConnection)
  /// A call has its answer.
  ///
  /// - Parameters:
  ///   - status: nil is OK.
  ///   - reply: valid during this call only.
  func receive(tag: UInt64, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer)
  /// The server takes no more calls on this connection (GOAWAY); those with these tags were not processed. Open ones are
  /// still answered.
  func leaving(_ connection: BatchConnection, notProcessed tags: [UInt64], _ reason: RPCStatus)
  /// All answers that were there to read have come; what is sent in here leaves in one write.
  func readComplete(_ connection: BatchConnection)
  /// The connection is gone; calls with these tags have an unknown outcome.
  func closed(_ connection: BatchConnection, open tags: [UInt64], _ reason: RPCStatus)
}

extension BatchReceiver {
  /// Tells calls that were not processed as answers with the reason.
  public func leaving(_ connection: BatchConnection, notProcessed tags: [UInt64], _ reason: RPCStatus) {
    for tag in tags { receive(tag: tag, reason, UnsafeRawBufferPointer(start: nil, count: 0)) }
  }
}

/// One connection for programs that keep many calls open at little cost, such as load generators and gateways: no task
/// and no timer for a call. It is not made again when it is lost, and calls have no deadline on this side.
///
/// Everything on its event loop.
public final class BatchConnection: ClientConnectionDelegate {
  /// The part of a REQUEST that many calls share.
  public struct Header: Sendable {
    let meta: [UInt8]

    /// Prepares calls of one method.
    public init(method: String, options: CallOptions = .standard) {
      meta = Meta.encodeRequestHeader(
        method: method, timeoutMicroseconds: options.timeoutMicroseconds ?? 0, options: options)
    }
  }

  private let receiver: any BatchReceiver
  private var connection: ClientConnection?

  private init(receiver: any BatchReceiver) {
    self.receiver = receiver
  }

  /// Connects on `eventLoop`, where the receiver is made.
  ///
  /// - Returns: when TCP is connected; `BatchReceiver.opened` follows when calls may be sent.
  public static func connect(
    _ configuration: ClientConfiguration, tls: TLSContext, on eventLoop: any EventLoop,
    receiver: @escaping @Sendable () -> any BatchReceiver
  ) -> EventLoopFuture<Void> {
    connect(configuration, on: eventLoop, transport: configuration.transport(tls), receiver: receiver)
  }

  static func connect(
    _ configuration: ClientConfiguration, on eventLoop: any EventLoop, transport: @escaping ClientTransport,
    receiver: @escaping @Sendable () -> any BatchReceiver
  ) -> EventLoopFuture<Void> {
    eventLoop.flatSubmit {
      let batch = BatchConnection(receiver: receiver())
      batch.keptAlive = batch
      let kept = NIOLoopBound(batch, eventLoop: eventLoop)
      return configuration.connect(on: eventLoop, delegate: batch, transport: transport).map { _ in }
        .flatMapErrorThrowing { error in
          kept.value.keptAlive = nil
          throw error
        }
    }
  }

  /// Keeps the connection while its channel is open; cleared when that is closed.
  private var keptAlive: BatchConnection?

  /// What became of a call that was to be sent.
  public enum Sent: Sendable, Equatable {
    /// It leaves on this stream.
    case stream(UInt32)
    /// Not sent; try again after an answer.
    case wait
    /// Not sent; the server takes frames of this many bytes.
    case tooLarge(limit: UInt32)
    /// Not sent; this connection takes no calls.
    case unavailable
  }

  /// Sends a call if the server takes one more now.
  ///
  /// - Parameters:
  ///   - tag: comes back with the answer.
  ///   - timeoutMicroseconds: time of this call, where the header has none; nil: the header's.
  public func send(
    _ header: Header, tag: UInt64, timeoutMicroseconds: UInt64? = nil, _ message: UnsafeRawBufferPointer
  ) -> Sent {
    let meta = timeoutMicroseconds.map { Meta.encodeRequestHeader(header.meta, timeoutMicroseconds: $0) } ?? header.meta
    switch connection?.send(meta: meta, message: message, call: .batch(tag)) {
    case .stream(let stream)?: return .stream(stream)
    case .wait?: return .wait
    case .tooLarge(let limit)?: return .tooLarge(limit: limit)
    case .unavailable?, nil: return .unavailable
    }
  }

  /// Gives a call up: CANCEL goes out, and its answer is still told.
  public func cancel(_ stream: UInt32) { connection?.cancel(stream) }

  /// Sends what was written, in one write. Happens by itself after `readComplete`.
  public func flush() { connection?.flush() }

  /// Closes the connection.
  public func close() { connection?.close(.clientClosed) }

  func connectionStarted(_ connection: ClientConnection) { self.connection = connection }

  func connectionOpened(_ connection: ClientConnection, hello: Hello) { receiver.opened(self) }

  func connection(
    _ connection: ClientConnection, finished call: ClientCall, _ status: RPCStatus?, reply: UnsafeRawBufferPointer
  ) {
    if case .batch(let tag) = call { receiver.receive(tag: tag, status, reply) }
  }

  func connection(_ connection: ClientConnection, notProcessed calls: [ClientCall], _ reason: RPCStatus) {
    receiver.leaving(self, notProcessed: Self.tags(of: calls), reason)
  }

  func connectionReadComplete(_ connection: ClientConnection) { receiver.readComplete(self) }

  func connectionClosed(_ connection: ClientConnection, open: [ClientCall], _ reason: RPCStatus) {
    self.connection = nil
    receiver.closed(self, open: Self.tags(of: open), reason)
    keptAlive = nil
  }

  private static func tags(of calls: [ClientCall]) -> [UInt64] {
    calls.compactMap { call in
      if case .batch(let tag) = call { return tag }
      return nil
    }
  }
}
