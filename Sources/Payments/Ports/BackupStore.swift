import Bytes

/// Copies of the ledger, and epochs: what a ledger that was restored from one goes on from.
public protocol BackupStore: AnyObject {
  /// Begins a copy of everything into a new file. ``Store/maintain(idle:)`` goes on with it in steps, so that payments
  /// wait for one step at most; what is written meanwhile is in the copy too.
  ///
  /// - Throws: ``StoreError`` where one is being made, or the file exists or cannot be made.
  func beginBackup(to path: String) throws(StoreError)
  /// The present or last copy; nil where none was begun.
  var backup: BackupProgress? { get }

  /// The present epoch; nil in a ledger that was never restored.
  func epoch() throws(StoreError) -> LedgerEpoch?
  /// Whether this ledger was restored and, as of the last commit, nobody has said that it agrees with the acquirer:
  /// nothing new is charged, and nothing that is open is told by ``Store/openPayments()`` and ``Store/openOperations()``.
  var isHeld: Bool { get }
  /// Whether a payment with this key, which the ledger does not know, may have been charged by the ledger that was lost.
  func mayHaveLost(_ key: Bytes16) -> Bool
  /// Notes that ledger and acquirer were compared; of an epoch that waits for its confirmation.
  ///
  /// - Parameter number: of the journal's record.
  func setReconciliation(_ number: Int64) throws(StoreError)
  /// Keeps which open payments a comparison found charged, in the place of those recorded in the time that it was about.
  ///
  /// - Parameter times: milliseconds since 1970-01-01T00:00:00Z.
  func setCharged(_ payments: [ChargedPayment], recordedIn times: Range<Int64>) throws(StoreError)
  /// What ``setCharged(_:recordedIn:)`` keeps, by number; none once the epoch is confirmed.
  func chargedPayments() throws(StoreError) -> [ChargedPayment]
  /// Says that ledger and acquirer agree. Once that is committed, ``isHeld`` is false.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  func confirmEpoch(time: Int64) throws(StoreError)
}

/// How far a copy is.
public struct BackupProgress: Sendable, Equatable {
  public var path: String
  /// Pages copied, and pages in all.
  public var done: Int64
  public var pages: Int64
  public var isRunning: Bool
  public var failure: StoreError?

  public init(path: String, done: Int64 = 0, pages: Int64 = 0, isRunning: Bool = true, failure: StoreError? = nil) {
    self.path = path
    self.done = done
    self.pages = pages
    self.isRunning = isRunning
    self.failure = failure
  }
}

/// A payment that the acquirer's file says it charged.
public struct ChargedPayment: Sendable, Equatable {
  public var payment: Int64
  public var approvalCode: ApprovalCode

  public init(payment: Int64, approvalCode: ApprovalCode) {
    self.payment = payment
    self.approvalCode = approvalCode
  }
}

/// What a restored ledger goes on from.
public struct LedgerEpoch: Sendable, Equatable {
  /// From 2.
  public var number: Int64
  /// Random: two ledgers restored from one backup have the same number.
  public var id: Bytes16
  /// Milliseconds since 1970-01-01T00:00:00Z of its begin.
  public var begun: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z of the backup's last record: what came between it and the begin is lost.
  public var lostSince: Int64
  /// Last record under the head it goes on from, and SHA-256 of what was signed for that head.
  public var headLast: Int64
  public var headDigest: Bytes32
  /// Number of the journal's record of the last comparison with the acquirer that counts for it; nil where there was none.
  public var reconciliation: Int64?
  /// Milliseconds since 1970-01-01T00:00:00Z; nil while ledger and acquirer are not reconciled.
  public var confirmed: Int64?

  /// Whether the ledger that was lost may have charged what this one does not know: keys are version 7 UUIDs.
  public func mayHaveLost(_ key: Bytes16) -> Bool { Int64(key.high >> 16) < confirmed ?? begun }

  /// Whether a comparison of this time is about something that may be lost.
  public func isAbout(_ times: Range<Int64>) -> Bool { times.lowerBound <= begun && times.upperBound > lostSince }

  public init(
    number: Int64, id: Bytes16, begun: Int64, lostSince: Int64, headLast: Int64, headDigest: Bytes32,
    reconciliation: Int64? = nil, confirmed: Int64? = nil
  ) {
    self.number = number
    self.id = id
    self.begun = begun
    self.lostSince = lostSince
    self.headLast = headLast
    self.headDigest = headDigest
    self.reconciliation = reconciliation
    self.confirmed = confirmed
  }
}
