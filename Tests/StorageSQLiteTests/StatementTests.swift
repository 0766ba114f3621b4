import Foundation
import Payments
import Testing

@testable import StorageSQLite

/// Statements that a connection keeps for their next use.
@Suite struct StatementTests {
  let ledger: TestLedger
  let database: Database

  init() throws {
    ledger = try TestLedger()
    // SQLITE_OPEN_READWRITE
    database = try Database(path: ledger.path, flags: 2)
    try database.execute("CREATE TABLE scratch (a INTEGER UNIQUE); INSERT INTO scratch VALUES (1), (2), (3)")
  }

  private static let all = "SELECT a FROM scratch ORDER BY a"

  @Test("a statement that was let go of is prepared no more")
  func again() throws {
    let sum = "SELECT sum(a) FROM scratch WHERE a < ?1"
    func below(_ limit: Int64) throws -> Int64? {
      let find = try database.prepare(sum)
      #expect(database.kept[sum] == nil)
      find.bind(1, limit)
      return try find.first { $0.int(0) }
    }
    #expect(try below(3) == 3)
    let kept = try #require(database.kept[sum])
    #expect(try below(4) == 6)
    #expect(database.kept[sum] == kept)
  }

  @Test("nobody gets a statement that another is in the middle of")
  func busy() throws {
    var read: [String] = []
    do {
      let outer = try database.prepare(Self.all)
      while try outer.step() {
        read.append("\(outer.int(0)): \(try database.prepare(Self.all).all { $0.int(0) })")
      }
    }
    #expect(read == ["1: [1, 2, 3]", "2: [1, 2, 3]", "3: [1, 2, 3]"])
    #expect(try database.prepare(Self.all).all { $0.int(0) } == [1, 2, 3])
  }

  @Test("a kept statement has none of its values")
  func values() throws {
    let tell = "SELECT ?1, ?2"
    do {
      let statement = try database.prepare(tell)
      statement.bind(1, "secret")
      statement.bind(2, [UInt8](repeating: 7, count: 32))
      #expect(try statement.first { $0.text(0) } == "secret")
    }
    let kept = try #require(database.kept[tell])
    #expect(try database.prepare(tell).first { $0.isNull(0) && $0.isNull(1) } == true)
    #expect(database.kept[tell] == kept)
  }

  @Test("a statement that is let go of between two rows holds no read transaction")
  func betweenRows() throws {
    let writer = try Database(path: ledger.path, flags: 2)
    try writer.execute("PRAGMA busy_timeout = 0")
    func isHeldUp() throws -> Bool {
      try writer.execute("INSERT INTO scratch SELECT max(a) + 1 FROM scratch")
      return try writer.number("PRAGMA wal_checkpoint(TRUNCATE)") == 1
    }
    var find: Statement? = try database.prepare(Self.all)
    #expect(try find?.step() == true)
    #expect(try isHeldUp())
    find = nil
    #expect(try !isHeldUp())
    #expect(try database.prepare(Self.all).all { $0.int(0) } == [1, 2, 3, 4, 5])
  }

  @Test("a statement that failed between two rows is as good as new")
  func failed() throws {
    let overflow = "SELECT abs(a) FROM scratch ORDER BY a DESC"
    try database.execute("INSERT INTO scratch VALUES (\(Int64.min))")
    for _ in 0..<2 {
      let find = try database.prepare(overflow)
      var read: [Int64] = []
      #expect(throws: StoreError.self) { while try find.step() { read.append(find.int(0)) } }
      #expect(read == [3, 2, 1])
    }
    try database.execute("DELETE FROM scratch WHERE a < 0")
    #expect(try database.prepare(overflow).all { $0.int(0) } == [3, 2, 1])
  }

  @Test("a statement that a constraint refused runs with other values")
  func refused() throws {
    func insert(_ value: Int64) throws {
      let insert = try database.prepare("INSERT INTO scratch VALUES (?1)")
      insert.bind(1, value)
      try insert.run(conflict: "a")
    }
    #expect(throws: StoreError.conflict("a")) { try insert(3) }
    try insert(4)
    #expect(throws: StoreError.conflict("a")) { try insert(4) }
    #expect(try database.prepare(Self.all).all { $0.int(0) } == [1, 2, 3, 4])
  }

  @Test("a kept statement follows the schema, whichever connection changes it")
  func schema() throws {
    let other = try Database(path: ledger.path, flags: 2)
    let all = "SELECT * FROM scratch ORDER BY a"
    #expect(try database.prepare(all).all { $0.int(0) } == [1, 2, 3])
    try database.execute("ALTER TABLE scratch ADD COLUMN b DEFAULT 7")
    #expect(try database.prepare(all).all { $0.int(1) } == [7, 7, 7])
    try other.execute("ALTER TABLE scratch ADD COLUMN c DEFAULT 8")
    #expect(try database.prepare(all).all { $0.int(2) } == [8, 8, 8])
    try other.execute("DROP TABLE scratch")
    for _ in 0..<2 {
      #expect(throws: StoreError.self) { _ = try database.prepare(all).all { $0.int(0) } }
    }
    try database.execute("CREATE TABLE scratch (a); INSERT INTO scratch VALUES (9)")
    #expect(try database.prepare(all).all { $0.int(0) } == [9])
  }

  @Test("no more statements are kept than the bound")
  func bound() throws {
    for number in 0..<3 * Database.mostKept {
      #expect(try database.number("SELECT \(number)") == Int64(number))
      #expect(database.kept.count <= Database.mostKept)
    }
  }

  @Test("a connection with kept statements is closed with the last statement that is in use")
  func closed() throws {
    let ledger = try TestLedger()
    func isOpen() -> Bool { FileManager.default.fileExists(atPath: "\(ledger.path)-wal") }
    var database: Database? = try Database(path: ledger.path, flags: 2)
    try database?.execute("CREATE TABLE scratch (a); INSERT INTO scratch VALUES (1)")
    #expect(try database?.prepare(Self.all).all { $0.int(0) } == [1])
    var find = try database?.prepare("SELECT count(*) FROM scratch")
    database = nil
    #expect(try isOpen() && find?.first { $0.int(0) } == 1)
    find = nil
    #expect(!isOpen())
  }

  @Test("a login's statements are kept, and leave copy, checkpoint and rollback as they were")
  func store() throws {
    // No store opens a ledger with a table that is not of its schema.
    try database.execute("DROP TABLE scratch")
    let store = try ledger.openWithSession()
    for round in 2...4 as ClosedRange<UInt64> {
      try store.begin()
      try store.nested {
        try store.setIdentity(
          session: TestLedger.session.id, digest: TestLedger.identity, process: 7, sequence: round)
        let live = try store.nested { try store.liveSessions(consultant: 1) }
        #expect(live == [TestLedger.session.id])
      }
      let texts = Set(store.database.kept.keys)
      #expect(throws: StoreError.self) {
        try store.nested {
          try store.setIdentity(
            session: TestLedger.session.id, digest: TestLedger.identity, process: 8, sequence: 1)
          throw StoreError.failed("taken back")
        }
      }
      #expect(Set(store.database.kept.keys) == texts)
      try store.commit(lowWater: 0)
      store.maintain(idle: true)
    }
    #expect(try store.session(id: TestLedger.session.id)?.process == 7)
    #expect(try store.database.number("PRAGMA wal_checkpoint(TRUNCATE)") == 0)
    try store.beginBackup(to: "\(ledger.folder)/copy.db")
    while store.backup?.isRunning == true { store.maintain(idle: true) }
    #expect(store.backup?.failure == nil)
    try SQLiteStore.checkCopy("\(ledger.folder)/copy.db")
  }
}
