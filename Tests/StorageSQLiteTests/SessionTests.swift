import Bytes
import Cryptography
import Payments
import Testing

@testable import StorageSQLite

/// Sessions, and what the recording transaction makes of them.
@Suite struct SessionTests {
  @Test func aSessionIsReadAsItWasWritten() throws {
    let store = try TestLedger().open()
    var row = TestLedger.session
    (row.path, row.process, row.identitySequence) = (6, .max, .max)
    row.identityDigest = TestLedger.identity
    try store.write { try $0.insertSession(row) }
    let (found, other) = (try store.session(id: row.id), try store.session(id: Bytes16(high: 0, low: 0)))
    #expect(found == row && other == nil)
  }

  @Test func anIdentityReplacesTheOneBefore() throws {
    let store = try TestLedger().openWithSession()
    try store.write {
      try $0.setIdentity(session: TestLedger.session.id, digest: SHA256.digest([8]), process: 9, sequence: 10)
    }
    let found = try #require(try store.session(id: TestLedger.session.id))
    #expect(found.identityDigest == SHA256.digest([8]) && found.process == 9 && found.identitySequence == 10)
  }

  @Test func theFirstEndOfASessionStaysAndTakesItsIdentity() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      try store.endSession(TestLedger.session.id, reason: .idle, time: TestLedger.time)
      try store.endSession(TestLedger.session.id, reason: .logout, time: TestLedger.time)
    }
    let found = try #require(try store.session(id: TestLedger.session.id))
    #expect(found.ended == .idle && found.identityDigest == nil)
  }

  @Test func onlySessionsThatHaveNotEndedAreLive() throws {
    let store = try TestLedger().openWithSession()
    var second = TestLedger.session
    (second.id, second.challenge) = (Bytes16(high: 2, low: 2), SHA256.digest([22]))
    try store.write { store in
      try store.insertSession(second)
      try store.endSession(TestLedger.session.id, reason: .newLogin, time: TestLedger.time)
    }
    let (own, others) = (try store.liveSessions(consultant: 1), try store.liveSessions(consultant: 2))
    #expect(own == [second.id] && others.isEmpty)
  }

  @Test(arguments: [SessionEnd.logout, .newLogin, .idle, .lifetime, .revoked])
  func noPaymentIsRecordedInASessionThatIsOver(end: SessionEnd) throws {
    let store = try TestLedger().openWithSession()
    try store.write { try $0.endSession(TestLedger.session.id, reason: end, time: TestLedger.time) }
    try store.begin()
    let result = try store.record(TestLedger.intent(1))
    #expect(result.refusal == .sessionOver)
    store.rollback()
  }

  @Test(arguments: ["company", "consultant"])
  func noPaymentIsRecordedForWhoIsRevoked(table: String) throws {
    let store = try TestLedger().openWithSession()
    try store.database.execute("UPDATE \(table) SET revoked = 1")
    try store.begin()
    let result = try store.record(TestLedger.intent(1))
    #expect(result.refusal == .sessionOver)
    store.rollback()
  }

  @Test func aSessionWithoutIdentityNeedsOne() throws {
    let store = try TestLedger().open()
    try store.begin()
    _ = try store.insertCompany(name: "Acme", time: 0)
    _ = try store.insertConsultant(company: 1, name: "Kim", time: 0)
    try store.insertSession(TestLedger.session)
    let result = try store.record(TestLedger.intent(1))
    #expect(result.refusal == .identityRequired)
    store.rollback()
  }

  @Test func aRefusalWritesNothingAndTakesNoNumber() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      _ = try store.record(TestLedger.intent(1) { $0.identityDigest = .zero })
      let next = try store.record(TestLedger.intent(2)).number
      #expect(next == 1)
    }
    let refused = try store.payment(key: TestLedger.intent(1).key, company: 1)
    #expect(refused == nil)
  }

  @Test func nobodyIsToldOfAPaymentInASessionThatIsOver() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      _ = try store.record(TestLedger.intent(1))
      try store.endSession(TestLedger.session.id, reason: .logout, time: TestLedger.time)
      let again = try store.record(TestLedger.intent(1))
      #expect(again.refusal == .sessionOver)
    }
  }

  @Test func aNewIdentityCountsFromTheNextPaymentOfTheTransaction() throws {
    let store = try TestLedger().openWithSession()
    let fresh = SHA256.digest([8])
    try store.write { store in
      _ = try store.record(TestLedger.intent(1))
      try store.setIdentity(session: TestLedger.session.id, digest: fresh, process: 7, sequence: 2)
      let old = try store.record(TestLedger.intent(2))
      let new = try store.record(TestLedger.intent(3) { $0.identityDigest = fresh })
      #expect(old.refusal == .identityVoid && new.number != nil)
    }
  }

  @Test func whatIsUndoneInsideATransactionCountsNoMore() throws {
    struct Stop: Error {}
    let store = try TestLedger().openWithSession()
    try store.write { store in
      #expect(throws: Stop.self) {
        try store.nested {
          try store.endSession(TestLedger.session.id, reason: .logout, time: TestLedger.time)
          let over = try store.record(TestLedger.intent(1))
          #expect(over.refusal == .sessionOver)
          throw Stop()
        }
      }
      let live = try store.record(TestLedger.intent(1))
      #expect(live.number != nil)
    }
  }

  @Test func whatIsRolledBackCountsNoMore() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    try store.endSession(TestLedger.session.id, reason: .logout, time: TestLedger.time)
    _ = try store.record(TestLedger.intent(1))
    store.rollback()
    try store.write { store in
      let live = try store.record(TestLedger.intent(1))
      #expect(live.number == 1)
    }
  }
}
