import Bytes
import Cryptography
import Payments
import Testing

@testable import StorageSQLite

/// Refunds, voids and open payments of real files, changed with the sqlite3 program, against the journal. The texts of the
/// records are the service's; that it writes them like this is tried with every ledger of the service's tests.
@Suite struct OpenVerificationTests {
  private static let key = PrivateKey.generate(.p256)

  /// Writes rows and records as the service does, each at a time of its own.
  final class Acts {
    let store: SQLiteStore
    var time = TestLedger.time
    private var subjects: [Int64: String] = [:]

    init(store: SQLiteStore) { self.store = store }

    func administrator(_ name: String) throws {
      let id = try store.insertAdministrator(name: name, roles: .all, time: time)
      let contents = CertificateContents(
        commonName: name, serial: [UInt8(id)], notBefore: 1_700_000_000, notAfter: 1_800_000_000,
        holder: .leaf(.administrator))
      let leaf = try Certificate.make(contents, key: key.publicKey, issuer: nil, signer: key)
      try store.insertCertificate(CertificateRow(leaf, holder: .administrator(id), macAddress: nil))
      subjects[id] = "\(leaf.subjectText), serial 0\(id)"
    }

    func subject(_ administrator: Int64) -> String { subjects[administrator] ?? "nobody" }

    func pay(_ number: UInt64) throws -> Int64 { try #require(try store.record(TestLedger.intent(number)).number) }

    func move(_ payment: Int64, _ state: PaymentState, _ attempts: UInt32 = 0, remark: String = "") throws {
      time += 1_000
      try store.setUnresolved(UnresolvedRow(payment: payment, state: state, nextTry: 0, attempts: attempts))
      try record(payment, state, attempts, remark)
    }

    func settle(_ payment: Int64, _ state: PaymentState) throws {
      time += 1_000
      try store.insertOutcome(OutcomeTests.outcome(payment, state))
      try store.clearUnresolved(payment: payment)
    }

    /// It was told before, and is over again.
    func settleAgain(_ payment: Int64, _ state: PaymentState) throws {
      time += 1_000
      try store.clearUnresolved(payment: payment)
      try record(payment, state, 1, "")
    }

    private func record(_ payment: Int64, _ state: PaymentState, _ attempts: UInt32, _ remark: String) throws {
      let text = state.name + (attempts > 0 ? ", reversal \(attempts)" : "") + remark
      try store.insertEvent(EventRow(kind: .paymentState, payment: payment, time: time, text: text))
    }

    func ask(_ kind: OperationKind, _ payment: Int64, _ amount: UInt64) throws -> OperationRow {
      time += 1_000
      var row = OperationRow(
        key: Bytes16(high: 7, low: UInt64(time)), kind: kind, payment: payment, amount: amount, requestedBy: 1,
        time: time, confirmUntil: time + 1)
      row.id = try store.insertEvent(.operation(row, time: time, ", by \(subject(1))"))
      try store.insertOperation(row)
      return row
    }

    /// - Parameter by: what stands behind the record.
    func step(
      _ row: inout OperationRow, _ state: OperationState, _ by: String = "",
      _ change: (inout OperationRow) -> Void = { _ in }
    ) throws {
      time += 1_000
      if row.state != state { (row.state, row.since) = (state, time) }
      change(&row)
      try store.updateOperation(row)
      try store.insertEvent(.operation(row, time: time, by))
    }

    func confirm(_ row: inout OperationRow) throws {
      try step(&row, .confirmed, ", by \(subject(2))") { $0.confirmedBy = 2 }
    }

    func send(_ row: inout OperationRow, _ state: OperationState = .sending) throws {
      try step(&row, state) { $0.attempts += 1 }
    }
  }

  /// Payments 1 to 4 are over, 5 to 8 are open, of 9 there is only the intent.
  private static func ledger() throws -> TestLedger {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { store in
      let acts = Acts(store: store)
      for name in ["Lee", "Park, operator"] { try acts.administrator(name) }
      for number in UInt64(1)...9 { _ = try acts.pay(number) }
      try payments(acts)
      try operations(acts)
    }
    return ledger
  }

  private static func payments(_ acts: Acts) throws {
    try acts.settle(1, .approved)
    try acts.move(2, .unknown)
    try acts.settle(2, .approved)
    // Told as declined, and reversed since.
    try acts.settle(3, .declined)
    try acts.move(3, .reversing, 1)
    try acts.settleAgain(3, .declined)
    try acts.move(4, .unknown)
    try acts.move(4, .inquiring)
    try acts.move(4, .reversing, 1)
    try acts.settle(4, .reversed)
    try acts.move(5, .unknown)
    try acts.move(6, .reversing, 1)
    try acts.move(6, .reversing, 2, remark: ", sale not found, asked once more")
    try acts.move(7, .reversing, 1)
    try acts.move(7, .reversalRefused, 1)
    // Told as declined, and approved late.
    try acts.settle(8, .declined)
    try acts.move(8, .reversing, 1)
  }

  /// Operations in order of their states' way, each of payment 1 or 2.
  private static func operations(_ acts: Acts) throws {
    _ = try acts.ask(.refund, 1, 5)
    var expired = try acts.ask(.refund, 1, 50)
    try acts.step(&expired, .expired)
    var done = try acts.ask(.refund, 1, 7)
    try acts.confirm(&done)
    try acts.send(&done)
    try acts.step(&done, .done) { $0.responseCode = ResponseCode(ascii: "00") }
    var void = try acts.ask(.void, 2, 102)
    try acts.confirm(&void)
    try acts.send(&void)
    try acts.step(&void, .unknown)
    try acts.send(&void, .unknown)
    var found = try acts.ask(.refund, 1, 8)
    try acts.confirm(&found)
    try acts.send(&found)
    try acts.step(&found, .unknown)
    try acts.step(&found, .refused, ", found out by \(acts.subject(2))")
    var restored = try acts.ask(.refund, 1, 9)
    try acts.confirm(&restored)
    try acts.step(&restored, .unknown, ", the ledger was restored")
  }

  private static func problems(_ ledger: TestLedger, pageNumbers: Int64 = 5) async throws -> [String] {
    let verifier = try JournalVerifier(
      path: ledger.path, key: ledger.key.publicKey, workers: 2, pageNumbers: pageNumbers)
    // Who is registered for the test has no records.
    return try await verifier.compareRegister(try await verifier.run())
      .filter { !["company", "consultant", "administrator", "certificate"].contains($0.table) }.map(\.description)
  }

  @Test(arguments: [1, 7, 16_384] as [Int64]) func whatNobodyTouchedAgrees(pageNumbers: Int64) async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite("INSERT INTO counted SELECT 9, company, currency, 5, amount FROM payment WHERE seq = 9")
    try ledger.sqlite("UPDATE mark SET low_water = 9")
    #expect(try await Self.problems(ledger, pageNumbers: pageNumbers) == [])
  }

  /// What no head is over counts too, and what was open before may be over.
  @Test func whatCameSinceTheLastHeadIsCompared() async throws {
    let ledger = try Self.ledger()
    let store = try ledger.open()
    try store.write { store in
      let acts = Acts(store: store)
      try acts.settle(6, .reversed)
      try acts.settleAgain(8, .declined)
      var row = try #require(try store.operations(of: 2).first)
      acts.time += 100_000
      try acts.step(&row, .done)
    }
    #expect(try await Self.problems(ledger) == [])
    try ledger.sqlite("UPDATE operation SET state = 7 WHERE kind = 2")
    #expect(try await Self.problems(ledger).count == 1)
  }

  /// Changes, and the begin of what is told of each: table and row, and a part of both sides. Amounts name operations.
  private static let changes: [(change: String, begin: String, words: [String])] = [
    (
      "INSERT INTO unresolved VALUES (1, 7, 0, 1)", "table unresolved, row 1",
      ["says that it is not open", "the register REVERSING after 1 reversals"]
    ),
    ("INSERT INTO unresolved VALUES (3, 7, 0, 1)", "table unresolved, row 3", ["that it is not open"]),
    ("INSERT INTO unresolved VALUES (99, 5, 0, 0)", "table unresolved, row 99", ["that it is not open"]),
    ("UPDATE mark SET low_water = 10", "table mark, row 1", ["payment 9 has no outcome (record 9)", "before 10"]),
    ("INSERT INTO charged VALUES (5, 0)", "table charged, row 5", ["no epoch waits"]),
    (
      "INSERT INTO counted SELECT seq, company, currency, 5, amount FROM payment WHERE seq = 1", "table counted, row 1",
      ["no such payment is open"]
    ),
    ("INSERT INTO counted SELECT 9, company, currency, 5, 1 FROM payment WHERE seq = 9", "table counted, row 9", []),
    ("DELETE FROM unresolved WHERE payment = 5", "table unresolved, row 5", ["UNKNOWN after 0", "does not have it"]),
    ("DELETE FROM unresolved WHERE payment = 7", "table unresolved, row 7", ["REVERSAL_REFUSED after 1"]),
    ("DELETE FROM unresolved WHERE payment = 8", "table unresolved, row 8", ["REVERSING after 1 reversals (record"]),
    ("UPDATE unresolved SET state = 7 WHERE payment = 7", "table unresolved, row 7", ["the register REVERSING after"]),
    ("UPDATE unresolved SET state = 263 WHERE payment = 7", "table unresolved, row 7", ["state 263, which is none"]),
    ("UPDATE unresolved SET attempts = 0 WHERE payment = 6", "table unresolved, row 6", ["after 2", "after 0"]),
    ("DELETE FROM operation WHERE amount = 7", "table operation, row", ["DONE 7, response 00 (record"]),
    (
      "INSERT INTO operation SELECT id + 900, zeroblob(16), kind, payment, amount, state, requested_by, confirmed_by, "
        + "time, confirm_until, since, attempts, original, response FROM operation WHERE amount = 7",
      "table operation, row 9", ["says nothing of it"]
    ),
    ("UPDATE operation SET amount = 6 WHERE amount = 5", "table operation, row", ["REFUND REQUESTED 5, by", " 6"]),
    ("UPDATE operation SET amount = 5 WHERE amount = 50", "table operation, row", ["EXPIRED 50 (record"]),
    ("UPDATE operation SET kind = 1 WHERE amount = 102", "table operation, row", ["VOID"]),
    ("UPDATE operation SET kind = 258 WHERE amount = 102", "table operation, row", ["kind 258"]),
    ("UPDATE operation SET payment = 2 WHERE amount = 7", "table operation, row", ["payment 1 (record", "payment 2"]),
    ("UPDATE operation SET state = 6 WHERE amount = 7", "table operation, row", ["DONE 7", "REFUSED 7"]),
    ("UPDATE operation SET state = 2 WHERE amount = 5", "table operation, row", ["REQUESTED 5", "CONFIRMED 5"]),
    ("UPDATE operation SET state = 2 WHERE amount = 9", "table operation, row", ["the ledger was restored (record"]),
    ("UPDATE operation SET response = 0 WHERE amount = 7", "table operation, row", ["DONE 7, response 00"]),
    ("UPDATE operation SET attempts = 3 WHERE amount = 102", "table operation, row", ["sent 2 times", "sent 3 times"]),
    ("UPDATE operation SET requested_by = 2 WHERE amount = 7", "table operation, row", ["asked for by CN=Lee, serial"]),
    ("UPDATE operation SET confirmed_by = 1 WHERE amount = 7", "table operation, row", ["confirmed by CN=Park"]),
    ("UPDATE operation SET confirmed_by = NULL WHERE amount = 7", "table operation, row", ["register not confirmed"]),
    ("UPDATE operation SET confirmed_by = 2 WHERE amount = 5", "table operation, row", ["says not confirmed"]),
    ("UPDATE operation SET time = time + 1 WHERE amount = 7", "table operation, row", ["asked for at"]),
    ("UPDATE operation SET since = since + 1 WHERE amount = 7", "table operation, row", ["DONE since"]),
    ("UPDATE operation SET original = zeroblob(43) WHERE amount = 7", "table operation, row", ["REFUND", "STAN"]),
  ]

  @Test(arguments: changes.indices) func aChangedRowIsNamed(_ index: Int) async throws {
    let (change, begin, words) = Self.changes[index]
    let ledger = try Self.ledger()
    try ledger.sqlite(change)
    let problems = try await Self.problems(ledger)
    let found = problems.first { $0.hasPrefix(begin) }
    #expect(problems.count == 1 && words.allSatisfy { found?.contains($0) == true }, "\(change): \(problems)")
  }

  /// A record of an operation that nobody asked for, of another payment, or with another text.
  @Test func recordsThatFitNothingAreNamed() async throws {
    let ledger = try Self.ledger()
    let store = try ledger.open()
    let done = try #require(try store.operations(of: 1).first { $0.state == .done })
    try store.write { store in
      for (kind, text) in [
        (.operation, "REFUND 1 DONE 5"), (.operation, "GIFT REQUESTED 5, by me"), (.paymentState, "LOST, reversal 1"),
        (.operation, "REFUND \(done.id) UNKNOWN 7"),
      ] as [(EventKind, String)] {
        try store.insertEvent(EventRow(kind: kind, payment: 2, time: TestLedger.time + 200_000, text: text))
      }
    }
    let problems = try await Self.problems(ledger)
    #expect(
      problems.count == 4 && problems.allSatisfy { $0.contains("what this program does not understand") },
      "\(problems)")
  }
}
