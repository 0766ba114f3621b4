import Bytes
import Foundation
import Payments
import Testing

@testable import StorageSQLite

/// Disks that are full, read-only, or give back other bytes than they were given.
@Suite struct DiskTests {
  @Test(.enabled(if: TemporaryDisk.isPossible))
  func whatAFullDiskRefusedIsNotThereAndTheRestIs() throws {
    let disk = try TemporaryDisk(megabytes: 4)
    let ledger = try TestLedger(in: disk.folder)
    var store: SQLiteStore? = try ledger.openWithSession()
    try store?.write { store in _ = try store.record(TestLedger.intent(1)) }
    try disk.fill()
    let error = #expect(throws: StoreError.self) {
      try store?.write { store in
        for number in 2...5_000 { _ = try store.record(TestLedger.intent(UInt64(number))) }
      }
    }
    #expect(error.isNoRoom, "\(String(describing: error))")
    store = nil
    try disk.empty()
    let reopened = try ledger.open()
    let count = try reopened.database.number("SELECT count(*) FROM payment")
    #expect(count == 1)
    try reopened.write { store in _ = try store.record(TestLedger.intent(2)) }
    reopened.maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test(.enabled(if: TemporaryDisk.isPossible))
  func aReadOnlyDiskIsRefusedAtStart() throws {
    let disk = try TemporaryDisk(megabytes: 4)
    let ledger = try TestLedger(in: disk.folder)
    try disk.makeReadOnly()
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect(error.isUnavailable, "\(String(describing: error))")
    #expect("\(String(describing: error))".contains(ledger.path))
  }

  @Test(.enabled(if: TemporaryDisk.isPossible))
  func aLedgerThatCannotBeMadeWholeIsNotLeftBehind() throws {
    let disk = try TemporaryDisk(megabytes: 1)
    try disk.fill()
    let path = "\(disk.folder)/new.db"
    let error = #expect(throws: StoreError.self) { try SQLiteStore.create(path: path) }
    #expect(error.isUnavailable, "\(String(describing: error))")
    try disk.empty()
    try SQLiteStore.create(path: path)
  }

  @Test func aPageOfOtherBytesIsDamaged() throws {
    let ledger = try TestLedger()
    let page = try ledger.openWithSession().database.number("SELECT rootpage FROM sqlite_schema WHERE name = 'payment'")
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: ledger.path))
    try file.seek(toOffset: UInt64(page - 1) * 4_096)
    try file.write(contentsOf: Data(repeating: 0x41, count: 4_096))
    try file.close()
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect(error.isDamaged, "\(String(describing: error))")
    #expect("\(String(describing: error))".contains(ledger.path))
  }
}

extension StoreError? {
  fileprivate var isUnavailable: Bool { if case .unavailable? = self { true } else { false } }
  fileprivate var isNoRoom: Bool { if case .noRoom? = self { true } else { false } }
  fileprivate var isDamaged: Bool { if case .damaged? = self { true } else { false } }
}
