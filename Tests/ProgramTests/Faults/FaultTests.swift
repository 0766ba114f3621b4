import CountersignClient
import Foundation
import Messages
import TestAcquirer
import Testing

/// Faults while payments run, each judged by what the terminal was told, the ledger, the journal and the acquirer's own
/// log. `Scripts/faults` runs the same with more repeats. Source: docs/payments.md, "Crash rules".
@Suite(.serialized) struct FaultTests {
  /// Repeats of what is random.
  static let count = ProcessInfo.processInfo.environment["COUNTERSIGN_FAULTS"].flatMap(Int.init) ?? 2
  /// In the tests only some places of a system call are tried, and what is slow is tried seldom.
  static let isShort = count <= 10
  static let seldom = isShort ? 1 : max(3, count / 20)
  /// One that is cut and one that is not, at least.
  static let acquirerRounds = max(2, seldom)

  @Test func killedAtRandomUnderLoad() async throws {
    let run = try FaultRun("kill -9 at random")
    for round in 0..<Self.count {
      run.tellProgress(round, of: Self.count)
      let session = try await run.login()
      run.remember(
        try await KillTests.payUntilKilled(run.server, session, cards: FaultRun.cards).map { (key: $0.0, result: $0.1) }
      )
      try run.server.start()
    }
    try await run.judge(times: Self.count)
  }

  /// The Nth call of the writer's thread from the moment a payment is sent, for each N until the payment is over.
  @Test(
    .enabled(if: Injection.isPossible),
    arguments: [
      ("fdatasync", "signal=KILL", 1), ("pwrite64", "signal=KILL", 9), ("fdatasync", "error=EIO", 2),
      ("pwrite64", "error=ENOSPC", 9),
    ])
  func aSystemCallOfThePaymentFails(_ call: String, _ effect: String, _ stride: Int) async throws {
    let run = try FaultRun("\(call) \(effect)")
    var (times, place) = (0, 1)
    while true {
      let session = try await run.login()
      let injection = try Injection(call, effect, place: place, server: run.server)
      run.remember([await run.attempt(session)])
      // The head follows a second later, and the checkpoint once nothing else is to be done.
      for _ in 0..<16 where !injection.hasStruck { try await Task.sleep(for: .milliseconds(100)) }
      let hasStruck = injection.hasStruck
      injection.end()
      if effect != "error=ENOSPC" {
        run.server.kill()
        try run.server.start()
      }
      guard hasStruck else { break }
      times += 1
      run.tellProgress(times)
      place += Self.isShort ? stride : 1
      try #require(place < 1_000, "\(call) never came to its end")
    }
    #expect(times > 0)
    try await run.judge(times: times)
  }

  /// Why faults in the writer's thread are faults of the ledger.
  @Test(.enabled(if: Injection.isPossible)) func noOtherThreadWritesTheLedger() async throws {
    let desk = try Desk()
    let writes = try LedgerWrites(server: desk.server)
    let root = desk.server.root
    for _ in 0..<3 { #expect(try desk.pay(card: Desk.card).status == 0) }
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    #expect(try desk.admin(["trace", "--order", "A-1"]).status == 0)
    #expect(try desk.admin(["report", "--day", "2026-11-23"]).status == 0)
    #expect(try desk.admin(["refund", "\(payment)", "--amount", "5"]).status == 0)
    #expect(try desk.admin(["receipt", "\(payment)", "--output", "\(root)/receipt"]).status == 0)
    #expect(try desk.admin(["audit", "export", "--output", "\(root)/all.jsonl"]).status == 0)
    _ = try desk.twoOfficers(["keys", "rotate"])
    #expect(try BackupTests.backup(desk).status == 0)
    let found = try writes.end()
    #expect(found.byWriter > 10 && found.byOthers.isEmpty, "\(found)")
    #expect(desk.server.stop() == 0)
  }

  @Test(.enabled(if: SmallDisk.isPossible(.tmpfs))) func theDiskIsFull() async throws {
    let disk = try SmallDisk(.tmpfs, megabytes: 192)
    let run = try FaultRun("disk full", disk: disk)
    let process = run.server.processIdentifier
    for round in 0..<Self.seldom {
      run.tellProgress(round, of: Self.seldom)
      let session = try await run.login()
      try await run.payMeanwhile(session) {
        try await Task.sleep(for: .milliseconds(300))
        try disk.fill()
        try await Task.sleep(for: .milliseconds(700))
        try disk.empty()
        try await Task.sleep(for: .milliseconds(700))
      }
    }
    #expect(kill(process, 0) == 0, "the server has ended")
    #expect(!run.server.logText.contains("the ledger cannot go on"))
    try await run.judge(times: Self.seldom)
  }

  @Test(.enabled(if: SmallDisk.isPossible(.ext4))) func powerIsLost() async throws {
    let disk = try SmallDisk(.ext4, megabytes: 256)
    let run = try FaultRun("power loss (ext4 shutdown)", disk: disk)
    for round in 0..<Self.seldom {
      run.tellProgress(round, of: Self.seldom)
      let session = try await run.login()
      try await run.payMeanwhile(session) {
        try await Task.sleep(for: .milliseconds(Int.random(in: 200...600)))
        try disk.losePower(of: run.server)
        run.server.kill()
      }
      try disk.restorePower()
      try run.server.start()
    }
    try await run.judge(times: Self.seldom)
  }

  @Test func theAcquirerIsCutSilentLateAndDoubled() async throws {
    let run = try FaultRun("acquirer cut, silent, late, doubled")
    for round in 0..<Self.acquirerRounds {
      run.tellProgress(round, of: Self.acquirerRounds)
      let session = try await run.login()
      let isCut = round.isMultiple(of: 2)
      let cards = FaultRun.faultyCards + (isCut ? FaultRun.cuttingCards : [FaultRun.approvedAfterAll])
      async let paid = run.pay(session, count: 2, cards: cards)
      if isCut {
        try await Task.sleep(for: .milliseconds(100))
        run.host.stop()
        try run.host.start()
      }
      run.remember(await paid)
    }
    try await run.judge(times: Self.acquirerRounds)
  }

  @Test(arguments: [86_400, -86_400])
  func theClockIsMovedByADay(_ seconds: Int) async throws {
    let clock = try MovedClock()
    let run = try FaultRun("clock \(seconds > 0 ? "+" : "-")1 day", environment: clock.environment)
    for round in 0..<Self.seldom {
      run.tellProgress(round, of: Self.seldom)
      let session = try await run.login()
      try await run.payMeanwhile(session) {
        try await Task.sleep(for: .milliseconds(300))
        try clock.move(by: seconds)
        try await Task.sleep(for: .milliseconds(500))
        try clock.move(by: 0)
        try await Task.sleep(for: .milliseconds(300))
      }
    }
    try await run.judge(times: Self.seldom)
  }
}
