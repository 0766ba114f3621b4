import CountersignRPC
import NIOCore
import NIOPosix
import TLS

/// What one connection sends and gets.
protocol LoadSource: AnyObject {
  /// Bytes of request number `index`; nil where there are no more.
  func request(_ index: Int) -> [UInt8]?
  /// The answer to request number `index`; `status` nil is OK.
  func answered(_ index: Int, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer)
}

/// Keeps `depth` calls open on one connection until its time is over, then lets the open ones finish. Closed loop.
/// Everything on the connection's event loop.
final class Load: BatchReceiver {
  /// Counts of one connection.
  struct Result: Sendable {
    var answered = 0
    /// Monotonic nanoseconds of the first send and the last answer.
    var first: UInt64 = 0
    var last: UInt64 = 0
    /// Longest time in nanoseconds in which no answer came though calls were open.
    var pause: UInt64 = 0
    var failure: String?
  }

  private let source: any LoadSource
  private let header: BatchConnection.Header
  private let depth: Int
  private let nanoseconds: UInt64
  private let ready: EventLoopPromise<Void>
  private let done: EventLoopPromise<Result>
  private var next = 0
  private var open = 0
  private var result = Result()
  private var isOver = false
  private var connection: BatchConnection?

  init(
    source: any LoadSource, header: BatchConnection.Header, depth: Int, nanoseconds: UInt64,
    ready: EventLoopPromise<Void>, done: EventLoopPromise<Result>
  ) {
    self.source = source
    self.header = header
    self.depth = depth
    self.nanoseconds = nanoseconds
    self.ready = ready
    self.done = done
  }

  func opened(_ connection: BatchConnection) {
    self.connection = connection
    ready.succeed()
  }

  /// The clock starts.
  func start() {
    guard let connection else { return }
    result.first = NIODeadline.now().uptimeNanoseconds
    fill(connection)
    connection.flush()
  }

  func receive(tag: UInt64, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer) {
    open -= 1
    result.answered += 1
    source.answered(Int(tag), status, reply)
  }

  func readComplete(_ connection: BatchConnection) {
    guard result.first > 0 else { return }
    let now = NIODeadline.now().uptimeNanoseconds
    result.pause = max(result.pause, now - max(result.first, result.last))
    result.last = now
    if result.last - result.first >= nanoseconds { isOver = true }
    if !isOver { fill(connection) }
    if open == 0 { finish(connection) }
  }

  func closed(_ connection: BatchConnection, open tags: [UInt64], _ reason: RPCStatus) {
    self.connection = nil
    ready.fail(reason)
    if !tags.isEmpty { result.failure = "\(tags.count) calls lost: \(reason)" }
    done.succeed(result)
  }

  private func fill(_ connection: BatchConnection) {
    while open < depth {
      guard let request = source.request(next) else {
        isOver = true
        return
      }
      let sent = request.withUnsafeBytes { connection.send(header, tag: UInt64(next), $0) }
      guard case .stream = sent else { return }
      next += 1
      open += 1
    }
  }

  private func finish(_ connection: BatchConnection) {
    done.succeed(result)
    connection.close()
  }
}

/// Runs many connections at once and adds up what they did.
struct LoadRun {
  var shape: Shape
  var seconds: Double
  /// Event loops of the load generator.
  var loops: Int
  var configuration: ClientConfiguration
  var tls: TLSContext
  var header: BatchConnection.Header

  /// What all connections did together.
  struct Total: Sendable {
    var answered = 0
    /// From the first send to the last answer.
    var nanoseconds: UInt64 = 0
    /// Longest time in nanoseconds in which one of them got no answer.
    var pause: UInt64 = 0
    var failures: [String] = []
  }

  /// Opens all connections, then starts them together.
  ///
  /// - Parameter source: makes the source of one connection, on its event loop.
  func run(_ source: @escaping @Sendable (Int) -> any LoadSource) async throws -> Total {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
    defer { group.shutdownGracefully { _ in } }
    var loads: [(load: NIOLoopBound<Load>, done: EventLoopFuture<Load.Result>)] = []
    for index in 0..<shape.connections {
      let eventLoop = group.next()
      let ready = eventLoop.makePromise(of: Void.self)
      let done = eventLoop.makePromise(of: Load.Result.self)
      let (header, depth, nanoseconds) = (header, shape.depth, UInt64(seconds * 1_000_000_000))
      let load = try await eventLoop.submit {
        NIOLoopBound(
          Load(
            source: source(index), header: header, depth: depth, nanoseconds: nanoseconds, ready: ready, done: done),
          eventLoop: eventLoop)
      }.get()
      try await BatchConnection.connect(configuration, tls: tls, on: eventLoop) { load.value }.get()
      try await ready.futureResult.get()
      loads.append((load, done.futureResult))
    }
    for (load, _) in loads { load.eventLoop.execute { load.value.start() } }
    var total = Total()
    var (first, last) = (UInt64.max, UInt64.min)
    for (_, done) in loads {
      let result = try await done.get()
      total.answered += result.answered
      total.pause = max(total.pause, result.pause)
      if let failure = result.failure { total.failures.append(failure) }
      (first, last) = (min(first, result.first), max(last, result.last))
    }
    total.nanoseconds = last > first ? last - first : 0
    return total
  }
}
