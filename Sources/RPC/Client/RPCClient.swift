import Cryptography
import NIOCore
import NIOPosix
import Synchronization
import TLS
import Wire

/// Makes calls over a pool of connections. Connections are made when they are needed and again after they were lost.
///
/// A call is repeated only where the server certainly did not process it: no connection could be made, or a GOAWAY left
/// it out. A sealed call is never repeated. Cancelling the task of a call sends CANCEL.
public final class RPCClient: UnaryCaller {
  private let configuration: ClientConfiguration
  private let slots: [NIOLoopBoundBox<ClientSlot>]
  private let nextTicket = Atomic<UInt64>(1)
  private let clock: ServerClock

  /// Makes a client; it connects when the first call needs it.
  ///
  /// - Parameters:
  ///   - tls: of `TLSContext.client`.
  ///   - group: event loops for the connections.
  public convenience init(
    configuration: ClientConfiguration, tls: TLSContext,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    self.init(configuration: configuration, group: group, transport: configuration.transport(tls))
  }

  /// Makes a client with the default limits.
  ///
  /// - Parameter connections: TCP connections that calls are spread over.
  public convenience init(
    host: String, port: UInt16, tls: TLSContext, connections: Int = 1, program: String = "countersign"
  ) {
    var configuration = ClientConfiguration(host: host, port: Int(port), program: program)
    configuration.connections = connections
    self.init(configuration: configuration, tls: tls)
  }

  /// With another transport than TLS, for tests of what does not depend on it.
  init(
    configuration: ClientConfiguration, group: any EventLoopGroup, transport: @escaping ClientTransport
  ) {
    precondition(configuration.connections > 0 && configuration.attempts > 0)
    let clock = ServerClock()
    self.configuration = configuration
    self.clock = clock
    slots = (0..<configuration.connections).map { _ in
      let eventLoop = group.next()
      let slot = ClientSlot(configuration: configuration, eventLoop: eventLoop, transport: transport) { hello in
        clock.set(milliseconds: hello.serverTimeMs, now: ServerLoop.now())
      }
      return NIOLoopBoundBox.makeBoxSendingValue(slot, eventLoop: eventLoop)
    }
  }

  /// The server's clock now, milliseconds since 1970-01-01T00:00:00Z, from the last HELLO and the monotonic clock since;
  /// nil before the first connection.
  public var serverTimeMilliseconds: UInt64? {
    clock.milliseconds(now: ServerLoop.now())
  }

  /// Connections that came to the server's HELLO so far.
  package var connectionsMade: Int { clock.readings }

  /// The server's certificates as it showed them on the latest connection, leaf first, their path verified.
  ///
  /// - Throws: `UNAVAILABLE` where no connection was made yet.
  public func peerCertificates() async throws(RPCStatus) -> [Certificate] {
    for slot in slots {
      let chain = try? await slot.eventLoop.submit { slot.value.peerChain }.get()
      if let chain, !chain.isEmpty { return chain }
    }
    throw RPCStatus(.unavailable, "no connection was made yet", reason: "UNREACHABLE", wasSent: false)
  }

  /// Calls `method`; see `UnaryCaller`.
  public func call(
    _ method: String, _ request: [UInt8], options: CallOptions
  ) async throws(RPCStatus) -> [UInt8] {
    try options.check()
    let ticket = nextTicket.add(1, ordering: .relaxed).oldValue
    let slot = slots[Int(ticket % UInt64(slots.count))]
    let timeout = min(
      options.timeoutMicroseconds ?? configuration.timeoutMicroseconds, CallLimits.maxTimeoutMicroseconds)
    let deadline = ServerLoop.now() + timeout * 1_000
    let giveUp = { @Sendable in slot.eventLoop.execute { slot.value.giveUp(ticket, .cancelled) } }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Result<[UInt8], RPCStatus>, Never>) in
        slot.eventLoop.execute {
          let call = PendingCall(
            ticket: ticket, method: method, request: request, options: options, deadline: deadline,
            finish: { continuation.resume(returning: $0) })
          slot.value.submit(call)
        }
        // A cancellation before this line found no call to give up.
        if Task.isCancelled { giveUp() }
      }
    } onCancel: {
      giveUp()
    }
    return try result.get()
  }

  /// Ends all calls and connections. Calls that come later fail.
  public func close() async {
    for slot in slots { try? await slot.eventLoop.submit { slot.value.close() }.get() }
  }

  /// As `close`, without waiting for it.
  public func closeSoon() {
    for slot in slots { slot.eventLoop.execute { slot.value.close() } }
  }
}

/// The server's clock as the last HELLO told it.
final class ServerClock: Sendable {
  private let reading = Mutex<(milliseconds: UInt64, at: UInt64)?>(nil)
  private let count = Atomic<Int>(0)

  /// How often it was set.
  var readings: Int { count.load(ordering: .acquiring) }

  /// - Parameter now: nanoseconds of the monotonic clock.
  func set(milliseconds: UInt64, now: UInt64) {
    reading.withLock { $0 = (milliseconds, now) }
    count.add(1, ordering: .acquiringAndReleasing)
  }

  func milliseconds(now: UInt64) -> UInt64? {
    reading.withLock { $0.map { $0.milliseconds &+ elapsed($0.at, now) / 1_000_000 } }
  }
}
