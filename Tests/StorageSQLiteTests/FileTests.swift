import Bytes
import Foundation
import Payments
import TestPrograms
import Testing

@testable import StorageSQLite

/// The file: what is opened, what is refused, and what another program finds in it.
@Suite struct FileTests {
  @Test func numbersAndTreesGoOnAfterReopening() throws {
    let ledger = try TestLedger()
    var last: Int64 = 0
    for round in 1...4 {
      let store = round == 1 ? try ledger.openWithSession() : try ledger.open()
      try store.write { store in
        for index in 0..<5 {
          last = try #require(try store.record(TestLedger.intent(UInt64(round * 10 + index))).number)
        }
        try store.insertEvent(EventRow(kind: .login, consultant: 1, time: TestLedger.time + Int64(round), text: "é"))
      }
    }
    try ledger.open().maintain(idle: true)
    #expect(last == 4 * 6 - 1)
    try ledger.verifyJournal()
  }

  @Test func outcomesOfOldPaymentsAreFoundAgainAfterReopening() throws {
    let ledger = try TestLedger()
    var store: SQLiteStore? = try ledger.openWithSession()
    var number: Int64 = 0
    try store?.begin()
    number = try #require(try store?.record(TestLedger.intent(1)).number)
    try store?.setUnresolved(UnresolvedRow(payment: number, state: .unknown, nextTry: 0, attempts: 0))
    try store?.commit(lowWater: number + 1)
    store?.maintain(idle: true)
    try store?.write { store in
      try store.insertOutcome(
        OutcomeRow(payment: number, state: .reversed, approvalCode: .none, responseCode: .none, time: TestLedger.time))
    }
    store = nil
    try ledger.open().maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test func aCopyTakenAtAnyTimeOpensAndIsWhole() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    for round in 1...5 {
      try store.write { store in _ = try store.record(TestLedger.intent(UInt64(round))) }
      try Self.expectWhole(ledger, ledger.copy(), payments: Int64(round))
    }
  }

  @Test func aCopyTakenInATransactionHasNothingOfIt() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { _ = try $0.record(TestLedger.intent(1)) }
    // A cache of ten pages makes SQLite write pages to the WAL before the commit.
    try store.database.execute("PRAGMA cache_size = 10")
    try store.begin()
    for key: UInt64 in 2...2_000 { _ = try store.record(TestLedger.intent(key)) }
    let copy = try ledger.copy()
    let wal = try Data(contentsOf: URL(fileURLWithPath: copy + "-wal"))
    #expect(wal.count > 50 * 4_096)
    try Self.expectWhole(ledger, copy, payments: 1)
    store.rollback()
  }

  /// A power failure may cut the WAL anywhere: what is found is whole and a beginning of what was written.
  @Test func aWALThatIsCutAnywhereGivesABeginning() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    for key: UInt64 in 1...10 { try store.write { _ = try $0.record(TestLedger.intent(key)) } }
    let whole = try Data(contentsOf: URL(fileURLWithPath: ledger.path + "-wal"))
    var (dice, counts) = (Dice(state: 1), Set<Int64>())
    for _ in 0..<40 {
      let copy = try ledger.copy()
      try whole.prefix(dice.roll(whole.count)).write(to: URL(fileURLWithPath: copy + "-wal"))
      let opened = try ledger.open(copy)
      let health = try opened.database.prepare("PRAGMA integrity_check").all { $0.text(0) }
      #expect(health == ["ok"])
      let count = try opened.database.number("SELECT count(*) FROM payment")
      #expect(opened.position.nextNumber == count + 1)
      counts.insert(count)
    }
    #expect(counts.count > 5)
  }

  private static func expectWhole(_ ledger: TestLedger, _ path: String, payments: Int64) throws {
    let opened = try ledger.open(path)
    let health = try opened.database.prepare("PRAGMA integrity_check").all { $0.text(0) }
    #expect(health == ["ok"])
    #expect(try opened.database.number("SELECT count(*) FROM payment") == payments)
  }

  @Test func anUncommittedPaymentIsNotThere() throws {
    let ledger = try TestLedger()
    var store: SQLiteStore? = try ledger.openWithSession()
    try store?.begin()
    _ = try store?.record(TestLedger.intent(1))
    store = nil
    let found = try ledger.open().payment(key: TestLedger.intent(1).key, company: 1)
    #expect(found == nil)
  }

  @Test func aNewerSchemaIsRefusedWithBothVersions() throws {
    let ledger = try TestLedger()
    try ledger.sqlite("PRAGMA user_version = 99")
    #expect(throws: StoreError.newerSchema(found: 99, supported: Int(Schema.version))) { try ledger.open() }
  }

  @Test func anotherProgramsDatabaseIsRefused() throws {
    let ledger = try TestLedger()
    try ledger.sqlite("PRAGMA application_id = 1")
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("not a ledger of this service"))
  }

  @Test func aFileThatIsNoDatabaseIsDamaged() throws {
    let ledger = try TestLedger()
    try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: ledger.path))
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    guard case .damaged(let text)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.contains(ledger.path))
  }

  @Test func aMissingFileSaysHowToMakeIt() throws {
    let ledger = try TestLedger()
    try FileManager.default.removeItem(atPath: ledger.path)
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("countersign-server init"))
  }

  @Test func anEmptyFileIsNotTakenForALedger() throws {
    let ledger = try TestLedger()
    try FileManager.default.removeItem(atPath: ledger.path)
    try Data().write(to: URL(fileURLWithPath: ledger.path))
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("\(ledger.path) is not a ledger of this service"))
  }

  @Test func aFileWithBrokenPagesIsDamaged() throws {
    let ledger = try TestLedger()
    var file = try Data(contentsOf: URL(fileURLWithPath: ledger.path))
    file.replaceSubrange(4_096..., with: Data(repeating: 0xFF, count: file.count - 4_096))
    try file.write(to: URL(fileURLWithPath: ledger.path))
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    guard case .damaged(let text)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.contains(ledger.path))
  }

  @Test func aFileThatLostItsEndIsDamaged() throws {
    let ledger = try TestLedger()
    let file = try Data(contentsOf: URL(fileURLWithPath: ledger.path))
    try file.prefix(file.count / 2).write(to: URL(fileURLWithPath: ledger.path))
    let error = #expect(throws: StoreError.self) { try ledger.openWithSession() }
    guard case .damaged(let text)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.contains(ledger.path))
  }

  /// Nobody, not even root, makes files below /proc.
  @Test func aFolderThatCannotBeWrittenIsNamed() {
    let made = #expect(throws: StoreError.self) { try SQLiteStore.create(path: "/proc/ledger.db") }
    #expect("\(String(describing: made))".contains("/proc/ledger.db"))
    let opened = #expect(throws: StoreError.self) { try SQLiteStore(path: "/proc/version", signer: { _ in [] }) }
    #expect("\(String(describing: opened))".contains("/proc/version-lock cannot be made"))
  }

  @Test func aLockIsGivenBackWhereOpeningFails() throws {
    let ledger = try TestLedger()
    try ledger.sqlite("PRAGMA user_version = 99")
    for _ in 0..<2 {
      #expect(throws: StoreError.newerSchema(found: 99, supported: Int(Schema.version))) { try ledger.open() }
    }
    try ledger.sqlite("PRAGMA user_version = \(Schema.version)")
    _ = try ledger.open()
  }

  @Test func anotherProcessesLockIsRespected() throws {
    let ledger = try TestLedger()
    let other = try RunningProgram("flock", ["\(ledger.path)-lock", "sh", "-c", "echo locked; cat"])
    try other.prints("locked")
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("in use by another server process"))
    other.endInput()
    try other.wait()
    _ = try ledger.open()
  }

  @Test func aLedgerIsWrittenByOneAtATime() throws {
    let ledger = try TestLedger()
    let first = try ledger.open()
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("in use by another server process"))
    withExtendedLifetime(first) {}
  }

  @Test func createDoesNotOverwrite() throws {
    let ledger = try TestLedger()
    #expect(throws: StoreError.self) { try SQLiteStore.create(path: ledger.path) }
  }

  @Test func aFullFileRefusesAndGoesOnWhenThereIsRoom() throws {
    let store = try TestLedger().openWithSession()
    let pages = try store.database.number("PRAGMA page_count")
    _ = try store.database.number("PRAGMA max_page_count = \(pages)")
    try store.begin()
    let error = #expect(throws: StoreError.self) {
      for number in 1...2_000 { _ = try store.record(TestLedger.intent(UInt64(number))) }
    }
    guard case .unavailable? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    store.rollback()
    _ = try store.database.number("PRAGMA max_page_count = 1000000")
    try store.write { store in
      let number = try store.record(TestLedger.intent(1)).number
      #expect(number == 1)
    }
  }

  @Test func theFileIsForItsOwnerAlone() throws {
    let ledger = try TestLedger()
    let mode = try FileManager.default.attributesOfItem(atPath: ledger.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func analteredRecordIsFoundByTheIndependentProgram() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { store in _ = try store.record(TestLedger.intent(1)) }
    store.maintain(idle: true)
    try ledger.verifyJournal()
    try ledger.sqlite("UPDATE payment SET amount = amount + 1")
    let result = try ledger.runJournal()
    #expect(result.status == 1)
    #expect(result.output == "record 1 was altered\n")
  }
}

extension TestLedger {
  /// Runs a statement with the sqlite3 program.
  func sqlite(_ statement: String, in path: String? = nil) throws {
    let result = try runProgram("sqlite3", [path ?? self.path, statement], errors: .withOutput)
    try #require(result.status == 0, "\(result.output)")
  }

  /// Leaves, trees and signatures agree with Tests/Python/journal.py.
  func verifyJournal() throws {
    let result = try runJournal()
    #expect(result.status == 0, "\(result.output)")
  }

  func runJournal() throws -> ProgramResult {
    try Repository.runPython("journal.py", [path, publicKey], with: Repository.debianPython)
  }

}
