import Audit
import Bytes
import Payments
import Testing

@testable import StorageSQLite

/// Epochs in a real file: what a restored ledger holds back, and until when. Source: docs/operations.md, "Backup".
@Suite struct EpochStoreTests {
  private struct Changed: Error {}
  private static let begun = TestLedger.time + 100_000

  /// A ledger with one open payment, restored beside its original.
  private static func restored() throws -> (ledger: TestLedger, path: String) {
    let ledger = try VerificationTests.ledger()
    let path = "\(ledger.folder)/restored.db"
    _ = try SQLiteStore.restore(
      ledger.path, to: path, time: begun, signer: { [key = ledger.key] in try key.sign($0) })
    return (ledger, path)
  }

  /// A payment whose key was made then.
  private static func intent(at time: Int64) -> Intent {
    TestLedger.intent(9) { $0.key = Bytes16(high: UInt64(time) << 16 | 0x7000, low: 9) }
  }

  @Test func aRestoredLedgerIsHeldUntilItsConfirmationIsCommitted() throws {
    let (ledger, path) = try Self.restored()
    let store = try ledger.open(path)
    try store.database.execute("UPDATE session SET ended = NULL")
    try store.write { store in
      try store.setIdentity(session: TestLedger.session.id, digest: TestLedger.identity, process: 7, sequence: 1)
    }
    func refusal(_ time: Int64) throws -> PaymentRefusal? {
      try store.begin()
      defer { store.rollback() }
      return try store.record(Self.intent(at: time)).refusal
    }
    #expect(store.isHeld && store.shortage != nil)
    #expect(try store.openPayments().isEmpty)
    #expect(try refusal(Self.begun - 1) == .ledgerRestored)
    #expect(try refusal(Self.begun + 1) == .ledgerUnconfirmed)

    try store.begin()
    #expect(throws: Changed.self) {
      try store.nested {
        try store.confirmEpoch(time: Self.begun + 5)
        throw Changed()
      }
    }
    try store.commit(lowWater: 0)
    #expect(store.isHeld)
    try store.begin()
    try store.confirmEpoch(time: Self.begun + 5)
    store.rollback()
    #expect(store.isHeld)

    try store.write { try $0.confirmEpoch(time: Self.begun + 5) }
    #expect(!store.isHeld && store.shortage == nil)
    #expect(try store.openPayments().count == 1)
    #expect(try refusal(Self.begun + 4) == .ledgerRestored)
    #expect(try refusal(Self.begun + 6) == nil)
  }

  @Test func aComparisonCountsWhereItIsAboutWhatMayBeLost() throws {
    let (ledger, path) = try Self.restored()
    let store = try ledger.open(path)
    let epoch = try #require(try store.epoch())
    #expect(epoch.number == 2 && epoch.begun == Self.begun && epoch.lostSince == TestLedger.time + 6_000)
    #expect(!epoch.isAbout(0..<epoch.lostSince) && epoch.isAbout(epoch.lostSince..<epoch.lostSince + 1))
    #expect(epoch.isAbout(Self.begun ..< .max) && !epoch.isAbout(Self.begun + 1 ..< .max))
    #expect(epoch.reconciliation == nil)
    try store.write { try $0.setReconciliation(17) }
    #expect(try store.epoch()?.reconciliation == 17)
  }

  @Test func twoRestoresOfOneBackupHaveOneNumberAndTwoIDs() throws {
    let (ledger, path) = try Self.restored()
    let (first, second) = (try ledger.open(path).epoch(), "\(ledger.folder)/again.db")
    let again = try SQLiteStore.restore(
      ledger.path, to: second, time: Self.begun, signer: { [key = ledger.key] in try key.sign($0) })
    #expect(again.former == nil && again.besides.isEmpty)
    #expect(again.epoch.number == first?.number && again.epoch.headLast == first?.headLast)
    #expect(again.epoch.id != first?.id)
  }

  /// Unlike a refund it does no harm twice.
  @Test func anActOnKeysThatWaitsSurvivesARestore() throws {
    let ledger = try VerificationTests.ledger()
    var act = KeyActRow(
      id: 0, kind: .rotate, requestedBy: 1, time: TestLedger.time, confirmUntil: TestLedger.time + 1_800_000)
    try ledger.open().write { store in
      act.requestedBy = try store.insertAdministrator(name: "Lee", roles: .securityOfficer, time: TestLedger.time)
      act.id = try store.insertEvent(EventRow(kind: .keyAct, time: TestLedger.time, text: "rotate asked for"))
      try store.insertKeyAct(act)
    }
    let path = "\(ledger.folder)/restored.db"
    _ = try SQLiteStore.restore(
      ledger.path, to: path, time: Self.begun, signer: { [key = ledger.key] in try key.sign($0) })
    #expect(try ledger.open(path).waitingKeyActs(at: Self.begun) == [act])
  }

  /// Somebody with the key signs a chain anew in which a former life follows a later one.
  @Test func headsOfAFormerLifeDoNotFollowThoseOfALaterOne() async throws {
    let ledger = try VerificationTests.ledger()
    let database = try Database(path: ledger.path, flags: 2)
    var previous = Bytes32.zero
    let later = JournalEpoch(number: 2, id: Bytes16(high: 1, low: 2))
    for var head in try database.prepare("\(JournalHead.columns) ORDER BY last").all(JournalHead.init(row:)) {
      (head.epoch, head.previous) = (previous == .zero ? later : .first, previous)
      head.signature = try ledger.key.sign(head.signed)
      let change = try database.prepare(
        "UPDATE head SET epoch = ?2, epoch_id = ?3, previous = ?4, signature = ?5 WHERE last = ?1")
      change.bind(1, head.last)
      change.bind(2, head.epoch.number)
      change.bind(3, head.epoch.id)
      change.bind(4, head.previous)
      change.bind(5, head.signature)
      _ = try change.run()
      previous = head.digest
    }
    let verifier = try JournalVerifier(path: ledger.path, key: ledger.key.publicKey, workers: 1)
    let problem = await #expect(throws: JournalProblem.self) { try await verifier.run() }
    #expect(problem?.description.contains("their head is of epoch 1, which is before") == true, "\(problem as Any)")
  }
}
