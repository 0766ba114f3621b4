import Bytes
import Payments
import Synchronization

/// The durable ledger: one writer thread that records intents, hands them to the acquirer once they are durable, records
/// outcomes, and only then lets anyone be told.
///
/// Everything here may be called from any thread and never blocks. Source: docs/payments.md; docs/performance.md.
public final class Ledger: Sendable {
  private let inbox = Inbox()
  private let makeStore: @Sendable () throws -> any Store
  private let acquirer: any Acquirer
  private let clock: LedgerClock
  private let makeCards: @Sendable () throws -> (any CardOpener)?
  private let onRefusing: @Sendable (any Error) -> Void
  private let onFatal: @Sendable (any Error) -> Void
  private let thread = Mutex<WriterThread?>(nil)

  /// - Parameters:
  ///   - store: makes the store, on the writer's thread.
  ///   - cards: makes what opens stored cards for inquiries and reversals, on the writer's thread.
  ///   - onRefusing: called when new payments begin to be refused, with the store's reason; for the log. At most
  ///     every ten seconds.
  ///   - onFatal: called where a commit's outcome is unknown; the process must end, and its next start recovers.
  public init(
    store: @escaping @Sendable () throws -> any Store, acquirer: any Acquirer, clock: LedgerClock,
    cards: @escaping @Sendable () throws -> (any CardOpener)? = { nil },
    onRefusing: @escaping @Sendable (any Error) -> Void = { _ in },
    onFatal: @escaping @Sendable (any Error) -> Void
  ) {
    makeStore = store
    self.acquirer = acquirer
    self.clock = clock
    makeCards = cards
    self.onRefusing = onRefusing
    self.onFatal = onFatal
  }

  /// Starts the writer; payments that the last process left open are taken up before this returns.
  ///
  /// - Throws: what the store says.
  public func start() throws {
    let thread = WriterThread(name: "ledger")
    acquirer.start(Sink(inbox: inbox, clock: clock))
    try thread.start { [self] in
      let writer = try Writer(
        store: makeStore(), acquirer: acquirer, cards: makeCards(), clock: clock, inbox: inbox, onRefusing: onRefusing,
        onFatal: onFatal)
      try writer.recover()
      return { writer.run() }
    }
    self.thread.withLock { $0 = thread }
  }

  /// Lets the writer finish what is queued and what the acquirer has answered, and waits for its end.
  public func stop() {
    inbox.stop()
    thread.withLock { $0.take() }?.join()
  }

  /// Names the event loop that gets answers for `index`.
  public func attach(_ loop: any LedgerLoop, index: UInt32) { inbox.attach(loop, index: index) }

  /// Hands over the payments of one read; refuses them where the writer has ended.
  public func submit(_ batch: PaymentBatch) {
    guard !inbox.add(batch) else { return }
    batch.refuseAll(.storeUnavailable)
    inbox.loop(batch.loop)?.deliver([batch])
  }

  /// The caller of an open payment waits no longer: it is told what is durable, PENDING for instance, or refused where
  /// nothing is.
  public func deadlinePassed(_ reply: ReplyToken, key: Bytes16, company: Int64) {
    inbox.add(Overdue(reply: reply, key: key, company: company))
  }

  /// Runs other writes in a transaction of their own inside the group's, and returns once that is durable.
  ///
  /// - Parameter fromReserve: whether it may write while new payments are refused because room runs short: for what ends
  ///   or settles something, or lets people see what is wrong.
  /// - Throws: what `body` throws, and then nothing of it was written; ``LedgerError/stopped``; or a `StoreError`,
  ///   `.unavailable` where there is no room.
  public func perform<R: Sendable>(
    fromReserve: Bool = false, _ body: @escaping @Sendable (any Store) throws -> R
  ) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
      let job = Job(fromReserve: fromReserve, body, continuation)
      if !inbox.add(job) { job.fail(LedgerError.stopped) }
    }
  }

  /// What became of a payment of this consultant.
  ///
  /// - Parameter waitMilliseconds: how long to wait for an outcome; 0 answers at once.
  /// - Throws: `CancellationError` where the task is cancelled while it waits; what the store says.
  public func outcome(
    key: Bytes16, company: Int64, consultant: Int64, waitMilliseconds: Int64
  ) async throws -> FoundPayment {
    let until = clock.monotonic() + min(max(0, waitMilliseconds), Limits.outcomeWaitMilliseconds)
    let withdrawal = Withdrawal()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let question = Question(
          key: key, company: company, consultant: consultant, until: until, withdrawal: withdrawal,
          continuation: continuation)
        if !inbox.add(question) { continuation.resume(throwing: LedgerError.stopped) }
      }
    } onCancel: {
      withdrawal.set()
      inbox.addWithdrawal()
    }
  }

  /// A refund or void was changed by ``perform(_:)``: the writer looks at its row again, and sends it where it is
  /// CONFIRMED.
  public func operationChanged(_ id: Int64) { inbox.add(operation: id) }

  /// Whether new payments are recorded at present; false while the store refuses writes.
  public var isTakingIntents: Bool { inbox.isTakingIntents }
}

/// What the ledger knows of a payment that is asked for by its key.
public enum FoundPayment: Sendable {
  case known(StoredPayment)
  /// No such payment of this consultant.
  case unknown
  /// The same, and a ledger that was lost before a restore may have charged it.
  case lost
}

/// Why the ledger did not do something.
public enum LedgerError: Error, Sendable, Equatable {
  /// The writer has stopped or is stopping.
  case stopped
}

/// The clocks that the writer reads, in milliseconds.
public struct LedgerClock: Sendable {
  /// Since 1970-01-01T00:00:00Z; for records.
  public var wall: @Sendable () -> Int64
  /// Never goes back; for deadlines.
  public var monotonic: @Sendable () -> Int64

  public init(wall: @escaping @Sendable () -> Int64, monotonic: @escaping @Sendable () -> Int64) {
    self.wall = wall
    self.monotonic = monotonic
  }
}

/// Brings late answers of the acquirer to the writer.
private struct Sink: AcquirerSink {
  let inbox: Inbox
  let clock: LedgerClock

  func answer(_ answer: AcquirerAnswer) { inbox.add(answer) }
  func answer(_ answer: OperationAnswer) { inbox.add(answer) }

  func unmatched(_ text: String) {
    _ = inbox.add(Note(EventRow(kind: .unmatchedAnswer, time: clock.wall(), text: text)))
  }
}
