import Files
import Glibc
import ISO8583
import Logging
import NIOCore
import NIOPosix
import Payments
import Synchronization

/// An acquirer behind ISO 8583 messages over TCP or TLS.
///
/// The writer's thread names sales and hands operations over; one event loop of its own sends, matches and answers.
/// Source: docs/iso8583.md.
public final class ISO8583Acquirer: Acquirer {
  private let dialect: Dialect
  private let pool: STANPool
  private let group: MultiThreadedEventLoopGroup
  private let core: NIOLoopBound<LinkCore>
  private let readiness = LinkReadiness()
  private let naming = Mutex(MessageTime())

  /// - Parameters:
  ///   - stanFile: where reserved STANs are kept.
  ///   - wall: milliseconds since 1970-01-01T00:00:00Z.
  /// - Throws: `FileError`, `CryptographyError` or `TLSError`.
  public init(
    _ dialect: Dialect, stanFile: String, logger: Logger, wall: @escaping @Sendable () -> Int64
  ) throws {
    self.dialect = dialect
    pool = try STANPool(path: stanFile, terminals: dialect.terminals.count) { error in
      logger.error("STANs cannot be reserved; new payments are refused", metadata: ["error": "\(error)"])
    }
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.next()
    let (pool, readiness) = (pool, readiness)
    do {
      core = try eventLoop.submit {
        let core = try LinkCore(
          dialect, pool: pool, on: eventLoop, logger: logger, readiness: readiness, wall: wall)
        return NIOLoopBound(core, eventLoop: eventLoop)
      }.wait()
    } catch {
      group.shutdownGracefully { _ in }
      throw error
    }
  }

  public var canInquire: Bool { dialect.messages[.inquiry] != nil }
  public var answerTimeoutMilliseconds: Int64 { dialect.answerTimeout }
  public var namesSales: Bool { true }

  public func start(_ sink: any AcquirerSink) {
    core.eventLoop.execute { [core] in
      core.value.sink = sink
      core.value.start()
    }
  }

  public func nameSale(at time: Int64) -> OriginalElements? {
    name(dialect.messages[.sale]?.type ?? 200, terminal: nil, at: time)
  }

  /// - Parameter terminal: place of the terminal; nil: they take turns.
  private func name(_ type: UInt16, terminal: Int?, at time: Int64) -> OriginalElements? {
    let seconds = time / 1_000
    guard let number = pool.take(day: seconds / 86_400, terminal: terminal) else { return nil }
    let stem = naming.withLock { $0.retrievalStem(seconds) }
    return OriginalElements(
      messageType: type, stan: number.stan, time: seconds, acquirer: dialect.acquirer,
      retrieval: Self.retrieval(stem: stem, stan: number.stan), terminal: dialect.terminals[number.terminal])
  }

  /// Twelve digits: the stem's six, then the STAN.
  private static func retrieval(stem: UInt64, stan: UInt32) -> (head: UInt64, tail: UInt32) {
    var (head, tail) = (UInt64(0), UInt32(0))
    var rest = stem * 1_000_000 + UInt64(stan)
    for place in 0..<12 {
      let digit = 0x30 + rest % 10
      if place < 4 { tail |= UInt32(digit) << (8 * UInt32(place)) } else { head |= digit << (8 * UInt64(place - 4)) }
      rest /= 10
    }
    return (head, tail)
  }

  public func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer]) {
    let isUp = readiness.count.load(ordering: .relaxed) > 0
    let batch = OperationBatch(capacity: operations.count)
    for index in 0..<operations.count {
      if !isUp, operations[index].kind == .sale {
        answered.append(AcquirerAnswer(kind: .sale, payment: operations[index].payment, result: .notSent))
        if let original = operations[index].original { pool.release(dialect.number(of: original)) }
      } else {
        batch.append(operations[index])
      }
    }
    guard !batch.isEmpty else { return }
    core.eventLoop.execute { [core] in core.value.submit(batch) }
  }

  public var operations: Set<OperationKind> {
    Set(OperationKind.allCases.filter { dialect.messages[$0.messageKind] != nil })
  }

  /// A void keeps the sale's name, as a reversal does; a refund has a name of its own at the sale's terminal, since the
  /// original data elements name no terminal.
  public func nameOperation(_ kind: OperationKind, of sale: OriginalElements?, at time: Int64) -> OriginalElements? {
    if kind == .void, let sale { return sale }
    let terminal = sale.flatMap { dialect.terminalIndex($0.terminal) }
    return name(dialect.messages[kind.messageKind]?.type ?? 200, terminal: terminal, at: time)
  }

  /// A day of the acquirer ends at its cut-off, in local time.
  public func businessDay(at time: Int64) -> Int64 {
    let local = time / 1_000 + dialect.localOffset - dialect.cutOff
    return (local - (local % 86_400 + 86_400) % 86_400) / 86_400
  }

  public func begin(_ operation: OutgoingOperation) {
    let held = HeldRefund(operation)
    core.eventLoop.execute { [core] in
      core.value.submit(held.operation)
      core.value.flush()
    }
  }

  public func expect(_ operation: OutgoingOperation) {
    core.eventLoop.execute { [core] in core.value.expect(operation) }
  }

  /// Whether sales can be sent at present.
  public var isUp: Bool { readiness.count.load(ordering: .relaxed) > 0 }

  /// Signs off, closes all connections and ends the thread. Call it after the ledger has stopped.
  public func stop() async {
    try? await core.eventLoop.submit { [core] in core.value.stop() }.get()
    try? await group.shutdownGracefully()
    pool.close()
  }
}

/// How many connections take requests.
final class LinkReadiness: Sendable {
  let count = Atomic<Int>(0)
}

/// Operations on their way from the writer's thread to the event loop; erased when they are sent.
///
/// Filled by the writer's thread, then only touched by the event loop: that is why it may be `@unchecked Sendable`.
final class OperationBatch: @unchecked Sendable {
  private var operations: [AcquirerOperation] = []

  /// - Parameter capacity: as many as there will be: storage that grew would leave secrets behind.
  init(capacity: Int) { operations.reserveCapacity(capacity) }

  deinit { erase() }

  var isEmpty: Bool { operations.isEmpty }

  func append(_ operation: AcquirerOperation) { operations.append(operation) }

  func withOperations(_ body: (AcquirerOperation) -> Void) {
    for index in operations.indices { body(operations[index]) }
    erase()
  }

  private func erase() {
    for index in operations.indices { operations[index].secrets.erase() }
    operations.removeAll()
  }
}

/// A refund or void on its way from the writer's thread to the event loop; erased with its last reference.
///
/// Never changed after it was made: that is why it may be `@unchecked Sendable`.
final class HeldRefund: @unchecked Sendable {
  private(set) var operation: OutgoingOperation

  init(_ operation: OutgoingOperation) { self.operation = operation }

  deinit { operation.secrets.erase() }
}

/// An inquiry or a reversal that waits for a connection.
final class HeldOperation {
  private(set) var operation: AcquirerOperation
  /// Monotonic milliseconds.
  let deadline: Int64

  init(_ operation: AcquirerOperation, deadline: Int64) {
    self.operation = operation
    self.deadline = deadline
  }

  deinit { operation.secrets.erase() }
}

extension Dialect {
  /// Where a sale stands in the pool; a terminal that is no longer configured stands behind all others.
  func number(of original: OriginalElements) -> STANPool.Number {
    STANPool.Number(terminal: terminalIndex(original.terminal) ?? terminals.count, stan: original.stan)
  }
}
