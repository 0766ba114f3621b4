/// Names one connection of a server for the life of the process.
public struct ConnectionRef: BitwiseCopyable, Sendable, Hashable {
  /// Index of the event loop.
  public let loop: UInt32
  /// Place in the loop's table; used again after the connection has closed.
  public let slot: UInt32
  /// Tells apart connections that had the same place.
  public let generation: UInt64

  /// Makes a reference, for tests of services.
  public init(loop: UInt32, slot: UInt32, generation: UInt64) {
    self.loop = loop
    self.slot = slot
    self.generation = generation
  }
}

/// One call that is handled on its event loop.
public struct InLoopCall: BitwiseCopyable, Sendable, Hashable {
  /// Where the request came from and the reply goes to.
  public let connection: ConnectionRef
  /// Stream id of the call.
  public let stream: UInt32
  /// When the call's time ends, nanoseconds of the monotonic clock.
  public let deadline: UInt64

  /// Makes a call, for tests of handlers.
  public init(connection: ConnectionRef, stream: UInt32, deadline: UInt64) {
    self.connection = connection
    self.stream = stream
    self.deadline = deadline
  }
}

/// Handles one method on the event loop itself, many calls at a time. One object an event loop; every method is called
/// on that loop's thread and must not block.
public protocol InLoopHandler: AnyObject {
  /// A request has come. Exactly one `ServerLoop.respond` must follow, now or later.
  ///
  /// - Parameter request: valid during this call only.
  func receive(_ call: InLoopCall, _ request: UnsafeRawBufferPointer)
  /// All requests that were there to read have been received; hand them on as one batch. What is answered in here goes
  /// out without a call of `ServerLoop.flush`.
  func readComplete()
  /// The client gave the call up. It is still answered: with its outcome if anything became durable, else `CANCELLED`.
  func cancelled(_ call: InLoopCall)
  /// The connection is gone; replies to its calls are dropped.
  func connectionClosed(_ connection: ConnectionRef)
  /// Comes about ten times a second, to look for calls whose deadline has passed.
  ///
  /// - Parameter now: nanoseconds of the monotonic clock.
  func tick(now: UInt64)
}

extension InLoopHandler {
  /// Lets the call go on to its outcome.
  public func cancelled(_ call: InLoopCall) {}
  /// Keeps nothing for a connection.
  public func connectionClosed(_ connection: ConnectionRef) {}
  /// Has no deadlines.
  public func tick(now: UInt64) {}
}
