import Files
import Foundation
import Testing

@testable import AcquirerISO8583

/// Trace numbers: never given twice while open, whatever happens to the process.
@Suite struct STANPoolTests {
  private let folder = TemporaryFolder()
  private var path: String { folder.path + "/stan" }

  private func pool(terminals: Int = 2) throws -> STANPool {
    try STANPool(path: path, terminals: terminals, onFailure: { _ in })
  }

  @Test func terminalsTakeTurnsAndNumbersRise() throws {
    let pool = try pool()
    let taken = (0..<4).compactMap { _ in pool.take(day: 1) }
    #expect(
      taken == [
        .init(terminal: 0, stan: 1), .init(terminal: 1, stan: 1), .init(terminal: 0, stan: 2),
        .init(terminal: 1, stan: 2),
      ])
  }

  @Test func aNewProcessGivesNothingOutThatAFormerOneMayHaveUsed() throws {
    var seen: Set<STANPool.Number> = []
    for used in [1, 4_999, 5_001, 10_000, 20_001, 3] {
      let pool = try pool()
      for _ in 0..<used {
        let number = try #require(pool.take(day: 1))
        #expect(seen.insert(number).inserted)
      }
      pool.close()
    }
  }

  @Test func aNumberThatIsOpenTodayIsSkippedAndOneOfYesterdayIsNot() throws {
    let pool = try pool(terminals: 1)
    pool.hold(.init(terminal: 0, stan: 2), day: 7)
    pool.hold(.init(terminal: 0, stan: 3), day: 6)
    #expect((0..<2).compactMap { _ in pool.take(day: 7)?.stan } == [1, 3])
  }

  @Test func numbersComeBackAfterAllOthersOnceTheyAreReleased() throws {
    let pool = try pool(terminals: 1)
    let first = try #require(pool.take(day: 1))
    let kept = try #require(pool.take(day: 1))
    pool.release(first)
    for _ in 0..<STANPool.highest - 2 {
      let number = try #require(pool.take(day: 1))
      pool.release(number)
    }
    #expect(pool.take(day: 1) == first)
    #expect(pool.take(day: 1) != kept)
  }

  @Test(arguments: [(1, 8), (8, 1), (3, 2)]) func withOtherTerminalsNumbersGoOnBehindTheHighest(
    _ before: Int, _ after: Int
  ) throws {
    var highest: UInt32 = 0
    let former = try pool(terminals: before)
    for _ in 0..<30_000 { highest = max(highest, try #require(former.take(day: 1)).stan) }
    former.close()
    let next = try #require(try pool(terminals: after).take(day: 1))
    #expect(next.stan > highest)
  }

  @Test func aFullDiskRefusesInsteadOfGuessing() throws {
    let failures = Counter()
    let pool = try STANPool(path: path, terminals: 1, onFailure: { _ in failures.add() })
    try FileManager.default.removeItem(atPath: folder.path)
    var taken = 0
    while pool.take(day: 1) != nil { taken += 1 }
    #expect(UInt64(taken) <= STANPool.block)
    #expect(failures.value > 0)
  }

  @Test(arguments: [
    "", "nonsense", "countersign STANs\nterminals 0\nnext 1\n", "countersign STANs\nterminals 1\nnext -1\n",
  ])
  func aFileThatIsNoneOfOursIsRefused(_ text: String) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let error = #expect(throws: FileError.self) { try pool() }
    #expect(error?.description == "cannot use \(path): it is no file of reserved STANs")
  }
}
