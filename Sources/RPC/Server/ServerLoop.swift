import NIOCore

/// One event loop of a server, seen by the handlers that run on it. Every method is called on that loop's thread.
public final class ServerLoop {
  /// From 0.
  public let index: UInt32
  /// The loop itself.
  public let eventLoop: any EventLoop

  init(index: UInt32, eventLoop: any EventLoop) {
    self.index = index
    self.eventLoop = eventLoop
  }

  /// Answers a call with a reply that `message` appends to the connection's output. Dropped where the connection is
  /// gone. Goes out at the next `flush`.
  public func respond(_ call: InLoopCall, message: (inout ByteBuffer) -> Void) {
  }

  /// Answers a call with a status other than OK.
  public func respond(_ call: InLoopCall, status: RPCStatus) {
  }

  /// Sends what was answered since the last flush: one write and one flush for each connection.
  public func flush() {
  }

  /// Who is at the other end; nil where the connection is gone.
  public func peer(of connection: ConnectionRef) -> Peer? {
    nil
  }
}
