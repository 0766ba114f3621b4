import Audit
import Cryptography
import Payments
import Testing

@testable import StorageSQLite

/// `audit verify` on real files, changed with the sqlite3 program in every way that docs/audit.md names.
@Suite struct VerificationTests {
  /// Records 1 to 12 in order: three times a payment, the outcome of the one before it (its own the last time), an
  /// event, an event; a head over each four. Then, with `tail`, payment 13 and event 14, over which there is no head.
  static func ledger(tail: Bool = false) throws -> TestLedger {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    var open: Int64?
    for round: UInt64 in 1...3 {
      let time = TestLedger.time + Int64(round) * 2_000
      try store.write { store in
        let number = try #require(try store.record(TestLedger.intent(round)).number)
        if let earlier = open { try store.insertOutcome(OutcomeTests.outcome(earlier, .approved)) }
        open = number
        for text in round == 1 ? ["a", "b", "c"] : ["a", "b"] { try store.insertEvent(Self.event(text, time)) }
      }
    }
    if tail {
      try store.write { store in
        _ = try store.record(TestLedger.intent(4))
        try store.insertEvent(Self.event("tail", TestLedger.time + 6_000))
      }
    }
    return ledger
  }

  static func event(_ text: String, _ time: Int64) -> EventRow {
    EventRow(kind: .login, consultant: 1, session: TestLedger.session.id, time: time, text: text)
  }

  static func verify(_ ledger: TestLedger, pageNumbers: Int64 = 5) async throws -> JournalVerifier.Report {
    try await JournalVerifier(
      path: ledger.path, key: ledger.key.publicKey, workers: 3, pageNumbers: pageNumbers
    ).run()
  }

  static func problem(_ ledger: TestLedger, pageNumbers: Int64 = 5) async -> JournalProblem? {
    await #expect(throws: JournalProblem.self) { try await verify(ledger, pageNumbers: pageNumbers) }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 7, 12, 13, 16_384] as [Int64])
  func aWholeJournalIsWholeWhateverThePages(pageNumbers: Int64) async throws {
    let ledger = try Self.ledger()
    #expect(try ledger.runJournal().status == 0)
    let report = try await Self.verify(ledger, pageNumbers: pageNumbers)
    #expect(report.records == 12 && report.heads == 3 && report.unsigned == 0 && report.last?.last == 12)
  }

  @Test func anEmptyJournalIsWhole() async throws {
    let report = try await Self.verify(try TestLedger())
    #expect(report.records == 0 && report.last == nil)
  }

  @Test func whatNoHeadIsOverIsCounted() async throws {
    let report = try await Self.verify(try Self.ledger(tail: true))
    #expect(report.records == 14 && report.heads == 3 && report.unsigned == 2)
  }

  // MARK: - Altered

  @Test(
    arguments: [
      ("UPDATE payment SET amount = amount + 1 WHERE seq = 5", 5),
      ("UPDATE payment SET consultant = 2 WHERE seq = 9", 9),
      ("UPDATE payment SET reference = 'other' WHERE seq = 1", 1), ("UPDATE payment SET time = 1 WHERE seq = 5", 5),
      ("UPDATE payment SET expiry = 203511 WHERE seq = 5", 5), ("UPDATE payment SET last4 = 1112 WHERE seq = 5", 5),
      ("UPDATE payment SET fingerprint = zeroblob(16) WHERE seq = 5", 5),
      ("UPDATE payment SET key = zeroblob(16) WHERE seq = 9", 9), ("UPDATE payment SET company = 2 WHERE seq = 1", 1),
      ("UPDATE payment SET original = zeroblob(43) WHERE seq = 9", 9), ("UPDATE payment SET leaf = 0 WHERE seq = 9", 9),
      ("UPDATE outcome SET state = 3 WHERE payment = 1", 6), ("UPDATE outcome SET approval = 1 WHERE payment = 5", 10),
      ("UPDATE event SET body = 'x' WHERE seq = 4", 4), ("UPDATE event SET consultant = NULL WHERE seq = 12", 12),
      ("UPDATE event SET kind = 'LOGOUT' WHERE seq = 2", 2), ("UPDATE event SET session = NULL WHERE seq = 2", 2),
      ("UPDATE event SET body = 'x'", 2), ("UPDATE event SET body = 'x' WHERE seq = 14", 14),
    ] as [(String, Int64)])
  func anAlteredRecordIsNamed(_ change: String, _ record: Int64) async throws {
    let ledger = try Self.ledger(tail: true)
    try ledger.sqlite(change)
    for pageNumbers: Int64 in [2, 5, 100] {
      #expect(await Self.problem(ledger, pageNumbers: pageNumbers)?.description == "record \(record) was altered")
    }
  }

  @Test(
    arguments: [
      ("UPDATE payment SET amount = amount + 1 WHERE seq = 5", 5), ("UPDATE event SET body = 'x' WHERE seq = 4", 1),
      ("UPDATE outcome SET state = 3 WHERE payment = 5", 9),
    ] as [(String, Int64)])
  func aRecordAlteredTogetherWithItsKeptDigestBreaksItsHead(_ change: String, _ first: Int64) async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite(change)
    try ledger.keepDigestsAnew()
    let problem = await Self.problem(ledger)
    #expect(problem?.record == first)
    #expect(problem?.description.hasPrefix("records \(first) to \(first + 3): one of them, or their head") == true)
  }

  // MARK: - Removed

  @Test(
    arguments: [
      ("DELETE FROM payment WHERE seq = 5", 5), ("DELETE FROM outcome WHERE payment = 1", 6),
      ("DELETE FROM event WHERE seq = 3", 3), ("DELETE FROM event", 2), ("DELETE FROM payment", 1),
      ("DELETE FROM event WHERE seq = 12", 12), ("DELETE FROM payment WHERE seq = 13", 13),
      ("DELETE FROM event WHERE seq >= 11; DELETE FROM payment WHERE seq >= 11", 11),
    ] as [(String, Int64)])
  func aRemovedRecordIsNamed(_ change: String, _ record: Int64) async throws {
    let ledger = try Self.ledger(tail: true)
    try ledger.sqlite(change)
    #expect(await Self.problem(ledger)?.description == "record \(record) is missing")
  }

  /// Those behind it get its number and theirs minus one, so that no number is missing.
  @Test func removingARecordAndClosingTheGapIsFoundAtTheGap() async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite("DELETE FROM event WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 4")
    #expect(await Self.problem(ledger)?.description == "record 3 was altered")
    try ledger.keepDigestsAnew()
    #expect(await Self.problem(ledger)?.description == "record 4 is missing")
  }

  // MARK: - Added

  @Test(arguments: [
    (
      "INSERT INTO event SELECT 5, kind, payment, consultant, company, session, time, body, leaf FROM event WHERE seq = 4",
      "record 5 is there twice"
    ),
    (
      "INSERT INTO event SELECT 10, kind, payment, consultant, company, session, time, body, leaf FROM event WHERE seq = 4",
      "record 10 is there twice"
    ),
    (
      "INSERT INTO outcome SELECT 9, 4, time, state, approval, response, leaf FROM outcome WHERE payment = 1",
      "record 4 is there twice"
    ),
    (
      "INSERT INTO outcome SELECT 9, 6, time, state, approval, response, leaf FROM outcome WHERE payment = 1",
      "record 6 is there twice"
    ),
    (
      "INSERT INTO event SELECT 0, kind, payment, consultant, company, session, time, body, leaf FROM event WHERE seq = 4",
      "record 0 was added"
    ),
    (
      "INSERT INTO outcome SELECT -7, 3, time, state, approval, response, leaf FROM outcome WHERE payment = 1",
      "record -7 was added"
    ),
    (
      "INSERT INTO outcome SELECT 9, -1, time, state, approval, response, leaf FROM outcome WHERE payment = 1",
      "record -1 was added"
    ),
    (
      "INSERT INTO event SELECT 13, kind, payment, consultant, company, session, time, body, leaf FROM event WHERE seq = 4",
      "record 13 was altered"
    ),
    (
      "INSERT INTO event SELECT 15, kind, payment, consultant, company, session, time, body, leaf FROM event WHERE seq = 4",
      "record 13 is missing"
    ),
    (
      "INSERT INTO outcome SELECT 9, 40, time, state, approval, response, leaf FROM outcome WHERE payment = 1",
      "record 13 is missing"
    ),
  ])
  func anAddedRecordIsNamed(_ change: String, _ words: String) async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite(change)
    for pageNumbers: Int64 in [3, 100] {
      #expect(await Self.problem(ledger, pageNumbers: pageNumbers)?.description == words)
    }
  }

  /// Those from its place on move up by one.
  @Test func aRecordPutBetweenOthersIsNamed() async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite(
      """
      UPDATE event SET seq = -seq WHERE seq > 2; UPDATE event SET seq = 1 - seq WHERE seq < 0;
      UPDATE outcome SET seq = seq + 1; UPDATE payment SET seq = -seq WHERE seq > 2;
      UPDATE payment SET seq = 1 - seq WHERE seq < 0; UPDATE outcome SET payment = 100 + payment WHERE payment > 1;
      UPDATE outcome SET payment = payment - 99 WHERE payment > 1;
      INSERT INTO event SELECT 3, kind, payment, consultant, company, session, time, 'new', leaf FROM event WHERE seq = 2
      """)
    #expect(await Self.problem(ledger)?.description == "record 3 was altered")
    try ledger.keepDigestsAnew()
    #expect(await Self.problem(ledger)?.record == 1)
  }

  // MARK: - Reordered

  @Test(
    arguments: [
      (
        "UPDATE event SET seq = 99 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 99",
        3, 1
      ),
      (
        "UPDATE event SET seq = 99 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 8; UPDATE event SET seq = 8 WHERE seq = 99",
        3, 1
      ),
      ("UPDATE outcome SET seq = 6 + 10 - seq", 6, 5),
    ] as [(String, Int64, Int64)])
  func recordsThatChangedPlacesAreNamed(_ change: String, _ record: Int64, _ head: Int64) async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite(change)
    #expect(await Self.problem(ledger)?.description == "record \(record) was altered")
    try ledger.keepDigestsAnew()
    #expect(await Self.problem(ledger)?.record == head)
  }

  // MARK: - Heads

  @Test(
    arguments: [
      ("DELETE FROM head WHERE last = 4", 5, "does not follow the one that ends at 0"),
      ("DELETE FROM head WHERE last = 8", 9, "does not follow the one that ends at 4"),
      ("UPDATE head SET root = zeroblob(32) WHERE last = 8", 5, "one of them, or their head"),
      ("UPDATE head SET time = time + 1 WHERE last = 8", 5, "the time of their head"),
      ("UPDATE head SET previous = zeroblob(32) WHERE last = 8", 5, "does not follow"),
      ("UPDATE head SET first = 6 WHERE last = 8", 6, "does not follow"),
      ("UPDATE head SET signature = zeroblob(70) WHERE last = 8", 5, "the signature of their head"),
      ("UPDATE head SET last = 7 WHERE last = 8", 5, "one of them, or their head"),
      ("UPDATE head SET last = 20 WHERE last = 12", 13, "is missing"),
    ] as [(String, Int64, String)])
  func anAlteredHeadIsFound(_ change: String, _ record: Int64, _ words: String) async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite(change)
    let problem = await Self.problem(ledger)
    #expect(problem?.record == record && problem?.description.contains(words) == true, "\(String(describing: problem))")
  }

  /// Without their heads anybody may write records anew; the writer leaves none without one for longer than a second.
  @Test func recordsOfALongTimeWithoutAHeadAreFound() async throws {
    let ledger = try Self.ledger()
    let store = try ledger.open()
    for round: Int64 in 1...3 {
      try store.write { store in try store.insertEvent(Self.event("x", TestLedger.time + 40_000 * round)) }
    }
    #expect(try await Self.verify(ledger).records == 15)
    try ledger.sqlite("DELETE FROM head WHERE last > 12")
    let problem = await Self.problem(ledger)
    #expect(problem?.record == 13 && problem?.description.contains("heads were removed") == true)
  }

  @Test func aJournalOfAnotherKeyIsRefused() async throws {
    let ledger = try Self.ledger()
    let verifier = try JournalVerifier(path: ledger.path, key: PrivateKey.generate(.p256).publicKey, workers: 1)
    let problem = await #expect(throws: JournalProblem.self) { try await verifier.run() }
    #expect(problem?.description == "records 1 to 4: the signature of their head is not of this key")
  }

  // MARK: - Cut off

  private static func heads(_ ledger: TestLedger) throws -> [JournalHead] {
    let database = try Database(path: ledger.path, flags: 1)
    return try database.prepare("\(JournalHead.columns) ORDER BY last").all(JournalHead.init(row:))
  }

  private static func compare(_ ledger: TestLedger, _ head: JournalHead) async throws {
    let verifier = try JournalVerifier(path: ledger.path, key: ledger.key.publicKey, workers: 2)
    let report = try await verifier.run()
    try await verifier.compare(head, from: "kept", end: report.records)
  }

  /// Whole by itself, whichever head it is cut behind.
  @Test(arguments: [0, 4, 8] as [Int64]) func anEndCutOffShowsAgainstEveryLaterHead(end: Int64) async throws {
    let ledger = try Self.ledger()
    let heads = try Self.heads(ledger)
    try ledger.sqlite(
      """
      DELETE FROM payment WHERE seq > \(end); DELETE FROM event WHERE seq > \(end);
      DELETE FROM outcome WHERE seq > \(end); DELETE FROM head WHERE last > \(end)
      """)
    for head in heads {
      guard head.last > end else {
        try await Self.compare(ledger, head)
        continue
      }
      let problem = await #expect(throws: JournalProblem.self) { try await Self.compare(ledger, head) }
      #expect(
        problem?.description
          == "record \(end + 1) is missing: kept has a signed head over records \(head.first) to \(head.last)")
    }
  }

  /// The server went on after the end was cut off, with the same key and other records.
  @Test func aJournalWrittenAnewShowsAgainstAnOlderHead() async throws {
    let ledger = try Self.ledger()
    let heads = try Self.heads(ledger)
    try ledger.sqlite(
      """
      DELETE FROM payment WHERE seq > 4; DELETE FROM event WHERE seq > 4; DELETE FROM outcome; DELETE FROM head WHERE last > 4
      """)
    let store = try ledger.open()
    for round: Int64 in 1...4 {
      try store.write { store in
        for text in ["x", "y", "z"] { try store.insertEvent(Self.event(text, TestLedger.time + 9_000 * round)) }
      }
    }
    try await Self.compare(ledger, heads[0])
    for head in heads[1...] {
      let problem = await #expect(throws: JournalProblem.self) { try await Self.compare(ledger, head) }
      #expect(problem?.record == head.first)
      #expect(problem?.description.hasSuffix("they are not those that the signed head in kept is over") == true)
    }
  }

  @Test func aHeadOfAnotherKeySaysNothingAboutTheJournal() async throws {
    let ledger = try Self.ledger()
    var head = try #require(try Self.heads(ledger).last)
    head.time += 1
    await #expect(throws: AuditFailure("kept: the head is not signed with this key")) {
      try await Self.compare(ledger, head)
    }
  }

  // MARK: - A running server

  /// Records and heads that come while it runs are no problem.
  @Test func aJournalThatGrowsIsWholeAtEveryMoment() async throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    let verifier = try JournalVerifier(path: ledger.path, key: ledger.key.publicKey, workers: 2, pageNumbers: 7)
    var (key, open): (UInt64, [Int64]) = (0, [])
    for round: Int64 in 1...40 {
      try store.write { store in
        for _ in 0..<3 {
          key += 1
          open.append(try #require(try store.record(TestLedger.intent(key)).number))
        }
        if round.isMultiple(of: 3) { try store.insertOutcome(OutcomeTests.outcome(open.removeFirst(), .declined)) }
        try store.insertEvent(Self.event("e", TestLedger.time + 600 * round))
      }
      let report = try await verifier.run()
      #expect(report.records == store.position.nextNumber - 1)
    }
  }
}

extension TestLedger {
  /// Does what somebody would who knows the journal's rules and has no key: gives each row the digest that fits it.
  func keepDigestsAnew() throws {
    let database = try Database(path: path, flags: 2)
    for (table, name) in [(JournalTable.payment, "payment"), (.outcome, "outcome"), (.event, "event")] {
      for leaf in try database.prepare(table.select).all({ table.leaf($0) }) {
        try database.execute("UPDATE \(name) SET leaf = \(leaf.digest.leafPrefix) WHERE seq = \(leaf.number)")
      }
    }
  }
}
