import Audit
import Bytes
import CSQLite
import Cryptography
import Files
import Glibc
import Payments

/// The ledger, journal and register in one SQLite file. Everything on the writer's thread.
///
/// WAL, synchronous=FULL; checkpoints are made here and nowhere else. Source: docs/performance.md, "Storage".
public final class SQLiteStore: Store {
  /// Signs a head of the journal.
  public typealias Signer = (_ bytes: [UInt8]) throws -> [UInt8]

  /// Pages of the WAL at which it is copied into the database: the longest stall stays near 20 ms.
  static let checkpointPages: Int32 = 1_000
  /// Bytes of the disk that new payments leave to the outcomes and reversals of those under way: a COMMIT that finds no
  /// room ends the process, so payments must stop before. 32 times the WAL at which it is copied.
  public static let reserveBytes: UInt64 = 128 * 1_024 * 1_024
  /// Numbers between a payment and its outcome beyond which the outcome is listed in `late_outcome`: a range of numbers
  /// has its outcomes among the payments of the range, this many before it, and that list.
  static let outcomeWindow: Int64 = 16_384
  /// Milliseconds between two heads while something changes.
  static let headMilliseconds: Int64 = 1_000

  let database: Database
  let statements: Statements
  let days: DayTotals
  let lookups: LookupRuns
  private let signer: Signer
  private let lock: Int32
  let reserve: UInt64
  /// Whether more than the reserve was free when it was last looked at.
  private(set) var hasRoom = true
  /// What a rollback brings back.
  struct Position {
    var nextNumber: Int64
    /// Leaves since the last head.
    var frontier: MerkleFrontier
    var lastHead: JournalHead?
    /// Milliseconds since 1970-01-01T00:00:00Z of the last record.
    var lastTime: Int64

    /// Counts a record.
    mutating func append(_ leaf: Bytes32, time: Int64) {
      nextNumber += 1
      frontier.append(leaf)
      lastTime = time
    }
  }
  var position: Position
  private var committed: Position
  /// Every payment below it has an outcome or a row in `unresolved`.
  private(set) var lowWater: Int64
  /// Sessions read in the present transaction. Forgotten at its start and whenever a session, consultant or company
  /// is written.
  var sessionsInTransaction: [Bytes16: PaymentSession] = [:]
  /// The present or last copy.
  var copying: Backup?
  /// What this ledger goes on from, as of the last commit; nil where it was never restored.
  private(set) var presentEpoch: LedgerEpoch?
  /// The epoch as the present transaction has begun or confirmed it.
  var writtenEpoch: LedgerEpoch?
  public var isHeld: Bool { presentEpoch.map { $0.confirmed == nil } ?? false }
  /// Pages of the WAL, and how many of them are in the database too.
  private var walPages: Int32 = 0
  private var copiedPages: Int32 = 0
  /// Pages of the WAL at which it is copied next: a reader may hold up the copy, or keep the WAL from beginning anew.
  private var checkpointAt = SQLiteStore.checkpointPages

  /// Makes a new ledger.
  ///
  /// - Throws: ``StoreError`` where the file exists or cannot be written.
  public static func create(path: String) throws(StoreError) {
    guard access(path, F_OK) != 0 else { throw .failed("\(path) exists already") }
    let before = umask(0o077)
    defer { umask(before) }
    do {
      try Schema.create(in: Database(path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE))
    } catch {
      for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
      throw error
    }
  }

  /// Opens a ledger for writing; makes durable what an unclean stop left in the WAL before anything is told from it.
  ///
  /// - Parameter reserve: bytes of free space below which new payments are refused.
  /// - Throws: ``StoreError`` that names the file and what to do.
  public convenience init(
    path: String, reserve: UInt64 = SQLiteStore.reserveBytes, signer: @escaping Signer
  ) throws(StoreError) {
    try self.init(path: path, reserve: reserve, lookupPayments: LookupRuns.payments, signer: signer)
  }

  /// - Parameter lookupPayments: payments of a lookup run.
  init(path: String, reserve: UInt64, lookupPayments: Int, signer: @escaping Signer) throws(StoreError) {
    let before = umask(0o077)
    defer { umask(before) }
    lock = try Self.takeLock(path)
    self.signer = signer
    self.reserve = reserve
    do throws(StoreError) {
      try Self.checkRestored(path)
      database = try Database(path: path, flags: SQLITE_OPEN_READWRITE)
      try Schema.check(database)
      try Schema.checkObjects(database)
      try database.execute(
        """
        PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;
        PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY
        """)
      let code = sqlite3_wal_checkpoint_v2(database.handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
      guard code == SQLITE_OK else { throw database.error(code) }
      statements = try Statements(database)
      days = try DayTotals(database)
      presentEpoch = try Self.epoch(database)
      lookups = try LookupRuns(database, size: lookupPayments)
      lowWater = try database.number("SELECT low_water FROM mark")
      position = try Self.position(database)
      committed = position
    } catch {
      close(lock)
      throw error
    }
    sqlite3_wal_hook(
      database.handle,
      { store, _, _, pages in
        if let store { Unmanaged<SQLiteStore>.fromOpaque(store).takeUnretainedValue().walGrew(to: pages) }
        return SQLITE_OK
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    sqlite3_wal_hook(database.handle, nil, nil)
    // Given up by name: a child between fork(2) and exec(2) still has the descriptor.
    flock(lock, LOCK_UN)
    close(lock)
  }

  /// Two processes with one journal would both number its records.
  private static func takeLock(_ path: String) throws(StoreError) -> Int32 {
    try LedgerReplacement.checkNone(of: path)
    guard access(path, F_OK) == 0 else {
      throw .unavailable("\(path) does not exist; make the folder with countersign-server init")
    }
    guard let lock = try takeLockIfFree(path) else {
      throw .unavailable("\(path) is in use by another server process; stop that one first")
    }
    return lock
  }

  /// With the lock held, so that no restore begins meanwhile.
  private static func checkRestored(_ path: String) throws(StoreError) {
    try LedgerReplacement.checkNone(of: path)
    do throws(FileError) {
      try Files.syncFolder(of: path)
    } catch {
      throw .unavailable("\(error)")
    }
  }

  /// - Returns: the lock's file; nil where another process holds it.
  static func takeLockIfFree(_ path: String) throws(StoreError) -> Int32? {
    let lock = open("\(path)-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw .unavailable("\(path)-lock cannot be made: \(String(cString: strerror(errno)))") }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      return nil
    }
    return lock
  }

  // MARK: - Transactions

  public func begin() throws(StoreError) {
    sessionsInTransaction.removeAll(keepingCapacity: true)
    measureRoom()
    _ = try statements.begin.run()
  }

  public func commit(lowWater: Int64) throws(StoreError) {
    if lowWater > self.lowWater {
      statements.setLowWater.bind(1, lowWater)
      _ = try statements.setLowWater.run()
    }
    let before = self.lowWater
    self.lowWater = max(self.lowWater, lowWater)
    do throws(StoreError) {
      if isHeadDue { try writeHead() }
      if hasRoom { try lookups.write() }
      guard try statements.commit.run() == SQLITE_DONE else {
        throw .failed("\(database.path): COMMIT was refused")
      }
    } catch {
      self.lowWater = before
      // A page of the WAL found no room, and no page behind it was written: without its commit frame the transaction is
      // nothing, now and after a restart.
      guard sqlite3_errcode(database.handle) & 0xFF == SQLITE_FULL else { throw error }
      throw .noRoom("\(error)")
    }
    committed = position
    if let epoch = writtenEpoch.take() { presentEpoch = epoch }
    days.committed()
    lookups.commit()
  }

  public func rollback() {
    if sqlite3_get_autocommit(database.handle) == 0 { try? database.execute("ROLLBACK") }
    position = committed
    writtenEpoch = nil
    days.rolledBack()
    lookups.rollback()
  }

  public func nested<R>(fromReserve: Bool, _ body: () throws -> R) throws -> R {
    let (before, epoch, gathered) = (position, writtenEpoch, lookups.count)
    let written = sqlite3_total_changes(database.handle)
    defer { sessionsInTransaction.removeAll(keepingCapacity: true) }
    _ = try statements.savepoint.run()
    do {
      let result = try body()
      if !hasRoom, !fromReserve, sqlite3_total_changes(database.handle) != written {
        throw StoreError.noRoom(roomText)
      }
      _ = try statements.release.run()
      return result
    } catch {
      try database.execute("ROLLBACK TO nested; RELEASE nested")
      (position, writtenEpoch) = (before, epoch)
      lookups.removeGathered(after: gathered)
      throw error
    }
  }

  public var shortage: StoreError? {
    if isHeld {
      return .unavailable(
        "\(database.path) was restored from a backup: compare it with the acquirer (countersign-admin reconcile), "
          + "then countersign-admin epoch confirm")
    }
    return hasRoom ? nil : .unavailable(roomText)
  }

  private var roomText: String { "\(database.path): less than \(reserve / 1_048_576) MiB of its disk are free" }

  /// One call of the kernel a transaction; the lock lies beside the ledger.
  private func measureRoom() {
    var disk = statvfs()
    guard fstatvfs(lock, &disk) == 0 else { return }
    let (free, isMore) = UInt64(disk.f_bavail).multipliedReportingOverflow(by: UInt64(disk.f_frsize))
    hasRoom = isMore || free >= reserve
  }

  public func maintain(idle: Bool) {
    if idle { measureRoom() }
    if idle, position.frontier.count > 0 || hasRoom && lookups.isDue {
      do {
        try begin()
        try writeHead()
        if hasRoom { try lookups.write() }
        try database.execute("COMMIT")
        committed = position
        lookups.commit()
      } catch {
        rollback()
      }
    }
    copying?.advance()
    if walPages >= checkpointAt || idle && walPages > copiedPages { checkpoint() }
  }

  private func checkpoint() {
    var (pages, copied): (Int32, Int32) = (0, 0)
    let code = sqlite3_wal_checkpoint_v2(database.handle, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied)
    if code == SQLITE_OK { copiedPages = copied }
    checkpointAt = walPages + Self.checkpointPages
  }

  /// After each commit. The first one after all was copied begins the WAL anew, where no reader is in it.
  private func walGrew(to pages: Int32) {
    if pages <= walPages { (copiedPages, checkpointAt) = (0, Self.checkpointPages) }
    walPages = pages
  }

  // MARK: - Journal

  private var isHeadDue: Bool {
    guard let last = position.lastHead else { return true }
    return !(0..<Self.headMilliseconds).contains(position.lastTime - last.time)
  }

  private func writeHead() throws(StoreError) {
    guard position.frontier.count > 0 else { return }
    let previous = position.lastHead?.digest ?? .zero
    let last = position.nextNumber - 1
    var head = JournalHead(
      previous: previous, root: position.frontier.root, first: last - Int64(position.frontier.count) + 1, last: last,
      time: position.lastTime,
      epoch: (writtenEpoch ?? presentEpoch).map { JournalEpoch(number: $0.number, id: $0.id) } ?? .first)
    do {
      head.signature = try signer(head.signed)
    } catch {
      throw .failed("a head of the journal could not be signed: \(error)")
    }
    let insert = statements.insertHead
    insert.bind(1, head.last)
    insert.bind(2, head.first)
    insert.bind(3, head.previous)
    insert.bind(4, head.root)
    insert.bind(5, head.time)
    insert.bind(6, head.epoch.number)
    insert.bind(7, head.epoch.id)
    insert.bind(8, head.signature)
    try insert.run(conflict: "last")
    position.lastHead = head
    position.frontier = MerkleFrontier()
  }
}
