import Bytes

/// The durable ledger, journal and register, as the writer's thread sees it.
///
/// One thread calls everything here. Every method between ``begin()`` and ``commit(lowWater:)`` belongs to one
/// transaction; nothing is told to anyone before ``commit(lowWater:)`` has returned. Each insert is its own journal
/// record, numbered from one rising sequence without gaps.
public protocol Store: BackupStore, CardStore, KeyActStore {
  func begin() throws(StoreError)

  /// Makes the transaction durable.
  ///
  /// - Parameter lowWater: every payment below it has an outcome or a row in `unresolved`. The store keeps the highest
  ///   it was given: a lower one, 0 for instance, changes nothing.
  /// - Throws: ``StoreError/noRoom(_:)`` where nothing was written, and the caller rolls back; whatever else it throws
  ///   means an unknown outcome: the caller must stop the process.
  func commit(lowWater: Int64) throws(StoreError)

  func rollback()

  /// Runs `body` so that its writes vanish where it throws, and the rest of the transaction stays.
  ///
  /// - Parameter fromReserve: whether it may write in the room that is kept for what is under way.
  /// - Throws: what `body` throws; ``StoreError/noRoom(_:)`` where it wrote without being allowed to.
  func nested<R>(fromReserve: Bool, _ body: () throws -> R) throws -> R

  /// Records an intent after comparing it with its session row; a refusal or an existing key writes nothing. The
  /// session's refusal goes first, so that nobody is told of a payment in a session that is over. An intent with a limit
  /// for the day is counted in the same transaction, and no longer once an outcome says that it was not charged.
  ///
  /// - Parameters:
  ///   - reference: the order reference, UTF-8.
  ///   - original: what names the sale to the acquirer; nil where the acquirer names no sales.
  ///   - time: milliseconds since 1970-01-01T00:00:00Z.
  ///   - refusal: why a new payment is refused (too late, key too far off); one that exists is told all the same.
  func insertIntent(
    _ intent: borrowing Intent, reference: UnsafeRawBufferPointer, original: OriginalElements?, time: Int64,
    unlessKnown refusal: PaymentRefusal?
  ) throws(StoreError) -> IntentResult

  /// Records the outcome of a payment: at most one for each payment, final.
  func insertOutcome(_ outcome: OutcomeRow) throws(StoreError)

  /// Records anything else. Returns its journal number.
  @discardableResult
  func insertEvent(_ event: EventRow) throws(StoreError) -> Int64

  /// Writes or replaces the row in `unresolved` of a payment: where it stands on the way to its outcome, or again
  /// after it (a late approval of a payment told as not charged is reversed). The row's state, where there is one, is
  /// the payment's `record.state`; the outcome's row, where there is one, its `record.outcome`.
  func setUnresolved(_ row: UnresolvedRow) throws(StoreError)
  func clearUnresolved(payment: Int64) throws(StoreError)

  /// At start: all payments in `unresolved`, and all above the low-water mark that have no outcome; oldest first.
  func openPayments() throws(StoreError) -> [OpenPayment]

  func payment(number: Int64) throws(StoreError) -> StoredPayment?
  func payment(key: Bytes16, company: Int64) throws(StoreError) -> StoredPayment?

  /// Payments with a higher number that are found by `lookup` and stand in no lookup run yet, rising. Older ones are
  /// found by a reader, which must ask after this: payments go from here into the runs and never back.
  func recentPayments(_ lookup: PaymentLookup, after number: Int64) throws(StoreError) -> [Int64]

  /// What an inquiry or a reversal of a payment needs.
  func sale(payment: Int64) throws(StoreError) -> StoredSale?

  // Refunds and voids.
  /// Writes a new operation; one with the same key throws `.conflict("key")`.
  func insertOperation(_ row: OperationRow) throws(StoreError)
  /// Writes what may change: state, who agreed, times, name and the acquirer's answer.
  func updateOperation(_ row: OperationRow) throws(StoreError)
  func operation(id: Int64) throws(StoreError) -> OperationRow?
  func operation(key: Bytes16) throws(StoreError) -> OperationRow?
  func operations(of payment: Int64) throws(StoreError) -> [OperationRow]
  /// Those that are CONFIRMED, SENDING or UNKNOWN, oldest first.
  func openOperations() throws(StoreError) -> [OperationRow]
  /// Those that are REQUESTED and whose time to be confirmed ends at `time` or before.
  func requestedOperations(until time: Int64) throws(StoreError) -> [OperationRow]
  /// Operations with a higher number, by number: those that were asked for before the end of `times` and came into their
  /// state at its begin or later.
  func operations(after id: Int64, during times: Range<Int64>, limit: Int) throws(StoreError) -> [OperationRow]

  /// Why new payments are refused with `.storeUnavailable` while all else is still written (room runs out), as of the
  /// last ``begin()`` or ``maintain(idle:)``; nil while they are taken.
  var shortage: StoreError? { get }

  /// Checkpoints where one is due. Called after each commit and, with `idle`, when nothing is queued.
  func maintain(idle: Bool)

  // Register. Names are unique as the schema says; a conflict throws `.conflict` with the column's name.
  func insertCompany(name: String, time: Int64) throws(StoreError) -> Int64
  func company(name: String) throws(StoreError) -> CompanyRow?
  func company(id: Int64) throws(StoreError) -> CompanyRow?
  func insertConsultant(company: Int64, name: String, time: Int64) throws(StoreError) -> Int64
  func consultant(id: Int64) throws(StoreError) -> ConsultantRow?
  /// The consultant with this registered name in the company.
  func consultant(company: Int64, name: String) throws(StoreError) -> ConsultantRow?
  /// Writes a certificate of a holder; the same fingerprint again changes nothing.
  func insertCertificate(_ row: CertificateRow) throws(StoreError)
  func certificate(fingerprint: Bytes32) throws(StoreError) -> CertificateRow?
  func certificate(issuer: [UInt8], serial: [UInt8]) throws(StoreError) -> CertificateRow?
  /// All certificates of a holder, revoked ones too.
  func certificates(of holder: CertificateRow.Holder) throws(StoreError) -> [CertificateRow]
  /// Certificates with a serial number, of whatever issuer; big-endian.
  func certificates(serial: [UInt8]) throws(StoreError) -> [CertificateRow]
  /// Certificates of one issuer (DER of its name) and subject (RFC 4514 text), newest end first, revoked ones too.
  func certificates(issuer: [UInt8], subject: String) throws(StoreError) -> [CertificateRow]
  /// Registers another device for certificates of a consultant.
  func setDevice(certificates: [Bytes32], macAddress: MACAddress) throws(StoreError)
  func insertToken(_ row: TokenRow) throws(StoreError)
  func token(digest: Bytes32) throws(StoreError) -> TokenRow?
  /// Writes or replaces the gateway of its company.
  func setGateway(_ row: GatewayRow) throws(StoreError)
  func gateway(company: Int64) throws(StoreError) -> GatewayRow?
  /// - Parameter token: SHA-256 of the 16 secret bytes.
  func gateway(token: Bytes32) throws(StoreError) -> GatewayRow?
  /// Every company's certificates that are not revoked.
  func companyCertificates() throws(StoreError) -> [(fingerprint: Bytes32, company: Int64)]
  /// Marks the token as used for the key with this digest and the certificate issued for it.
  func useToken(digest: Bytes32, request: Bytes32, certificate: Bytes32, time: Int64) throws(StoreError)

  // Administrators.
  func insertAdministrator(name: String, roles: AdministratorRoles, time: Int64) throws(StoreError) -> Int64
  func administrator(id: Int64) throws(StoreError) -> AdministratorRow?
  func administrator(name: String) throws(StoreError) -> AdministratorRow?
  func setRoles(administrator: Int64, _ roles: AdministratorRoles) throws(StoreError)
  /// Administrators with a higher number, by number.
  func administrators(after number: Int64, limit: Int) throws(StoreError) -> [AdministratorRow]

  // Policy.
  /// Companies with a higher number, by number.
  func companies(after number: Int64, limit: Int) throws(StoreError) -> [CompanyRow]
  /// Writes or replaces a company's policy, serialized; nil forgets it.
  func setPolicy(company: Int64, _ policy: [UInt8]?) throws(StoreError)
  /// Every company's policy.
  func policies() throws(StoreError) -> [(company: Int64, policy: [UInt8])]
  /// What a company's payments with a limit for `day` come to, in minor units, declined and reversed ones left out.
  func dayTotal(company: Int64, currency: Currency, day: Int32) throws(StoreError) -> Int64

  // Revocation.
  /// Marks as revoked for good, and ends the live sessions that this touches. What is revoked already keeps its time.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  /// - Returns: nil where there is nothing of this name.
  func revoke(
    _ target: RevocationTarget, reason: RevocationReason, time: Int64
  ) throws(StoreError) -> RevocationEffect?
  /// Whether terminals with this MAC address are revoked.
  func isRevoked(device: MACAddress) throws(StoreError) -> Bool
  /// Certificates that end before `notAfter` (seconds since 1970-01-01T00:00:00Z) and are not revoked, soonest first.
  ///
  /// - Parameter cursor: end and fingerprint of the last one told before; nil at first.
  func certificates(
    endingBefore notAfter: Int64, after cursor: CertificateCursor?, limit: Int
  ) throws(StoreError) -> [CertificateRow]

  // Lockout.
  func lockout(_ subject: LockoutSubject) throws(StoreError) -> Lockout?
  /// Writes how a subject stands; nil forgets it.
  func setLockout(_ subject: LockoutSubject, _ lockout: Lockout?) throws(StoreError)
  /// Sources that are locked out at `time`, milliseconds since 1970-01-01T00:00:00Z.
  func lockedSources(at time: Int64) throws(StoreError) -> [(source: String, lockout: Lockout)]

  // Sessions.
  /// Writes a session; a challenge that was used before throws `.conflict("challenge")`.
  func insertSession(_ row: SessionRow) throws(StoreError)
  func session(id: Bytes16) throws(StoreError) -> SessionRow?
  func liveSessions(consultant: Int64) throws(StoreError) -> [Bytes16]
  func setIdentity(session: Bytes16, digest: Bytes32, process: UInt64, sequence: UInt64) throws(StoreError)
  /// Ends a session; ending one that is over changes nothing.
  func endSession(_ session: Bytes16, reason: SessionEnd, time: Int64) throws(StoreError)
}

/// What became of ``Store/insertIntent(_:reference:original:time:unlessKnown:)``.
public enum IntentResult: Sendable {
  /// Recorded under this number.
  case recorded(Int64)
  /// A payment with this key and company exists.
  case exists(StoredPayment)
  /// The session row says no.
  case refused(PaymentRefusal)
}

/// What went wrong in a store.
public enum StoreError: Error, Sendable, Equatable {
  /// A unique column has this value already; the name is the column's.
  case conflict(String)
  /// No room, read-only or failing disk; nothing was written.
  case unavailable(String)
  /// No room, and the store is as sound as before: what was tried is taken back, and all else goes on.
  case noRoom(String)
  /// A restore was cut off and left this file: neither the former ledger nor the copy is in its place.
  case restoreCutOff(String)
  /// The database was written by a newer program.
  case newerSchema(found: Int, supported: Int)
  /// The file is not one of ours, or damaged.
  case damaged(String)
  /// Anything else, with the library's words.
  case failed(String)
}

extension Store {
  /// The same with all room that there is.
  public func nested<R>(_ body: () throws -> R) throws -> R { try nested(fromReserve: true, body) }
}

extension StoreError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .conflict(let column): "\(column) is taken already"
    case .unavailable(let text), .noRoom(let text), .damaged(let text), .failed(let text): text
    case .restoreCutOff(let marker):
      "\(marker) is there: a restore was cut off, and what lies in the ledger's place is not to be used; give "
        + "countersign-server restore again, which goes on from the former ledger"
    case .newerSchema(let found, let supported):
      "the ledger has schema \(found) and this program knows \(supported); start a newer program"
    }
  }
}

public struct OutcomeRow: Sendable, BitwiseCopyable {
  public var payment: Int64
  public var state: PaymentState
  public var approvalCode: ApprovalCode
  public var responseCode: ResponseCode
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var time: Int64
  public init(
    payment: Int64, state: PaymentState, approvalCode: ApprovalCode, responseCode: ResponseCode, time: Int64
  ) {
    self.payment = payment
    self.state = state
    self.approvalCode = approvalCode
    self.responseCode = responseCode
    self.time = time
  }
}

/// A journal record that is neither intent nor outcome.
public struct EventRow: Sendable {
  public var kind: EventKind
  public var payment: Int64?
  public var consultant: Int64?
  public var company: Int64?
  public var session: Bytes16?
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var time: Int64
  /// For people; never card data, never a secret.
  public var text: String
  public init(
    kind: EventKind, payment: Int64? = nil, consultant: Int64? = nil, company: Int64? = nil, session: Bytes16? = nil,
    time: Int64, text: String
  ) {
    self.kind = kind
    self.payment = payment
    self.consultant = consultant
    self.company = company
    self.session = session
    self.time = time
    self.text = text
  }
}

/// Kinds of journal records. Raw values are stored and shown by `trace`.
public enum EventKind: String, Sendable, CaseIterable {
  case serverStarted = "SERVER_STARTED"
  case companyAdded = "COMPANY_ADDED"
  case consultantAdded = "CONSULTANT_ADDED"
  case tokenCreated = "TOKEN_CREATED"
  case gatewayAdded = "GATEWAY_ADDED"
  case gatewayEnrolled = "GATEWAY_ENROLLED"
  case enrolled = "ENROLLED"
  case login = "LOGIN"
  case loginRefused = "LOGIN_REFUSED"
  case identityIssued = "IDENTITY"
  case logout = "LOGOUT"
  case sessionEnded = "SESSION_ENDED"
  case paymentRefused = "PAYMENT_REFUSED"
  case paymentState = "STATE"
  case lateAnswer = "LATE_ANSWER"
  case operation = "OPERATION"
  case unmatchedAnswer = "UNMATCHED_ANSWER"
  case callRefused = "CALL_REFUSED"
  case refusalsCounted = "REFUSALS"
  case traceRead = "TRACE_READ"
  case paymentsRead = "PAYMENTS_READ"
  case receiptRead = "RECEIPT_READ"
  case exportRead = "EXPORT_READ"
  case revoked = "REVOKED"
  case lockedOut = "LOCKED_OUT"
  case unlocked = "UNLOCKED"
  case renewed = "RENEWED"
  case administratorRegistered = "ADMINISTRATOR_REGISTERED"
  case administratorAdded = "ADMINISTRATOR_ADDED"
  case rolesSet = "ROLES_SET"
  case policySet = "POLICY_SET"
  case certificateRegistered = "CERTIFICATE_REGISTERED"
  case keyAct = "KEY_ACT"
  case keysRewrapped = "KEYS_REWRAPPED"
  case rotationStarted = "KEY_ROTATION_STARTED"
  case rotationFinished = "KEY_ROTATION_FINISHED"
  case backupStarted = "BACKUP_STARTED"
  case backupFinished = "BACKUP_FINISHED"
  case epochBegun = "EPOCH_BEGUN"
  case reconciled = "RECONCILED"
  case epochConfirmed = "EPOCH_CONFIRMED"
}

public struct UnresolvedRow: Sendable, BitwiseCopyable, Equatable {
  public var payment: Int64
  public var state: PaymentState
  /// Milliseconds since 1970-01-01T00:00:00Z of the next step.
  public var nextTry: Int64
  public var attempts: UInt32
  public init(payment: Int64, state: PaymentState, nextTry: Int64, attempts: UInt32) {
    self.payment = payment
    self.state = state
    self.nextTry = nextTry
    self.attempts = attempts
  }
}

/// A payment that is not over, as found at start.
public struct OpenPayment: Sendable {
  public var stored: StoredPayment
  /// Nil where only the intent is there.
  public var unresolved: UnresolvedRow?
  public init(stored: StoredPayment, unresolved: UnresolvedRow?) {
    self.stored = stored
    self.unresolved = unresolved
  }
}

/// A payment as recorded, for comparing repeats and answering questions.
public struct StoredPayment: Sendable {
  /// `record.reference` is not used here.
  public var record: PaymentRecord
  public var company: Int64
  public var consultant: Int64
  public var session: Bytes16
  public var instalments: UInt8
  public var expiry: UInt32
  public var fingerprint: Bytes16
  public var reference: [UInt8]
  /// What refunds and voids made of it, where that was asked for; nil: nothing.
  public var operated: OperatedState?
  public var toldState: ToldState { operated.map { .operated($0) } ?? .recorded(record.state) }

  public init(
    record: PaymentRecord, company: Int64, consultant: Int64, session: Bytes16, instalments: UInt8, expiry: UInt32,
    fingerprint: Bytes16, reference: [UInt8]
  ) {
    self.record = record
    self.company = company
    self.consultant = consultant
    self.session = session
    self.instalments = instalments
    self.expiry = expiry
    self.fingerprint = fingerprint
    self.reference = reference
  }
}
