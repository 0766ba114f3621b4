import Bytes
import Glibc
import Payments
import Synchronization

/// What waits for the writer. Callers only append under a short lock; the writer takes all at once and is woken at most
/// once for it.
///
/// All state is behind `mutex`, which is why it may be shared.
final class Inbox: @unchecked Sendable {
  /// All that was queued since the last time.
  struct Work {
    var batches: [PaymentBatch] = []
    var jobs: [any WriterJob] = []
    var answers: [AcquirerAnswer] = []
    var overdue: [Overdue] = []
    var questions: [Question] = []
    /// Somebody who asked has given up, now or before.
    var hasWithdrawal = false
    /// Refunds and voids that were changed by somebody else.
    var operations: [Int64] = []
    var operationAnswers: [OperationAnswer] = []
    var isStopping = false

    var hasOperations: Bool { !operations.isEmpty || !operationAnswers.isEmpty }

    var isEmpty: Bool {
      batches.isEmpty && jobs.isEmpty && answers.isEmpty && overdue.isEmpty && questions.isEmpty && !hasWithdrawal
        && !hasOperations
    }
  }

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var work = Work()
  private var loops: [UInt32: any LedgerLoop] = [:]
  private var isWaiting = false
  private var isClosed = false
  private var takesIntents = true

  init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  // MARK: - From anywhere

  func add(_ answer: AcquirerAnswer) { append { $0.answers.append(answer) } }
  func add(_ answer: OperationAnswer) { append { $0.operationAnswers.append(answer) } }
  func add(operation id: Int64) { append { $0.operations.append(id) } }
  func add(_ overdue: Overdue) { append { $0.overdue.append(overdue) } }
  func addWithdrawal() { append { $0.hasWithdrawal = true } }

  /// - Returns: false where the writer has ended.
  func add(_ batch: PaymentBatch) -> Bool { append { $0.batches.append(batch) } }
  func add(_ job: any WriterJob) -> Bool { append { $0.jobs.append(job) } }
  func add(_ question: Question) -> Bool { append { $0.questions.append(question) } }

  func stop() { append { $0.isStopping = true } }

  func attach(_ loop: any LedgerLoop, index: UInt32) { locked { loops[index] = loop } }

  var isTakingIntents: Bool {
    get { locked { takesIntents && !isClosed } }
    set { locked { takesIntents = newValue } }
  }

  @discardableResult
  private func append(_ change: (inout Work) -> Void) -> Bool {
    locked {
      guard !isClosed else { return false }
      change(&work)
      if isWaiting {
        isWaiting = false
        pthread_cond_signal(condition)
      }
      return true
    }
  }

  private func locked<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  // MARK: - For the writer

  /// Takes all there is, after waiting for it at most `milliseconds`.
  func take(waiting milliseconds: Int64) -> Work {
    locked {
      if milliseconds > 0 { wait(milliseconds) }
      defer {
        let isStopping = work.isStopping
        work = Work()
        work.isStopping = isStopping
      }
      return work
    }
  }

  private func wait(_ milliseconds: Int64) {
    var until = timespec()
    clock_gettime(CLOCK_MONOTONIC, &until)
    let nanoseconds = Int64(until.tv_nsec) + milliseconds % 1_000 * 1_000_000
    until.tv_sec += Int(milliseconds / 1_000 + nanoseconds / 1_000_000_000)
    until.tv_nsec = Int(nanoseconds % 1_000_000_000)
    while work.isEmpty, !work.isStopping {
      isWaiting = true
      if pthread_cond_timedwait(condition, mutex, &until) != 0 { break }
    }
    isWaiting = false
  }

  /// Takes nothing any more; gives what had come meanwhile.
  func close() -> Work {
    locked {
      isClosed = true
      defer { work = Work() }
      return work
    }
  }

  func loop(_ index: UInt32) -> (any LedgerLoop)? { locked { loops[index] } }
}

/// An open call whose deadline passed.
struct Overdue: Sendable {
  let reply: ReplyToken
  let key: Bytes16
  let company: Int64
}

/// Somebody who wants to know what became of a payment.
struct Question: Sendable {
  let key: Bytes16
  let company: Int64
  let consultant: Int64
  /// Monotonic milliseconds.
  let until: Int64
  let withdrawal: Withdrawal
  let continuation: CheckedContinuation<FoundPayment, any Error>
}

/// Whether who asked a ``Question`` has given up.
final class Withdrawal: Sendable {
  private let flag = Atomic(false)

  var isSet: Bool { flag.load(ordering: .acquiring) }

  func set() { flag.store(true, ordering: .releasing) }
}

/// Writes of somebody else in the group's transaction.
protocol WriterJob: AnyObject, Sendable {
  /// Runs inside the transaction; an error of its own undoes its own writes only.
  ///
  /// - Throws: what the store says where the whole transaction must be given up.
  func run(_ store: any Store) throws(StoreError)
  /// After the commit.
  func finish()
  /// Instead of ``finish()``.
  func fail(_ error: any Error)
}

/// One `Ledger.perform`. Touched by the writer's thread alone once it is queued, which is why it may be shared.
final class Job<R: Sendable>: WriterJob, @unchecked Sendable {
  private let fromReserve: Bool
  private let body: @Sendable (any Store) throws -> R
  private let continuation: CheckedContinuation<R, any Error>
  private var result: Result<R, any Error>?

  init(
    fromReserve: Bool, _ body: @escaping @Sendable (any Store) throws -> R,
    _ continuation: CheckedContinuation<R, any Error>
  ) {
    self.fromReserve = fromReserve
    self.body = body
    self.continuation = continuation
  }

  func run(_ store: any Store) throws(StoreError) {
    do {
      result = .success(try store.nested(fromReserve: fromReserve) { try body(store) })
    } catch StoreError.conflict(let column) {
      result = .failure(StoreError.conflict(column))
    } catch StoreError.noRoom(let text) {
      result = .failure(StoreError.unavailable(text))
    } catch let error as StoreError {
      // A full or failing disk may have ended the transaction itself: nothing more may be written in it.
      throw error
    } catch {
      result = .failure(error)
    }
  }

  func finish() { continuation.resume(with: result ?? .failure(LedgerError.stopped)) }

  func fail(_ error: any Error) { continuation.resume(throwing: error) }
}

/// A record that nobody waits for.
final class Note: WriterJob {
  private let row: EventRow

  init(_ row: EventRow) { self.row = row }

  func run(_ store: any Store) throws(StoreError) { try store.insertEvent(row) }
  func finish() {}
  func fail(_ error: any Error) {}
}
