import CSQLite
import Glibc
import Payments
import Synchronization

/// Makes long work on a ledger's file go slowly while the service writes to it. The lowest priority alone is not enough:
/// a core that waits for a commit is the writer's again in a moment, and cores share their caches.
///
/// While the ledger is written, the process has ``share`` of one core; while it is not, all that it can get.
public final class Pace: Sendable {
  /// Part of one core that a process may have beside payments.
  public static let share = 0.2

  /// Where the work stood when it was looked at last.
  private struct Mark {
    /// Kept open for the statement, which does not own it.
    let ledger: Database
    let version: Statement
    var lastVersion: Int64
    /// Nanoseconds of CLOCK_MONOTONIC and of the process's own.
    var wall: Int64
    var cpu: Int64
  }

  private let mark: Mutex<Mark>
  /// Nanoseconds.
  private let time: @Sendable (clockid_t) -> Int64

  /// - Parameter ledger: the file that the service writes; the work may be on a copy of it.
  /// - Throws: ``StoreError`` that names the file.
  public convenience init(beside ledger: String) throws(StoreError) {
    try self.init(beside: ledger) { clock in
      var time = timespec()
      clock_gettime(clock, &time)
      return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
  }

  init(beside ledger: String, time: @escaping @Sendable (clockid_t) -> Int64) throws(StoreError) {
    self.time = time
    let database = try Database(path: ledger, flags: SQLITE_OPEN_READONLY)
    let version = try database.prepare("PRAGMA data_version")
    let mark = Mark(
      ledger: database, version: version, lastVersion: try version.first { $0.int(0) } ?? 0,
      wall: time(CLOCK_MONOTONIC), cpu: time(CLOCK_PROCESS_CPUTIME_ID))
    self.mark = Mutex(mark)
  }

  /// Waits for as long as the work since the last call asks for.
  ///
  /// - Throws: `CancellationError`.
  public func rest() async throws {
    let owed = takeStock()
    if owed > 0 { try await Task.sleep(for: .nanoseconds(owed)) }
  }

  /// The same on a thread that may block.
  func restBlocking() {
    let owed = takeStock()
    guard owed > 0 else { return }
    let rest = timespec(tv_sec: Int(owed / 1_000_000_000), tv_nsec: Int(owed % 1_000_000_000))
    withUnsafePointer(to: rest) { _ = nanosleep($0, nil) }
  }

  /// Takes the present for the begin of what comes.
  ///
  /// - Returns: nanoseconds to rest for the processor time since the last call; 0 where the ledger was not written
  ///   meanwhile. A ledger that cannot be asked counts as one that is not written.
  func takeStock() -> Int64 {
    mark.withLock { mark in
      let version = (try? mark.version.first { $0.int(0) }) ?? nil
      let (wall, cpu) = (time(CLOCK_MONOTONIC), time(CLOCK_PROCESS_CPUTIME_ID))
      let isWritten = version != nil && version != mark.lastVersion
      let owed = isWritten ? Int64(Double(cpu - mark.cpu) / Self.share) - (wall - mark.wall) : 0
      (mark.lastVersion, mark.cpu) = (version ?? mark.lastVersion, cpu)
      mark.wall = wall + max(0, owed)
      return max(0, owed)
    }
  }
}

extension Database {
  /// Runs `body` with rests in what SQLite does on this connection.
  func withRests<R>(_ pace: Pace?, _ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    guard let pace else { return try body() }
    // Some milliseconds of a check's instructions.
    sqlite3_progress_handler(
      handle, 50_000,
      { pace in
        if let pace { Unmanaged<Pace>.fromOpaque(pace).takeUnretainedValue().restBlocking() }
        return 0
      }, Unmanaged.passUnretained(pace).toOpaque())
    defer { sqlite3_progress_handler(handle, 0, nil, nil) }
    return try body()
  }
}
