import CLinux
import Glibc
import Synchronization

/// A thread of its own: SQLite blocks in fdatasync, which must not happen on a thread that others share.
final class WriterThread: Sendable {
  private struct State {
    var handle: pthread_t?
  }

  private let name: String
  private let state = Mutex(State())

  init(name: String) { self.name = name }

  /// Runs `prepare` on the new thread and waits for it, then lets what it gave run on.
  ///
  /// - Throws: what `prepare` throws; the thread has ended then.
  func start(_ prepare: @escaping @Sendable () throws -> () -> Void) throws {
    let start = ThreadStart(name: name, prepare)
    var handle = pthread_t()
    let code = pthread_create(
      &handle, nil,
      { start in
        if let start { Unmanaged<ThreadStart>.fromOpaque(start).takeRetainedValue().run() }
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    precondition(code == 0, "a thread could not be made: \(String(cString: strerror(code)))")
    if let error = start.waitUntilPrepared() {
      pthread_join(handle, nil)
      throw error
    }
    state.withLock { $0.handle = handle }
  }

  /// Waits for the thread's end.
  func join() {
    if let handle = state.withLock({ $0.handle.take() }) { pthread_join(handle, nil) }
  }
}

/// What a new thread begins with. `outcome` is written before the semaphore is raised and read after it, which is why it
/// may be shared.
private final class ThreadStart: @unchecked Sendable {
  private let name: String
  private let prepare: @Sendable () throws -> () -> Void
  private let prepared: UnsafeMutablePointer<sem_t>
  private var outcome: (any Error)?

  init(name: String, _ prepare: @escaping @Sendable () throws -> () -> Void) {
    self.name = name
    self.prepare = prepare
    prepared = .allocate(capacity: 1)
    sem_init(prepared, 0, 0)
  }

  deinit {
    sem_destroy(prepared)
    prepared.deallocate()
  }

  func run() {
    countersign_name_thread(name)
    do {
      let body = try prepare()
      sem_post(prepared)
      body()
    } catch {
      outcome = error
      sem_post(prepared)
    }
  }

  func waitUntilPrepared() -> (any Error)? {
    while sem_wait(prepared) != 0, errno == EINTR {}
    return outcome
  }
}
