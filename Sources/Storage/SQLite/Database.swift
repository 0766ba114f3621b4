import Bytes
import CSQLite
import Glibc
import Payments

/// One connection. One thread at a time.
final class Database {
  /// More than the store has texts of statements, at some 5 KB each; one more forgets them all.
  static let mostKept = 128

  let path: String
  let handle: OpaquePointer
  /// Statements that nobody uses, by their text: a statement costs more to prepare than most cost to run.
  private(set) var kept: [String: OpaquePointer] = [:]

  /// - Throws: ``StoreError`` that names the file.
  init(path: String, flags: Int32) throws(StoreError) {
    self.path = path
    _ = Self.isConfigured
    // SQLite would wait for a pipe's other end.
    var found = stat()
    guard stat(path, &found) != 0 || found.st_mode & S_IFMT == S_IFREG else {
      throw .unavailable("\(path) cannot be opened: it is no regular file")
    }
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK, let opened else {
      let words = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw .unavailable("\(path) cannot be opened: \(words)")
    }
    handle = opened
    countersign_sqlite_trust_no_schema(handle)
    sqlite3_busy_timeout(handle, 5_000)
  }

  private static let isConfigured: Bool = {
    countersign_sqlite_configure()
    return true
  }()

  deinit {
    finalizeKept()
    sqlite3_close_v2(handle)
  }

  /// Runs statements that give no rows.
  func execute(_ sql: String) throws(StoreError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(code) }
  }

  /// A statement that nobody else uses: one that was let go of before, else a new one.
  func prepare(_ sql: String) throws(StoreError) -> Statement {
    if let statement = kept.removeValue(forKey: sql) { return Statement(statement, sql, of: self) }
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement else { throw error(code) }
    return Statement(statement, sql, of: self)
  }

  /// Takes a statement that was let go of. It is reset, since it would hold a read transaction open, and forgets its
  /// values, which may be secret or the caller's.
  fileprivate func keep(_ statement: OpaquePointer, _ sql: String) {
    sqlite3_reset(statement)
    sqlite3_clear_bindings(statement)
    if kept.count >= Self.mostKept { finalizeKept() }
    if let other = kept.updateValue(statement, forKey: sql) { sqlite3_finalize(other) }
  }

  private func finalizeKept() {
    for statement in kept.values { sqlite3_finalize(statement) }
    kept.removeAll()
  }

  /// First column of the only row of a query.
  func number(_ sql: String) throws(StoreError) -> Int64 {
    let statement = try prepare(sql)
    guard try statement.step() else { throw .failed("\(path): \(sql) gave no row") }
    return statement.int(0)
  }

  /// SQLite's words for what went wrong, and what it means for the caller.
  func error(_ code: Int32) -> StoreError {
    let words = "\(path): \(String(cString: sqlite3_errmsg(handle))) (\(code))"
    switch code & 0xFF {
    case SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM:
      return .unavailable(words)
    case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged(words)
    default: return .failed(words)
    }
  }
}

/// A prepared statement, used again and again; its connection stays open for as long, and keeps it for the next who
/// asks for one of the same text. Columns count from 0, parameters from 1.
final class Statement {
  private let handle: OpaquePointer
  private let sql: String
  private let database: Database

  fileprivate init(_ handle: OpaquePointer, _ sql: String, of database: Database) {
    self.handle = handle
    self.sql = sql
    self.database = database
  }

  deinit { database.keep(handle, sql) }

  // MARK: Parameters

  @inline(__always)
  func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

  @inline(__always)
  func bind(_ index: Int32, _ value: UInt64) { bind(index, Int64(bitPattern: value)) }

  func bind(_ index: Int32, _ value: Int64?) {
    if let value { bind(index, value) } else { sqlite3_bind_null(handle, index) }
  }

  /// Bytes that the caller keeps until ``run()`` or ``step()``.
  @inline(__always)
  func bind(_ index: Int32, keeping bytes: UnsafeRawBufferPointer) {
    countersign_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count))
  }

  /// Text that the caller keeps until ``run()`` or ``step()``; UTF-8.
  @inline(__always)
  func bind(_ index: Int32, keepingText bytes: UnsafeRawBufferPointer) {
    countersign_bind_text(handle, index, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
  }

  func bind(_ index: Int32, _ bytes: [UInt8]) { countersign_bind_blob_copy(handle, index, bytes, Int32(bytes.count)) }

  func bind(_ index: Int32, _ text: String) {
    countersign_bind_text_copy(handle, index, text, Int32(text.utf8.count))
  }

  func bind(_ index: Int32, _ value: Bytes16) {
    value.withUnsafeBytes { _ = countersign_bind_blob_copy(handle, index, $0.baseAddress, 16) }
  }

  func bind(_ index: Int32, _ value: Bytes32) {
    value.withUnsafeBytes { _ = countersign_bind_blob_copy(handle, index, $0.baseAddress, 32) }
  }

  func bind(_ index: Int32, _ value: Bytes16?) {
    if let value { bind(index, value) } else { sqlite3_bind_null(handle, index) }
  }

  func bind(_ index: Int32, _ value: Bytes32?) {
    if let value { bind(index, value) } else { sqlite3_bind_null(handle, index) }
  }

  func bind(_ index: Int32, _ value: [UInt8]?) {
    if let value { bind(index, value) } else { sqlite3_bind_null(handle, index) }
  }

  func bind(_ index: Int32, _ value: OriginalElements?) {
    guard let value else {
      sqlite3_bind_null(handle, index)
      return
    }
    withUnsafeBytes(of: value.stored) { _ = countersign_bind_blob_copy(handle, index, $0.baseAddress, Int32($0.count)) }
  }

  // MARK: Running

  /// Runs to the end. Returns SQLite's code where a constraint said no.
  ///
  /// - Returns: `SQLITE_DONE`, or an extended code of `SQLITE_CONSTRAINT`.
  func run() throws(StoreError) -> Int32 {
    let code = sqlite3_step(handle)
    sqlite3_reset(handle)
    guard code == SQLITE_DONE || code == SQLITE_ROW || code & 0xFF == SQLITE_CONSTRAINT else {
      throw database.error(code)
    }
    return code
  }

  /// Runs to the end.
  ///
  /// - Throws: ``StoreError/conflict(_:)`` with `column` where a constraint said no.
  func run(conflict column: String) throws(StoreError) {
    guard try run() & 0xFF != SQLITE_CONSTRAINT else { throw .conflict(column) }
  }

  /// Goes to the next row; false at the end, and then the statement can be used again.
  func step() throws(StoreError) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    sqlite3_reset(handle)
    guard code == SQLITE_DONE else { throw database.error(code) }
    return false
  }

  func reset() { sqlite3_reset(handle) }

  /// Reads the first row where there is one.
  func first<R>(_ read: (Statement) -> R) throws(StoreError) -> R? {
    guard try step() else { return nil }
    defer { reset() }
    return read(self)
  }

  /// Reads all rows.
  func all<R>(_ read: (Statement) -> R) throws(StoreError) -> [R] {
    var rows: [R] = []
    while try step() { rows.append(read(self)) }
    return rows
  }

  // MARK: Columns

  @inline(__always)
  func int(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func optionalInt(_ column: Int32) -> Int64? { isNull(column) ? nil : int(column) }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  /// All of it, zero bytes too.
  func text(_ column: Int32) -> String { String(decoding: buffer(column), as: UTF8.self) }

  /// Valid until the next step or reset.
  @inline(__always)
  func buffer(_ column: Int32) -> UnsafeRawBufferPointer {
    let start = sqlite3_column_blob(handle, column)
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))
  }

  func bytes(_ column: Int32) -> [UInt8] { [UInt8](buffer(column)) }

  /// Zero bytes where the column does not hold 16: the schema's checks keep that from happening.
  func bytes16(_ column: Int32) -> Bytes16 { Bytes16(buffer(column)) ?? Bytes16(high: 0, low: 0) }

  /// Zero bytes where the column does not hold 32.
  func bytes32(_ column: Int32) -> Bytes32 { Bytes32(buffer(column)) ?? .zero }
}
