import Bytes
import Payments
import Synchronization

/// What survives a crash, and what is to go wrong. Shared by the test and the writer's thread.
final class MemoryDisk: Sendable {
  struct Contents {
    var payments: [Int64: StoredPayment] = [:]
    var outcomes: [Int64: OutcomeRow] = [:]
    var unresolved: [Int64: UnresolvedRow] = [:]
    var events: [EventRow] = []
    var operations: [Int64: OperationRow] = [:]
    var lowWater: Int64 = 0
    var lastNumber: Int64 = 0
    /// Restored and not confirmed.
    var isHeld = false

    func stored(_ number: Int64) -> StoredPayment? {
      guard var stored = payments[number] else { return nil }
      let outcome = outcomes[number]
      stored.record.state = unresolved[number]?.state ?? outcome?.state ?? .intent
      stored.record.outcome = outcome?.state.outcome ?? .pending
      stored.record.approvalCode = outcome?.approvalCode ?? .none
      stored.record.responseCode = outcome?.responseCode ?? .none
      return stored
    }
  }
  struct Faults {
    var begin = false
    /// No room for intents.
    var intents = false
    /// Little room: what is under way goes on.
    var shortage = false
    /// No room for anything.
    var writes = false
    var reads = false
    /// What is open cannot be read.
    var openPayments = false
    var commit = false
    /// A commit finds no room and writes nothing.
    var commitRoom = false
    /// The commit is durable, but says that it failed.
    var commitAfterwards = false
    /// Sessions that are over.
    var sessionsOver: Set<Bytes16> = []
  }

  let contents = Mutex(Contents())
  let faults = Mutex(Faults())

  /// The state of a payment as it is durable.
  func state(_ number: Int64) -> PaymentState? { contents.withLock { $0.stored(number)?.record.state } }
  func outcome(_ number: Int64) -> Outcome? { contents.withLock { $0.stored(number)?.record.outcome } }
  func texts(_ kind: EventKind) -> [String] { contents.withLock { $0.events.filter { $0.kind == kind }.map(\.text) } }
  func fail(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }
}

/// A store in memory that notes each write, keeps the port's promises, and checks those of its caller.
final class MemoryStore: Store {
  private let disk: MemoryDisk
  private let trace: Trace
  private let power: Power
  private var working: MemoryDisk.Contents?

  init(_ disk: MemoryDisk, trace: Trace, power: Power) {
    self.disk = disk
    self.trace = trace
    self.power = power
  }

  private var faults: MemoryDisk.Faults { disk.faults.withLock { $0 } }
  private var present: MemoryDisk.Contents { working ?? disk.contents.withLock { $0 } }

  private func spend() throws(StoreError) {
    if !power.isOn() { throw .unavailable("no power") }
  }

  private func write(_ step: String, _ change: (inout MemoryDisk.Contents) -> Void) throws(StoreError) {
    try spend()
    if faults.writes { throw .unavailable("disk full") }
    guard var contents = working else {
      trace.add("WRITTEN OUTSIDE A TRANSACTION: \(step)")
      return
    }
    change(&contents)
    working = contents
    trace.add(step)
  }

  func begin() throws(StoreError) {
    try spend()
    if faults.begin { throw .unavailable("read-only") }
    working = disk.contents.withLock { $0 }
  }

  func commit(lowWater: Int64) throws(StoreError) {
    try spend()
    if faults.commitRoom { throw .noRoom("disk full") }
    if faults.commit { throw .failed("input/output error") }
    guard var contents = working else { throw .failed("no transaction") }
    contents.lowWater = max(contents.lowWater, lowWater)
    for number in contents.payments.keys where number < contents.lowWater {
      if contents.outcomes[number] == nil, contents.unresolved[number] == nil {
        trace.add("LOW WATER ABOVE OPEN PAYMENT \(number)")
      }
    }
    disk.contents.withLock { $0 = contents }
    working = nil
    trace.add("commit")
    try spend()
    if faults.commitAfterwards { throw .failed("input/output error") }
  }

  func rollback() {
    if working != nil { trace.add("rollback") }
    working = nil
  }

  func nested<R>(fromReserve: Bool, _ body: () throws -> R) throws -> R {
    let before = working
    do {
      let result = try body()
      if faults.shortage, !fromReserve, working?.events.count != before?.events.count {
        throw StoreError.noRoom("short")
      }
      return result
    } catch {
      working = before
      throw error
    }
  }

  func insertIntent(
    _ intent: borrowing Intent, reference: UnsafeRawBufferPointer, original: OriginalElements?, time: Int64,
    unlessKnown refusal: PaymentRefusal?
  ) throws(StoreError) -> IntentResult {
    let faults = faults
    if faults.sessionsOver.contains(intent.session) { return .refused(.sessionOver) }
    if let known = try payment(key: intent.key, company: intent.company) { return .exists(known) }
    if let refusal { return .refused(refusal) }
    if faults.shortage || isHeld { return .refused(.storeUnavailable) }
    if faults.intents { throw .unavailable("disk full") }
    let number = present.lastNumber + 1
    let record = PaymentRecord(
      payment: number, key: intent.key, state: .intent, amount: intent.amount, currency: intent.currency,
      firstSix: intent.card.firstSix, lastFour: intent.card.lastFour, cardLength: intent.card.length, time: time)
    let stored = StoredPayment(
      record: record, company: intent.company, consultant: intent.consultant, session: intent.session,
      instalments: intent.instalments, expiry: intent.card.expiry, fingerprint: intent.card.fingerprint,
      reference: [UInt8](reference))
    try write("intent \(number)") {
      $0.payments[number] = stored
      $0.lastNumber = number
    }
    return .recorded(number)
  }

  func insertOutcome(_ outcome: OutcomeRow) throws(StoreError) {
    if present.outcomes[outcome.payment] != nil { throw .conflict("payment") }
    try write("outcome \(outcome.payment) \(outcome.state.name)") { $0.outcomes[outcome.payment] = outcome }
  }

  func insertEvent(_ event: EventRow) throws(StoreError) -> Int64 {
    try write("event \(event.kind.rawValue)") { $0.events.append(event) }
    return 0
  }

  func setUnresolved(_ row: UnresolvedRow) throws(StoreError) {
    try write("unresolved \(row.payment) \(row.state.name)") { $0.unresolved[row.payment] = row }
  }

  func clearUnresolved(payment: Int64) throws(StoreError) {
    try write("resolved \(payment)") { $0.unresolved[payment] = nil }
  }

  func openPayments() throws(StoreError) -> [OpenPayment] {
    try spend()
    let contents = present
    if faults.openPayments { throw .unavailable("unreadable") }
    if contents.isHeld { return [] }
    let open = contents.payments.keys.filter {
      contents.unresolved[$0] != nil || $0 >= contents.lowWater && contents.outcomes[$0] == nil
    }
    return open.sorted().compactMap { number in
      contents.stored(number).map { OpenPayment(stored: $0, unresolved: contents.unresolved[number]) }
    }
  }

  func recentPayments(_ lookup: PaymentLookup, after number: Int64) throws(StoreError) -> [Int64] {
    throw Self.absent
  }

  func sale(payment: Int64) throws(StoreError) -> StoredSale? { throw Self.absent }

  func payment(number: Int64) throws(StoreError) -> StoredPayment? {
    if faults.reads { throw .unavailable("unreadable") }
    return present.stored(number)
  }

  func payment(key: Bytes16, company: Int64) throws(StoreError) -> StoredPayment? {
    if faults.reads { throw .unavailable("unreadable") }
    let contents = present
    let row = contents.payments.first { $0.value.record.key == key && $0.value.company == company }
    return row.flatMap { contents.stored($0.key) }
  }

  func insertOperation(_ row: OperationRow) throws(StoreError) {
    try write("operation \(row.id) \(row.state.name)") { $0.operations[row.id] = row }
  }
  func updateOperation(_ row: OperationRow) throws(StoreError) {
    try write("operation \(row.id) \(row.state.name)") { $0.operations[row.id] = row }
  }
  func operation(id: Int64) throws(StoreError) -> OperationRow? { present.operations[id] }
  func operation(key: Bytes16) throws(StoreError) -> OperationRow? { throw Self.absent }
  func operations(of payment: Int64) throws(StoreError) -> [OperationRow] {
    present.operations.values.filter { $0.payment == payment }
  }
  func openOperations() throws(StoreError) -> [OperationRow] {
    if present.isHeld { return [] }
    return present.operations.values.filter { [.confirmed, .sending, .unknown].contains($0.state) }
  }
  func requestedOperations(until time: Int64) throws(StoreError) -> [OperationRow] { throw Self.absent }
  func operations(
    after id: Int64, during times: Range<Int64>, limit: Int
  ) throws(StoreError) -> [OperationRow] { throw Self.absent }

  var isHeld: Bool { disk.contents.withLock { $0.isHeld } }
  func mayHaveLost(_ key: Bytes16) -> Bool { false }
  func setReconciliation(_ number: Int64) throws(StoreError) { throw Self.absent }
  func setCharged(_ payments: [ChargedPayment], recordedIn times: Range<Int64>) throws(StoreError) { throw Self.absent }
  func chargedPayments() throws(StoreError) -> [ChargedPayment] { throw Self.absent }
  func confirmEpoch(time: Int64) throws(StoreError) { try write("epoch confirmed") { $0.isHeld = false } }

  var shortage: StoreError? { faults.shortage ? .unavailable("nearly full") : nil }

  func maintain(idle: Bool) {}
}

/// The register and the sessions are no business of the ledger's.
extension MemoryStore {
  private static var absent: StoreError { .failed("not kept by this store") }

  func beginBackup(to path: String) throws(StoreError) { throw Self.absent }
  var backup: BackupProgress? { nil }
  func epoch() throws(StoreError) -> LedgerEpoch? { throw Self.absent }
  func cards(after number: Int64, limit: Int) throws(StoreError) -> [SealedCard] { throw Self.absent }
  func setCard(_ card: SealedCard) throws(StoreError) { throw Self.absent }
  func lastPayment() throws(StoreError) -> Int64 { throw Self.absent }
  func insertKeyAct(_ row: KeyActRow) throws(StoreError) { throw Self.absent }
  func updateKeyAct(_ row: KeyActRow) throws(StoreError) { throw Self.absent }
  func keyAct(id: Int64) throws(StoreError) -> KeyActRow? { throw Self.absent }
  func waitingKeyActs(at time: Int64) throws(StoreError) -> [KeyActRow] { throw Self.absent }
  func rotation() throws(StoreError) -> KeyRotation? { throw Self.absent }
  func setRotation(_ rotation: KeyRotation) throws(StoreError) { throw Self.absent }
  func insertCompany(name: String, time: Int64) throws(StoreError) -> Int64 { throw Self.absent }
  func company(name: String) throws(StoreError) -> CompanyRow? { throw Self.absent }
  func company(id: Int64) throws(StoreError) -> CompanyRow? { throw Self.absent }
  func insertConsultant(company: Int64, name: String, time: Int64) throws(StoreError) -> Int64 { throw Self.absent }
  func consultant(id: Int64) throws(StoreError) -> ConsultantRow? { throw Self.absent }
  func consultant(company: Int64, name: String) throws(StoreError) -> ConsultantRow? { throw Self.absent }
  func insertCertificate(_ row: CertificateRow) throws(StoreError) { throw Self.absent }
  func certificate(fingerprint: Bytes32) throws(StoreError) -> CertificateRow? { throw Self.absent }
  func certificate(issuer: [UInt8], serial: [UInt8]) throws(StoreError) -> CertificateRow? { throw Self.absent }
  func certificates(of holder: CertificateRow.Holder) throws(StoreError) -> [CertificateRow] { throw Self.absent }
  func certificates(serial: [UInt8]) throws(StoreError) -> [CertificateRow] { throw Self.absent }
  func certificates(issuer: [UInt8], subject: String) throws(StoreError) -> [CertificateRow] { throw Self.absent }
  func setDevice(certificates: [Bytes32], macAddress: MACAddress) throws(StoreError) { throw Self.absent }
  func insertToken(_ row: TokenRow) throws(StoreError) { throw Self.absent }
  func setGateway(_ row: GatewayRow) throws(StoreError) { throw Self.absent }
  func gateway(company: Int64) throws(StoreError) -> GatewayRow? { throw Self.absent }
  func gateway(token: Bytes32) throws(StoreError) -> GatewayRow? { throw Self.absent }
  func companyCertificates() throws(StoreError) -> [(fingerprint: Bytes32, company: Int64)] { throw Self.absent }
  func insertAdministrator(name: String, roles: AdministratorRoles, time: Int64) throws(StoreError) -> Int64 {
    throw Self.absent
  }
  func administrator(id: Int64) throws(StoreError) -> AdministratorRow? { throw Self.absent }
  func administrator(name: String) throws(StoreError) -> AdministratorRow? { throw Self.absent }
  func setRoles(administrator: Int64, _ roles: AdministratorRoles) throws(StoreError) { throw Self.absent }
  func administrators(after number: Int64, limit: Int) throws(StoreError) -> [AdministratorRow] { throw Self.absent }
  func companies(after number: Int64, limit: Int) throws(StoreError) -> [CompanyRow] { throw Self.absent }
  func setPolicy(company: Int64, _ policy: [UInt8]?) throws(StoreError) { throw Self.absent }
  func policies() throws(StoreError) -> [(company: Int64, policy: [UInt8])] { throw Self.absent }
  func dayTotal(company: Int64, currency: Currency, day: Int32) throws(StoreError) -> Int64 { throw Self.absent }
  func token(digest: Bytes32) throws(StoreError) -> TokenRow? { throw Self.absent }
  func useToken(digest: Bytes32, request: Bytes32, certificate: Bytes32, time: Int64) throws(StoreError) {
    throw Self.absent
  }
  func revoke(
    _ target: RevocationTarget, reason: RevocationReason, time: Int64
  ) throws(StoreError) -> RevocationEffect? { throw Self.absent }
  func isRevoked(device: MACAddress) throws(StoreError) -> Bool { throw Self.absent }
  func certificates(
    endingBefore notAfter: Int64, after cursor: CertificateCursor?, limit: Int
  ) throws(StoreError) -> [CertificateRow] { throw Self.absent }
  func lockout(_ subject: LockoutSubject) throws(StoreError) -> Lockout? { throw Self.absent }
  func setLockout(_ subject: LockoutSubject, _ lockout: Lockout?) throws(StoreError) { throw Self.absent }
  func lockedSources(at time: Int64) throws(StoreError) -> [(source: String, lockout: Lockout)] { throw Self.absent }
  func insertSession(_ row: SessionRow) throws(StoreError) { throw Self.absent }
  func session(id: Bytes16) throws(StoreError) -> SessionRow? { throw Self.absent }
  func liveSessions(consultant: Int64) throws(StoreError) -> [Bytes16] { throw Self.absent }
  func setIdentity(session: Bytes16, digest: Bytes32, process: UInt64, sequence: UInt64) throws(StoreError) {
    throw Self.absent
  }
  func endSession(_ session: Bytes16, reason: SessionEnd, time: Int64) throws(StoreError) { throw Self.absent }
}
