import CSQLite
import Payments
import Testing

@testable import StorageSQLite

/// The schema of real files, changed with the sqlite3 program.
@Suite struct SchemaProblemTests {
  private static let changes: [(change: String, problems: [String])] = [
    ("ANALYZE", []), ("VACUUM", []), ("REINDEX", []),
    (
      "CREATE TRIGGER tt AFTER INSERT ON payment BEGIN UPDATE certificate SET revoked = NULL; END",
      ["trigger tt on payment was added"]
    ),
    ("CREATE VIEW v AS SELECT 1", ["view v was added"]),
    ("CREATE TABLE t (a)", ["table t was added"]),
    ("CREATE TABLE t (a UNIQUE)", ["index sqlite_autoindex_t_1 on t was added", "table t was added"]),
    ("CREATE INDEX i ON payment (time)", ["index i on payment was added"]),
    ("DROP INDEX payment_key", ["index payment_key on payment is missing"]),
    (
      "DROP INDEX payment_key; CREATE INDEX payment_key ON payment (key, company)",
      ["index payment_key on payment was changed"]
    ),
    ("DROP TABLE mark", ["table mark is missing"]),
    ("ALTER TABLE mark ADD COLUMN b INTEGER DEFAULT 7", ["table mark was changed"]),
    (
      "ALTER TABLE mark RENAME TO real; CREATE VIEW mark AS SELECT * FROM real",
      ["table real was added", "view mark was added", "table mark is missing"]
    ),
    ("DROP TABLE lockout; CREATE VIEW \"a\nb\" AS SELECT 1", ["view a\\0Ab was added", "table lockout is missing"]),
    (
      "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (id = 1)', '') WHERE name = 'mark'",
      ["table mark was changed"]
    ),
  ]

  @Test(arguments: changes.indices) func whatIsNotOfANewLedgerIsNamedAndNotOpened(_ index: Int) throws {
    let (change, problems) = Self.changes[index]
    let ledger = try TestLedger()
    try ledger.sqlite(change)
    #expect(try SchemaProblem.all(in: ledger.path).map(\.description) == problems)
    guard !problems.isEmpty else {
      _ = try ledger.open()
      return
    }
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect(
      error == .damaged("\(ledger.path): the schema was altered: \(problems.joined(separator: "; "))"), "\(change)")
  }

  /// Restoring looks at what it copied, whatever was verified before.
  @Test func aCopyWithATriggerIsNotRestored() throws {
    let ledger = try TestLedger()
    let copy = "\(ledger.folder)/copy.db"
    #expect(try SQLiteStore.copyStopped(ledger.path, to: copy))
    let other = try Database(path: copy, flags: SQLITE_OPEN_READWRITE)
    try other.execute("CREATE TRIGGER tt AFTER INSERT ON payment BEGIN DELETE FROM device; END")
    let error = #expect(throws: StoreError.self) {
      try SQLiteStore.restore(
        copy, to: ledger.path, time: TestLedger.time, signer: { [key = ledger.key] in try key.sign($0) })
    }
    #expect(error == .damaged("\(copy): the schema was altered: trigger tt on payment was added"))
  }

  @Test func noConnectionRunsTriggersOrReadsViews() throws {
    let ledger = try TestLedger()
    let database = try Database(path: ledger.path, flags: SQLITE_OPEN_READWRITE)
    try database.execute(
      """
      CREATE TRIGGER tt AFTER UPDATE ON mark BEGIN DELETE FROM lookup_key; END; CREATE VIEW v AS SELECT 1;
      UPDATE mark SET low_water = 2
      """)
    #expect(try database.number("SELECT count(*) FROM lookup_key") == 1)
    #expect(throws: StoreError.self) { try database.number("SELECT * FROM v") }
    #expect(try database.number("PRAGMA trusted_schema") == 0)
  }
}
