import Bytes
import Cryptography
import Payments
import Testing

@testable import StorageSQLite

/// Traces, read beside the writer.
@Suite struct ReaderTests {
  @Test func aTraceHasAllStepsInTheJournalsOrder() async throws {
    let ledger = try TestLedger()
    let store = try Self.paid(ledger)
    let trace = try #require(try await SQLiteReader(path: ledger.path).trace(payment: 3))
    #expect(
      trace.steps.map { "\($0.number) \($0.kind) \($0.text)" } == [
        "1 LOGIN in", "2 IDENTITY first", "3 INTENT sequence 1", "4 STATE UNKNOWN",
        "6 APPROVED approval 1, response 00",
      ])
    #expect(trace.payment.record.payment == 3 && trace.consultant.name == "Kim" && trace.company.name == "Acme")
    #expect(trace.consultantCertificate.macAddress == TestLedger.mac && trace.companyCertificate.holder == .company(1))
    #expect(trace.session.id == TestLedger.session.id)
    withExtendedLifetime(store) {}
  }

  @Test func aKeyFindsThePaymentsOfAllCompanies() async throws {
    let ledger = try TestLedger()
    let store = try Self.paid(ledger)
    let reader = try SQLiteReader(path: ledger.path)
    let found = try await reader.payments(key: TestLedger.intent(1).key)
    let none = try await reader.payments(key: Bytes16(high: 0, low: 0))
    #expect(found == [3] && none.isEmpty)
    withExtendedLifetime(store) {}
  }

  @Test func noPaymentHasNoTrace() async throws {
    let ledger = try TestLedger()
    let store = try Self.paid(ledger)
    let trace = try await SQLiteReader(path: ledger.path).trace(payment: 4)
    #expect(trace == nil)
    withExtendedLifetime(store) {}
  }

  @Test func aReaderSeesWhatIsCommittedOnly() async throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    let reader = try SQLiteReader(path: ledger.path)
    try store.begin()
    _ = try store.record(TestLedger.intent(1))
    let before = try await reader.payments(key: TestLedger.intent(1).key)
    #expect(before.isEmpty)
    store.rollback()
  }

  @Test func aTraceIsOfOneMoment() async throws {
    let ledger = try TestLedger()
    let store = try Self.paid(ledger)
    var numbers: [Int64] = []
    try store.write { store in
      for index in 2...200 { numbers.append(try #require(try store.record(TestLedger.intent(UInt64(index))).number)) }
    }
    let reader = try SQLiteReader(path: ledger.path)
    let reading = Task { [numbers] in
      for number in numbers {
        while let trace = try await reader.trace(payment: number) {
          let isOver = trace.payment.record.outcome == .approved
          #expect(isOver == (trace.steps.last?.kind == "APPROVED"))
          if isOver { break }
        }
      }
    }
    for number in numbers { try store.write { try $0.insertOutcome(OutcomeTests.outcome(number, .approved)) } }
    try await reading.value
  }

  @Test func aPaymentWithoutItsCertificatesIsDamage() async throws {
    let ledger = try TestLedger()
    let store = try ledger.openWithSession()
    try store.write { _ = try $0.record(TestLedger.intent(1)) }
    let reader = try SQLiteReader(path: ledger.path)
    let error = await #expect(throws: StoreError.self) { try await reader.trace(payment: 1) }
    #expect("\(String(describing: error))".contains("\(ledger.path): certificate"))
    withExtendedLifetime(store) {}
  }

  @Test func aMissingFileIsNamed() {
    let error = #expect(throws: StoreError.self) { try SQLiteReader(path: "/nowhere/ledger.db") }
    #expect("\(String(describing: error))".contains("/nowhere/ledger.db cannot be opened"))
  }

  /// Login 1, identity 2, payment 3 with state 4, an event 5 of another session, outcome 6, identity 7.
  private static func paid(_ ledger: TestLedger) throws -> SQLiteStore {
    let store = try ledger.openWithSession()
    let id = TestLedger.session.id
    try store.write { store in
      for (fingerprint, holder) in [([3], .consultant(1)), ([4], .company(1))] as [([UInt8], CertificateRow.Holder)] {
        try store.insertCertificate(
          CertificateRow(
            fingerprint: SHA256.digest(fingerprint), der: [], issuer: [1], serial: fingerprint, issuerText: "I",
            subjectText: "S", holder: holder, macAddress: holder == .consultant(1) ? TestLedger.mac : nil, notAfter: 0))
      }
      try store.insertEvent(event(.login, session: id, "in"))
      try store.insertEvent(event(.identityIssued, session: id, "first"))
      _ = try store.record(TestLedger.intent(1))
      try store.insertEvent(event(.paymentState, payment: 3, "UNKNOWN"))
      try store.insertEvent(event(.login, session: Bytes16(high: 9, low: 9), "another"))
      try store.insertOutcome(
        OutcomeRow(
          payment: 3, state: .approved, approvalCode: ApprovalCode(value: 0x31),
          responseCode: ResponseCode(ascii: "00"), time: TestLedger.time))
      try store.insertEvent(event(.identityIssued, session: id, "later"))
    }
    return store
  }

  private static func event(
    _ kind: EventKind, payment: Int64? = nil, session: Bytes16? = nil, _ text: String
  ) -> EventRow {
    EventRow(kind: kind, payment: payment, session: session, time: TestLedger.time, text: text)
  }
}
