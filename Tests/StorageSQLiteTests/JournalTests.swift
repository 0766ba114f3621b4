import Bytes
import CSQLite
import Foundation
import Payments
import Testing

@testable import StorageSQLite

/// Numbers, trees and heads.
@Suite struct JournalTests {
  struct Stop: Error {}

  @Test func aRollbackBringsNumberAndTreeBack() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { _ = try $0.record(TestLedger.intent(1)) }
    let (number, root) = (store.position.nextNumber, store.position.frontier.root)
    try store.begin()
    for key: UInt64 in 2...9 { _ = try store.record(TestLedger.intent(key)) }
    store.rollback()
    #expect(store.position.nextNumber == number && store.position.frontier.root == root)
    try store.write { _ = try $0.record(TestLedger.intent(2)) }
    store.maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test func anInnerUndoLeavesTheOuterRecords() throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { store in
      try store.nested {
        try store.insertEvent(event("kept"))
        #expect(throws: Stop.self) {
          try store.nested {
            try store.insertEvent(event("lost"))
            throw Stop()
          }
        }
        try store.insertEvent(event("kept too"))
      }
    }
    let texts = try store.database.prepare("SELECT seq, body FROM event ORDER BY seq").all {
      "\($0.int(0)) \($0.text(1))"
    }
    #expect(texts == ["1 kept", "2 kept too"])
    store.maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test(arguments: [(999, 1), (1_000, 2), (-1, 2)] as [(Int64, Int)])
  func aHeadIsWrittenWhenASecondHasPassed(later: Int64, heads: Int) throws {
    let store = try TestLedger().open()
    try store.write { try $0.insertEvent(event("first")) }
    try store.write { try $0.insertEvent(event("second", time: TestLedger.time + later)) }
    #expect(try store.database.number("SELECT count(*) FROM head") == Int64(heads))
  }

  @Test func anIdleTimeWritesTheHeadThatIsMissingAndNoOther() throws {
    let store = try TestLedger().open()
    for text in ["first", "second"] { try store.write { try $0.insertEvent(event(text)) } }
    store.maintain(idle: false)
    #expect(try store.database.number("SELECT max(last) FROM head") == 1)
    for _ in 0..<2 { store.maintain(idle: true) }
    #expect(try store.database.number("SELECT max(last) FROM head") == 2)
    #expect(try store.database.number("SELECT count(*) FROM head") == 2)
  }

  @Test func theHeadAfterReopeningHasTheTimeOfItsLastRecord() throws {
    let ledger = try TestLedger()
    var store: SQLiteStore? = try ledger.open()
    for time: Int64 in [0, 5] { try store?.write { try $0.insertEvent(event("a", time: TestLedger.time + time)) } }
    store = nil
    store = try ledger.open()
    store?.maintain(idle: true)
    #expect(try store?.database.number("SELECT time FROM head WHERE last = 2") == TestLedger.time + 5)
  }

  @Test func aHeadThatCannotBeSignedFailsTheCommit() throws {
    let ledger = try TestLedger()
    let store = try SQLiteStore(path: ledger.path, signer: { _ in throw Stop() })
    try store.begin()
    try store.insertEvent(event("unsigned"))
    #expect(throws: StoreError.self) { try store.commit(lowWater: 0) }
    store.rollback()
    #expect(try store.database.number("SELECT count(*) FROM event") == 0)
  }

  @Test func anIdleTimeThatCannotSignLeavesTheHeadToTheNext() throws {
    let ledger = try TestLedger()
    let (key, signs) = (ledger.key, Switch())
    let store = try SQLiteStore(
      path: ledger.path, signer: { if signs.isOn { return try key.sign($0) } else { throw Stop() } })
    for text in ["first", "second"] { try store.write { try $0.insertEvent(event(text)) } }
    signs.isOn = false
    store.maintain(idle: true)
    signs.isOn = true
    store.maintain(idle: true)
    try ledger.verifyJournal()
    #expect(try store.database.number("SELECT max(last) FROM head") == 2)
  }

  @Test func aCommitThatIsRefusedIsNotTakenForOne() throws {
    let store = try TestLedger().open()
    sqlite3_commit_hook(store.database.handle, { _ in 1 }, nil)
    try store.begin()
    try store.insertEvent(event("refused"))
    #expect(throws: StoreError.self) { try store.commit(lowWater: 0) }
  }

  @Test func zeroBytesInTextStayInItsLeaf() throws {
    let ledger = try TestLedger()
    var store: SQLiteStore? = try ledger.open()
    for text in ["a", "b\u{0}c"] { try store?.write { try $0.insertEvent(event(text)) } }
    store = nil
    try ledger.open().maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test(
    arguments: [
      "UPDATE payment SET amount = amount + 1 WHERE seq = 2", "UPDATE outcome SET state = 3",
      "UPDATE event SET body = 'another'", "UPDATE payment SET leaf = leaf + 1 WHERE seq = 2",
    ])
  func anAlteredRecordThatNoHeadCoversIsNotSigned(change: String) throws {
    let ledger = try Self.withoutHead()
    try ledger.sqlite(change)
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("was altered"))
  }

  @Test(arguments: [
    "DELETE FROM payment WHERE seq = 2", "DELETE FROM outcome", "UPDATE event SET seq = 9 WHERE seq = 4",
  ])
  func aMissingRecordThatNoHeadCoversIsNotPassedOver(change: String) throws {
    let ledger = try Self.withoutHead()
    try ledger.sqlite(change)
    let error = #expect(throws: StoreError.self) { try ledger.open() }
    #expect("\(String(describing: error))".contains("is missing"))
  }

  /// An outcome is found by its number whether it stands near its payment or far from it.
  @Test func outcomesFarFromTheirPaymentsAreListed() throws {
    let ledger = try TestLedger()
    var store: SQLiteStore? = try ledger.openWithSession()
    for key: UInt64 in 1...3 { try store?.write { _ = try $0.record(TestLedger.intent(key)) } }
    try store?.write { store in
      try store.insertOutcome(OutcomeTests.outcome(3, .approved))
      // The last that is near has the number 1 + 16,384.
      for _ in 5...16_384 { try store.insertEvent(event("between")) }
      try store.insertOutcome(OutcomeTests.outcome(1, .approved))
    }
    store?.maintain(idle: true)
    try store?.write { try $0.insertOutcome(OutcomeTests.outcome(2, .declined)) }
    try store?.write { try $0.insertEvent(event("last")) }
    #expect(try store?.database.number("SELECT count(*) FROM late_outcome") == 0)
    let far = try #require(store).database
    #expect(try JournalRanges(far).leaves(16_385...16_386).map(\.number) == [16_385, 16_386])
    store = nil
    store = try ledger.open()
    try store?.write { _ = try $0.record(TestLedger.intent(4)) }
    try store?.write { store in
      for _ in 0..<16_384 { try store.insertEvent(event("between")) }
      try store.insertOutcome(OutcomeTests.outcome(16_388, .approved))
    }
    #expect(try store?.database.number("SELECT seq FROM late_outcome WHERE payment = 16388") == 32_773)
    // Not under a head yet: at the next start it is found by the list alone.
    store = nil
    store = try ledger.open()
    #expect(store?.position.nextNumber == 32_774)
    store?.maintain(idle: true)
    try ledger.verifyJournal()
  }

  /// Random transactions, undone inside and outside, with restarts: the independent program finds nothing wrong.
  @Test(arguments: 0..<6) func noOrderOfWritesBreaksTheJournal(seed: UInt64) throws {
    let ledger = try TestLedger()
    var dice = Dice(state: seed)
    var life = Life()
    for start in 0..<6 {
      let store = start == 0 ? try ledger.openWithSession() : try ledger.open()
      for _ in 0..<12 { try life.transaction(store, &dice) }
    }
    try ledger.open().maintain(idle: true)
    try ledger.verifyJournal()
    #expect(try ledger.open().database.number("SELECT count(*) FROM payment") == Int64(life.recorded))
  }

  private struct Life {
    private(set) var recorded = 0
    private var key: UInt64 = 0
    private var open: [Int64] = []
    private var time = TestLedger.time

    /// Up to eight records, undone one time in five.
    mutating func transaction(_ store: SQLiteStore, _ dice: inout Dice) throws {
      let before = self
      time += Int64(dice.roll(700))
      try store.begin()
      for _ in 0..<dice.roll(8) { try write(store, &dice) }
      if dice.roll(5) == 0 {
        store.rollback()
        self = before
      } else {
        for payment in open {
          try store.setUnresolved(UnresolvedRow(payment: payment, state: .unknown, nextTry: 0, attempts: 0))
        }
        try store.commit(lowWater: store.position.nextNumber)
      }
      if dice.roll(4) == 0 { store.maintain(idle: true) }
    }

    private mutating func write(_ store: SQLiteStore, _ dice: inout Dice) throws {
      switch dice.roll(4) {
      case 0: try store.insertEvent(event("kept", time: time))
      case 1 where !open.isEmpty:
        let payment = open.remove(at: dice.roll(open.count))
        try store.insertOutcome(OutcomeTests.outcome(payment, .declined))
        try store.clearUnresolved(payment: payment)
      case 2:
        #expect(throws: Stop.self) {
          try store.nested {
            try store.insertEvent(event("lost", time: time))
            throw Stop()
          }
        }
      default:
        key += 1
        open.append(try #require(try store.record(TestLedger.intent(key)).number))
        recorded += 1
      }
    }
  }

  /// A payment, its outcome and an event of which no head knows.
  private static func withoutHead() throws -> TestLedger {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { try $0.insertEvent(event("under a head")) }
    try store.write { store in
      _ = try store.record(TestLedger.intent(1))
      try store.insertOutcome(OutcomeTests.outcome(2, .approved))
      try store.insertEvent(event("not under a head"))
    }
    return ledger
  }
}

private func event(_ text: String, time: Int64 = TestLedger.time) -> EventRow {
  EventRow(kind: .login, consultant: 1, session: TestLedger.session.id, time: time, text: text)
}
