import Glibc
import Payments
import Synchronization
import Testing

@testable import StorageSQLite

/// How long work on a ledger's file rests.
@Suite struct PaceTests {
  /// Clocks that only the test moves, nanoseconds.
  private final class Clocks: Sendable {
    private let times = Mutex((wall: Int64(7), cpu: Int64(3)))

    func read(_ clock: clockid_t) -> Int64 {
      times.withLock { clock == CLOCK_MONOTONIC ? $0.wall : $0.cpu }
    }

    func pass(wall: Int64, cpu: Int64) {
      times.withLock { $0 = ($0.wall + wall, $0.cpu + cpu) }
    }
  }

  private let ledger: TestLedger
  private let store: SQLiteStore
  private let clocks = Clocks()
  private let pace: Pace

  init() throws {
    ledger = try TestLedger()
    store = try ledger.openWithSession()
    pace = try Pace(beside: ledger.path, time: clocks.read)
  }

  private func pay(_ number: UInt64) throws {
    try store.write { store in _ = try store.record(TestLedger.intent(number)) }
  }

  @Test func workRestsUntilItHadItsShareOfTheTimeWhileTheLedgerIsWritten() throws {
    try pay(1)
    clocks.pass(wall: 120, cpu: 100)
    #expect(pace.takeStock() == 380)
  }

  @Test func workGoesOnWhereTheLedgerIsNotWritten() throws {
    try pay(1)
    _ = pace.takeStock()
    clocks.pass(wall: 120, cpu: 100)
    #expect(pace.takeStock() == 0)
  }

  @Test func workThatHadLessThanItsShareGoesOn() throws {
    try pay(1)
    clocks.pass(wall: 600, cpu: 100)
    #expect(pace.takeStock() == 0)
  }

  @Test func timeOfARestIsNotCountedForTheNextOne() throws {
    try pay(1)
    clocks.pass(wall: 100, cpu: 100)
    #expect(pace.takeStock() == 400)
    try pay(2)
    clocks.pass(wall: 400 + 100, cpu: 100)
    #expect(pace.takeStock() == 400)
  }

  @Test func aCheckOfACopyRestsBesideALedgerThatIsWritten() throws {
    let copy = try ledger.copy()
    try pay(1)
    let before = ContinuousClock.now
    clocks.pass(wall: 0, cpu: 10_000_000)
    let database = try Database(path: copy, flags: 0x2)
    // Enough instructions for one look.
    try database.withRests(pace) { () throws(StoreError) in
      try database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT max(i) FROM n")
    }
    #expect(ContinuousClock.now - before >= .milliseconds(50))
  }
}
