import CSQLite
import Glibc
import Payments

/// A copy of a database that is being made in steps on the connection that writes: SQLite brings what is written
/// meanwhile into the copy by itself, and never begins anew. Source: SQLite, "Online Backup API".
final class Backup {
  /// Pages of one step, 256 KiB: well under a millisecond from the page cache.
  static let step: Int32 = 64

  private(set) var progress: BackupProgress
  private let source: Database
  /// Rows that the source had ever changed at the last step.
  private var lastChanges: Int64 = 0
  /// Before which there is no step while the source is written.
  private var nextStep = ContinuousClock.now
  private var copy: Database?
  private var handle: OpaquePointer?

  /// - Parameter reserve: bytes that must stay free where the copy lies on the disk of the database.
  init(of database: Database, to path: String, reserve: UInt64 = 0) throws(StoreError) {
    progress = BackupProgress(path: path)
    source = database
    try Self.makeFile(path)
    do throws(StoreError) {
      try Self.checkRoom(for: database, at: path, reserve: reserve)
      let copy = try Database(path: path, flags: SQLITE_OPEN_READWRITE)
      // Nobody reads the copy before it is complete and synchronised: a crash leaves a file that is thrown away.
      try copy.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
      handle = sqlite3_backup_init(copy.handle, "main", database.handle, "main")
      guard handle != nil else { throw copy.error(sqlite3_errcode(copy.handle)) }
      self.copy = copy
    } catch {
      unlink(path)
      throw error
    }
  }

  deinit { sqlite3_backup_finish(handle) }

  private static func makeFile(_ path: String) throws(StoreError) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      let hint = errno == EEXIST ? "; name a new file" : ""
      throw .unavailable("\(path) cannot be made: \(String(cString: strerror(errno)))\(hint)")
    }
    close(file)
  }

  private static func checkRoom(for database: Database, at path: String, reserve: UInt64) throws(StoreError) {
    let size = UInt64(
      clamping: try database.number("PRAGMA page_count") * (try database.number("PRAGMA page_size")))
    var (disk, own, other) = (statvfs(), stat(), stat())
    guard statvfs(path, &disk) == 0, stat(path, &own) == 0, stat(database.path, &other) == 0 else { return }
    let free = UInt64(disk.f_bavail) &* UInt64(disk.f_frsize)
    let needed = size + (own.st_dev == other.st_dev ? reserve : 0)
    guard free >= needed else {
      throw .unavailable("\(path): its disk has \(free >> 20) MiB free, and \(needed >> 20) MiB are needed")
    }
  }

  /// Copies the next pages where it is time for it; outside of a transaction.
  func advance() {
    guard let handle, progress.isRunning else { return }
    let (begin, changes) = (ContinuousClock.now, sqlite3_total_changes64(source.handle))
    guard changes == lastChanges || begin >= nextStep else { return }
    let code = sqlite3_backup_step(handle, Self.step)
    let end = ContinuousClock.now
    (lastChanges, nextStep) = (changes, end + (end - begin) * Limits.restBesidePayments)
    progress.pages = Int64(sqlite3_backup_pagecount(handle))
    progress.done = progress.pages - Int64(sqlite3_backup_remaining(handle))
    switch code {
    case SQLITE_OK, SQLITE_BUSY, SQLITE_LOCKED: break
    case SQLITE_DONE: finish(SQLITE_OK)
    default: finish(code)
    }
  }

  private func finish(_ code: Int32) {
    let finished = sqlite3_backup_finish(handle)
    let code = code == SQLITE_OK ? finished : code
    (handle, copy) = (nil, nil)
    progress.isRunning = false
    guard code != SQLITE_OK else { return }
    unlink(progress.path)
    let words = "\(String(cString: sqlite3_errstr(code))) (\(code))"
    progress.failure =
      [SQLITE_CORRUPT, SQLITE_NOTADB].contains(code & 0xFF)
      ? .damaged("\(source.path): \(words)") : .unavailable("\(progress.path): \(words)")
  }
}

extension SQLiteStore {
  /// Whether a file begins as a ledger does: as any SQLite database, with a ledger's application id at byte 68
  /// (sqlite.org/fileformat2.html, section 1.3).
  public static func isLedger(header: [UInt8]) -> Bool {
    guard header.count >= ledgerHeader, header.starts(with: Array("SQLite format 3\0".utf8)) else { return false }
    return header[68..<72].reduce(0) { $0 << 8 | Int64($1) } == Schema.applicationID
  }

  /// Bytes that ``isLedger(header:)`` wants.
  public static let ledgerHeader = 72

  public func beginBackup(to path: String) throws(StoreError) {
    guard copying?.progress.isRunning != true else { throw .failed("another copy is being made; wait for its end") }
    copying = try Backup(of: database, to: path, reserve: reserve)
  }

  public var backup: BackupProgress? { copying?.progress }

  /// - Throws: ``StoreError/restoreCutOff(_:)`` where a restore was cut off and has to be given again first.
  public static func checkNotCutOff(_ ledger: String) throws(StoreError) {
    try LedgerReplacement.checkNone(of: ledger)
  }

  /// Copies the ledger of a stopped service.
  ///
  /// - Returns: false where a server process has it open; nothing was copied then.
  /// - Throws: ``StoreError`` that names the file.
  public static func copyStopped(_ ledger: String, to path: String) throws(StoreError) -> Bool {
    guard let lock = try takeLockIfFree(ledger) else { return false }
    defer { close(lock) }
    try checkNotCutOff(ledger)
    try copy(ledger, to: path)
    return true
  }

  /// Through SQLite, so that a file with a WAL beside it is copied whole too.
  static func copy(_ file: String, to path: String) throws(StoreError) {
    let source = try Database(path: file, flags: SQLITE_OPEN_READONLY)
    try Schema.check(source)
    let backup = try Backup(of: source, to: path)
    while backup.progress.isRunning { backup.advance() }
    if let failure = backup.progress.failure { throw failure }
  }

  /// Makes a copy one file that needs no WAL, and checks every page, index and constraint of it.
  ///
  /// - Parameter pace: of the ledger that the service may be writing meanwhile.
  /// - Throws: ``StoreError`` that names the file; ``StoreError/damaged(_:)`` with the first thing that is wrong.
  public static func checkCopy(_ path: String, pace: Pace? = nil) throws(StoreError) {
    let copy = try Database(path: path, flags: SQLITE_OPEN_READWRITE)
    try Schema.check(copy)
    try copy.execute("PRAGMA journal_mode = DELETE")
    try copy.withRests(pace) { () throws(StoreError) in try checkIntegrity(copy) }
  }

  /// Checks every page of a ledger, and every index against its table, in one read transaction: beside a running server
  /// the WAL grows meanwhile.
  ///
  /// - Parameter pace: of the ledger that the service may be writing.
  /// - Throws: ``StoreError/damaged(_:)`` with the first thing that is wrong.
  public static func checkIndexes(_ path: String, pace: Pace) throws(StoreError) {
    let database = try Database(path: path, flags: SQLITE_OPEN_READONLY)
    try database.withRests(pace) { () throws(StoreError) in try checkIntegrity(database) }
  }

  /// - Parameter file: whose copy it is; nil: it is looked at for itself.
  static func checkIntegrity(_ database: Database, of file: String? = nil) throws(StoreError) {
    let name = file ?? database.path
    let found: String?
    do throws(StoreError) {
      found = try database.prepare("PRAGMA integrity_check(1)").first { $0.text(0) }
    } catch .damaged(let words) {
      throw .damaged(words.replacing(database.path, with: name))
    }
    guard found == "ok" else { throw .damaged("\(name) is damaged: \(found ?? "nothing can be read")") }
  }
}
