import Foundation
import Payments
import Testing

@testable import StorageSQLite

/// A disk that fills up: new payments stop before a COMMIT finds no room.
@Suite struct RoomTests {
  @Test func belowTheReserveANewPaymentIsRefused() throws {
    let store = try Self.full(TestLedger())
    try store.write { store in
      let result = try store.record(TestLedger.intent(2))
      #expect(result.refusal == .storeUnavailable)
    }
  }

  @Test func belowTheReserveAKnownPaymentIsTold() throws {
    let store = try Self.full(TestLedger())
    try store.write { store in
      let result = try store.record(TestLedger.intent(1))
      #expect(result.known?.record.payment == 1)
    }
  }

  @Test func belowTheReserveTheSessionIsComparedFirst() throws {
    let store = try Self.full(TestLedger())
    try store.write { store in
      let result = try store.record(TestLedger.intent(1) { $0.identityDigest = .zero })
      #expect(result.refusal == .identityVoid)
    }
  }

  @Test func belowTheReserveWhatIsUnderWayIsRecorded() throws {
    let ledger = try TestLedger()
    let store = try Self.full(ledger)
    try store.write { store in
      try store.insertOutcome(OutcomeTests.outcome(1, .approved))
      try store.setUnresolved(UnresolvedRow(payment: 1, state: .reversing, nextTry: 0, attempts: 1))
      try store.insertEvent(EventRow(kind: .paymentState, payment: 1, time: TestLedger.time, text: "REVERSING"))
    }
    store.maintain(idle: true)
    try ledger.verifyJournal()
  }

  @Test func theShortageNamesTheFileAndWhatIsNeeded() throws {
    let ledger = try TestLedger()
    let store = try SQLiteStore(path: ledger.path, reserve: 1 << 60, signer: { _ in [] })
    store.maintain(idle: true)
    #expect(store.shortage == .unavailable("\(ledger.path): less than 1099511627776 MiB of its disk are free"))
  }

  @Test func whereThereIsRoomThereIsNoShortage() throws {
    let ledger = try TestLedger()
    let store = try SQLiteStore(path: ledger.path, reserve: 1, signer: { _ in [] })
    store.maintain(idle: true)
    #expect(store.shortage == nil)
  }

  /// A ledger with payment 1 whose disk has less than its reserve left.
  private static func full(_ ledger: TestLedger) throws -> SQLiteStore {
    try ledger.openWithSession().write { _ = try $0.record(TestLedger.intent(1)) }
    let key = ledger.key
    return try SQLiteStore(path: ledger.path, reserve: 1 << 60, signer: { try key.sign($0) })
  }
}
