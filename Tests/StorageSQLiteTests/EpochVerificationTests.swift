import Bytes
import Payments
import Testing

@testable import StorageSQLite

/// Epochs and acts on the vault's keys, changed with the sqlite3 program, against the journal.
@Suite struct EpochVerificationTests {
  private static let begun = TestLedger.time + 100_000

  /// Restored, and once more from a copy that was made while the first epoch waited; confirmed then.
  private static func ledger(isConfirmed: Bool = true) throws -> (ledger: TestLedger, path: String) {
    let ledger = try VerificationTests.ledger()
    func restore(_ file: String, to name: String, at time: Int64) throws -> String {
      let path = "\(ledger.folder)/\(name).db"
      _ = try SQLiteStore.restore(file, to: path, time: time, signer: { [key = ledger.key] in try key.sign($0) })
      return path
    }
    let first = try restore(ledger.path, to: "first, goes on from the head over record 1", at: begun)
    do {
      let store = try ledger.open(first)
      try store.write { try reconcile($0, 0..<begun + 1_000, at: begun + 1_000) }
    }
    let second = try restore(first, to: "second", at: begun + 2_000)
    let store = try ledger.open(second)
    try store.write { store in
      try reconcile(store, 0..<begun + 3_000, at: begun + 3_000)
      // Of a time that is not lost.
      try store.insertEvent(reconciled(0..<begun - 90_000, at: begun + 4_000))
      guard isConfirmed else { return }
      try store.confirmEpoch(time: begun + 5_000)
      try store.insertEvent(
        EventRow(kind: .epochConfirmed, time: begun + 5_000, text: "epoch 3, by CN=x, serial 01, reconciled by record"))
      // Nothing waits any more.
      try store.insertEvent(reconciled(0..<begun + 6_000, at: begun + 6_000))
    }
    return (ledger, second)
  }

  private static func reconciled(_ times: Range<Int64>, at time: Int64) -> EventRow {
    EventRow(
      kind: .reconciled, time: time,
      text: "a, SHA-256 b, SHA-256 \(Hex.encode(TestLedger.identity.bytes)), from \(times.lowerBound) to "
        + "\(times.upperBound): 1 lines, 1 entries, 0 differences, by CN=x, serial 01")
  }

  private static func reconcile(_ store: SQLiteStore, _ times: Range<Int64>, at time: Int64) throws {
    try store.setReconciliation(try store.insertEvent(reconciled(times, at: time)))
  }

  private static func problems(_ ledger: TestLedger, _ path: String) async throws -> [String] {
    let verifier = try JournalVerifier(path: path, key: ledger.key.publicKey, workers: 1, pageNumbers: 5)
    return try await verifier.compareRegister(try await verifier.run())
      .filter { ["epoch", "key_act", "event"].contains($0.table) }.map(\.description)
  }

  @Test(arguments: [true, false]) func epochsThatNobodyTouchedAgree(isConfirmed: Bool) async throws {
    let (ledger, path) = try Self.ledger(isConfirmed: isConfirmed)
    #expect(try await Self.problems(ledger, path) == [])
  }

  private static let changes: [(change: String, begin: String, words: [String])] = [
    ("DELETE FROM epoch WHERE number = 2", "table epoch, row 2", ["begun (record", "does not have it"]),
    (
      "INSERT INTO epoch SELECT 4, id, begun, lost_since, head_last, head_digest, NULL, confirmed FROM epoch "
        + "WHERE number = 3", "table epoch, row 4", ["nothing of it"]
    ),
    ("UPDATE epoch SET id = zeroblob(16) WHERE number = 2", "table epoch, row 2", ["id 000000"]),
    ("UPDATE epoch SET head_last = 1 WHERE number = 2", "table epoch, row 2", ["head over record 1,"]),
    ("UPDATE epoch SET head_digest = zeroblob(32) WHERE number = 3", "table epoch, row 3", [", 000000"]),
    ("UPDATE epoch SET begun = begun + 1 WHERE number = 3", "table epoch, row 3", ["says begun at"]),
    ("UPDATE epoch SET lost_since = lost_since + 1 WHERE number = 3", "table epoch, row 3", ["says lost since"]),
    ("UPDATE epoch SET confirmed = NULL WHERE number = 3", "table epoch, row 3", ["confirmed", "not confirmed"]),
    ("UPDATE epoch SET confirmed = confirmed + 1 WHERE number = 2", "table epoch, row 2", ["says confirmed"]),
    ("UPDATE epoch SET reconciliation = 1 WHERE number = 3", "table epoch, row 3", ["reconciled by record", "1"]),
    ("UPDATE epoch SET reconciliation = NULL WHERE number = 3", "table epoch, row 3", ["not reconciled by record"]),
  ]

  @Test(arguments: changes.indices) func aChangedEpochIsNamed(_ index: Int) async throws {
    let (change, begin, words) = Self.changes[index]
    let (ledger, path) = try Self.ledger()
    try ledger.sqlite(change, in: path)
    let problems = try await Self.problems(ledger, path)
    let found = problems.first { $0.hasPrefix(begin) }
    #expect(problems.count == 1 && words.allSatisfy { found?.contains($0) == true }, "\(change): \(problems)")
  }

  /// The one that nobody confirmed is not confirmed by hand.
  @Test func aConfirmationWithoutRecordIsNamed() async throws {
    let (ledger, path) = try Self.ledger(isConfirmed: false)
    try ledger.sqlite("UPDATE epoch SET confirmed = 1 WHERE number = 3", in: path)
    #expect(try await Self.problems(ledger, path).first?.hasPrefix("table epoch, row 3: the journal says not") == true)
  }

  // MARK: - Acts on keys

  /// A rewrap that is done, a rotation that is confirmed, and one that nobody confirmed.
  private static func keyActs() throws -> TestLedger {
    let ledger = try TestLedger()
    try ledger.open().write { store in
      let acts = OpenVerificationTests.Acts(store: store)
      for name in ["Lee", "Park, operator"] { try acts.administrator(name) }
      for (place, result) in [("file", 2), ("", nil)] as [(String, UInt32?)] {
        var row = KeyActRow(
          kind: result == nil ? .rotate : .rewrap, place: place, requestedBy: 1, time: acts.time,
          confirmUntil: acts.time)
        row.id = try store.insertEvent(
          EventRow(kind: .keyAct, time: acts.time, text: "\(row.requestText), by \(acts.subject(1))"))
        try store.insertKeyAct(row)
        (row.confirmedBy, row.result) = (2, result)
        try store.updateKeyAct(row)
        try store.insertEvent(
          EventRow(
            kind: .keyAct, time: acts.time + 5, text: "\(row.kind.name) \(row.id) confirmed, by \(acts.subject(2))"))
      }
      var row = KeyActRow(kind: .rewrap, requestedBy: 2, time: acts.time + 9, confirmUntil: 0)
      row.id = try store.insertEvent(
        EventRow(kind: .keyAct, time: row.time, text: "\(row.requestText), by \(acts.subject(2))"))
      try store.insertKeyAct(row)
    }
    return ledger
  }

  private static let keyChanges: [(change: String, words: [String])] = [
    ("DELETE FROM key_act WHERE id = 1", ["rewrap to file asked for, by CN=Lee, serial 01 (record 1)", "not have it"]),
    ("INSERT INTO key_act VALUES (9, 1, '', 1, 2, 0, 0, NULL)", ["says nothing of it"]),
    ("UPDATE key_act SET kind = 2 WHERE id = 1", ["rewrap to file asked for", "rotate to file"]),
    ("UPDATE key_act SET kind = 257 WHERE id = 1", ["(kind 257)"]),
    ("UPDATE key_act SET place = 'pkcs11:x' WHERE id = 1", ["rewrap to file", "rewrap to pkcs11:x asked for"]),
    ("UPDATE key_act SET requested_by = 2 WHERE id = 1", ["by CN=Lee, serial 01 (record 1)", "by administrator 2"]),
    ("UPDATE key_act SET time = time + 1 WHERE id = 1", ["asked for at"]),
    ("UPDATE key_act SET confirmed_by = 1 WHERE id = 5", ["says not confirmed", "confirmed by administrator 1"]),
    ("UPDATE key_act SET confirmed_by = 1 WHERE id = 3", ["confirmed by CN=Park", "confirmed by administrator 1"]),
    ("UPDATE key_act SET confirmed_by = NULL WHERE id = 3", ["confirmed by CN=Park", "the register not confirmed"]),
    ("UPDATE key_act SET result = 2 WHERE id = 5", ["says not confirmed", "not confirmed and done"]),
  ]

  @Test func actsOnKeysThatNobodyTouchedAgree() async throws {
    let ledger = try Self.keyActs()
    #expect(try await Self.problems(ledger, ledger.path) == [])
  }

  @Test(arguments: keyChanges.indices) func aChangedActOnKeysIsNamed(_ index: Int) async throws {
    let (change, words) = Self.keyChanges[index]
    let ledger = try Self.keyActs()
    try ledger.sqlite(change)
    let problems = try await Self.problems(ledger, ledger.path)
    #expect(
      problems.count == 1 && words.allSatisfy { problems[0].contains($0) }, "\(change): \(problems)")
  }
}
