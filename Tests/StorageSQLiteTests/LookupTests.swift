import Bytes
import Cryptography
import Foundation
import Payments
import Testing

@testable import StorageSQLite

/// Payments found by order, card and consultant, compared with what a scan of all rows says.
@Suite struct LookupTests {
  private static let consultants = 3
  private static let orders = 40
  private static let cards = 9

  @Test(arguments: [1, 2, 3] as [UInt64])
  func runsAndMemoryFindWhatAScanFinds(_ seed: UInt64) async throws {
    let desk = try Desk(size: 150)
    var dice = Dice(state: seed)
    for _ in 0..<60 {
      try desk.store.begin()
      for _ in 0..<dice.roll(25) { try desk.record(&dice) }
      if dice.roll(5) == 0 { desk.store.rollback() } else { try desk.store.commit(lowWater: 0) }
      if dice.roll(3) == 0 { desk.store.maintain(idle: true) }
    }
    try await desk.finishRuns()
    // What is recorded while one run is being sorted goes into the next, however much it is: there are two at least.
    #expect(try desk.store.database.number("SELECT count(*) FROM lookup_run") >= 2)
    try await desk.compareAll()
  }

  @Test func pagesGoOnWhereTheLastOneEnded() async throws {
    let desk = try Desk(size: 100)
    var dice = Dice(state: 4)
    for _ in 0..<25 { try desk.store.write { _ in for _ in 0..<10 { try desk.record(&dice) } } }
    try await desk.finishRuns()
    let recent = try desk.store.recentPayments(.consultant(1), after: 0)
    let all = try await desk.reader.payments(LookupPage(.consultant(1), recent: recent, limit: .max))
    var paged: [Int64] = []
    while true {
      let page = LookupPage(.consultant(1), recent: recent, after: paged.last ?? 0, limit: 7)
      let next = try await desk.reader.payments(page)
      let left = try await desk.reader.count(page)
      #expect(left == all.count - paged.count)
      #expect(next.count <= 7)
      if next.isEmpty { break }
      paged += next
    }
    #expect(paged == all && all.count > 50)
  }

  @Test func timesLeaveOutWhatWasRecordedBeforeAndAfter() async throws {
    let desk = try Desk(size: 100)
    var dice = Dice(state: 5)
    for index in 0..<30 {
      desk.time = TestLedger.time + Int64(index) * 1_000
      try desk.store.write { _ in for _ in 0..<10 { try desk.record(&dice) } }
    }
    try await desk.finishRuns()
    let times = TestLedger.time + 5_000..<TestLedger.time + 25_000
    let recent = try desk.store.recentPayments(.consultant(2), after: 0)
    let found = try await desk.reader.payments(
      LookupPage(.consultant(2), recent: recent, times: times, limit: .max))
    let scanned = try desk.scan("consultant = 2 AND time >= \(times.lowerBound) AND time < \(times.upperBound)")
    #expect(found == scanned && !found.isEmpty)
    let count = try await desk.reader.count(LookupPage(.consultant(2), recent: recent, times: times, limit: 1))
    #expect(count == scanned.count)
  }

  /// One card's pairs fill many chunks: a page begins in the middle of any of them.
  @Test func anyPageOfARunOfOneCardIsFound() async throws {
    let desk = try Desk(size: 1_000)
    var dice = Dice(state: 9)
    try desk.store.write { _ in for _ in 0..<1_100 { try desk.record(&dice) } }
    try await desk.finishRuns()
    let all = try desk.scan("consultant = 3")
    for after in all {
      let recent = try desk.store.recentPayments(.consultant(3), after: after)
      let page = LookupPage(.consultant(3), recent: recent, after: after, limit: 3)
      let found = try await desk.reader.payments(page)
      #expect(found == Array(all.drop { $0 <= after }.prefix(3)))
    }
  }

  /// A run that was cut off by the end of the process counts for nothing and is made again.
  @Test func aRunThatWasNotFinishedIsMadeAgain() async throws {
    let desk = try Desk(size: 2_000)
    var dice = Dice(state: 6)
    try desk.store.write { _ in for _ in 0..<2_000 { try desk.record(&dice) } }
    while !desk.store.lookups.isDue { await Task.yield() }
    try desk.store.write { _ in try desk.record(&dice) }
    #expect(try desk.store.database.number("SELECT count(*) FROM lookup") == 20)
    #expect(try desk.store.database.number("SELECT count(*) FROM lookup_run") == 0)
    try await desk.compareAll()

    try desk.reopen()
    #expect(try desk.store.database.number("SELECT count(*) FROM lookup") == 0)
    try await desk.compareAll()
    try await desk.finishRuns()
    #expect(try desk.store.database.number("SELECT count(*) FROM lookup_run") == 1)
    #expect(try desk.store.database.number("SELECT count(*) FROM lookup") == 26)
    try await desk.compareAll()
  }

  @Test func aTransactionWritesAtMostTwentyChunksAndNoneThatIsRolledBackCounts() async throws {
    let desk = try Desk(size: 4_000)
    var dice = Dice(state: 7)
    try desk.store.write { _ in for _ in 0..<4_000 { try desk.record(&dice) } }
    while !desk.store.lookups.isDue { await Task.yield() }
    var chunks: [Int64] = []
    for round in 0..<5 {
      try desk.store.begin()
      try desk.record(&dice)
      if round == 1 {
        try desk.store.lookups.write()
        desk.store.rollback()
      } else {
        try desk.store.commit(lowWater: 0)
      }
      chunks.append(try desk.store.database.number("SELECT count(*) FROM lookup"))
    }
    #expect(chunks == [20, 20, 40, 50, 50])
    try await desk.compareAll()
  }

  @Test func whatASavepointUndoesIsNotFound() async throws {
    struct Stop: Error {}
    let desk = try Desk(size: 1_000)
    var dice = Dice(state: 8)
    try desk.store.begin()
    try desk.record(&dice)
    #expect(throws: Stop.self) {
      try desk.store.nested {
        for _ in 0..<5 { try desk.record(&dice) }
        throw Stop()
      }
    }
    try desk.record(&dice)
    try desk.store.commit(lowWater: 0)
    try await desk.compareAll()
  }

  /// Who chooses order references cannot choose what they are sorted by.
  @Test func twoLedgersSortDifferently() throws {
    let hashes = try (0..<2).map { _ in
      try TestLedger().open().lookups.key.hash(.order(Array("A-1".utf8)))
    }
    #expect(hashes[0] != hashes[1])
    #expect(hashes.allSatisfy { $0 >> 61 == 1 })
  }

  /// Consultants with live sessions, and a ledger whose runs are small.
  private final class Desk {
    let ledger: TestLedger
    let size: Int
    private(set) var store: SQLiteStore
    private(set) var reader: SQLiteReader
    var time = TestLedger.time
    private var count: UInt64 = 0

    init(size: Int) throws {
      ledger = try TestLedger()
      self.size = size
      store = try Self.open(ledger, size)
      reader = try SQLiteReader(path: ledger.path)
      try store.write { store in
        _ = try store.insertCompany(name: "Acme", time: TestLedger.time)
        for index in 1...consultants {
          _ = try store.insertConsultant(company: 1, name: "Kim \(index)", time: TestLedger.time)
          var session = TestLedger.session
          session.id = Bytes16(high: 1, low: UInt64(index))
          session.challenge = SHA256.digest([UInt8(100 + index)])
          session.consultant = Int64(index)
          try store.insertSession(session)
          try store.setIdentity(session: session.id, digest: TestLedger.identity, process: 7, sequence: 1)
        }
      }
    }

    private static func open(_ ledger: TestLedger, _ size: Int, _ path: String? = nil) throws -> SQLiteStore {
      let key = ledger.key
      return try SQLiteStore(
        path: path ?? ledger.path, reserve: 0, lookupPayments: size, signer: { try key.sign($0) })
    }

    /// As after a kill: what was only in memory is gone.
    func reopen() throws {
      let path = try ledger.copy()
      store = try Self.open(ledger, size, path)
      reader = try SQLiteReader(path: path)
    }

    /// All cards have the same tagged hash: the first 61 bits of their fingerprints are equal.
    func record(_ dice: inout Dice) throws {
      count += 1
      let consultant = dice.roll(consultants) + 1
      let order = Array("A-\(dice.roll(orders))".utf8)
      let intent = TestLedger.intent(count) {
        $0.session = Bytes16(high: 1, low: UInt64(consultant))
        $0.consultant = Int64(consultant)
        $0.card.fingerprint = Bytes16(high: 9, low: UInt64(dice.roll(cards)))
      }
      let result = try order.withUnsafeBytes {
        try store.insertIntent(intent, reference: $0, original: nil, time: time, unlessKnown: nil)
      }
      try #require(result.number != nil)
    }

    /// Has all runs written that are full.
    func finishRuns() async throws {
      while try store.database.number(
        "SELECT (SELECT count(*) FROM payment WHERE seq > (SELECT coalesce(max(run), 0) FROM lookup_run))") >= size
      {
        store.maintain(idle: true)
        await Task.yield()
      }
    }

    func scan(_ condition: String) throws -> [Int64] {
      try store.database.prepare("SELECT seq FROM payment WHERE \(condition) ORDER BY seq").all { $0.int(0) }
    }

    func compareAll() async throws {
      var lookups: [(PaymentLookup, String)] = []
      for index in 0...orders { lookups.append((.order(Array("A-\(index)".utf8)), "reference = 'A-\(index)'")) }
      for index in 1...consultants + 1 { lookups.append((.consultant(Int64(index)), "consultant = \(index)")) }
      for index in 0...cards {
        let low = String(UInt64(index), radix: 16)
        let hex = String(repeating: "0", count: 15) + "9" + String(repeating: "0", count: 16 - low.count) + low
        lookups.append((.card(Bytes16(high: 9, low: UInt64(index))), "fingerprint = x'\(hex)'"))
      }
      for (lookup, condition) in lookups {
        let page = LookupPage(lookup, recent: try store.recentPayments(lookup, after: 0), limit: .max)
        let found = try await reader.payments(page)
        #expect(found == (try scan(condition)), "\(condition)")
      }
    }
  }
}
