import Bytes
import CSQLite
import Payments

extension SQLiteStore {
  public func insertIntent(
    _ intent: borrowing Intent, reference: UnsafeRawBufferPointer, original: OriginalElements?, time: Int64,
    unlessKnown refusal: PaymentRefusal?
  ) throws(StoreError) -> IntentResult {
    if let refusal = try sessionRefusal(intent) { return .refused(refusal) }
    if let refusal = mayHaveLost(intent.key) ? .ledgerRestored : refusal ?? standstill {
      guard let known = try payment(key: intent.key, company: intent.company) else { return .refused(refusal) }
      return .exists(known)
    }
    let number = position.nextNumber
    if let limit = intent.dayLimit {
      if let known = try payment(key: intent.key, company: intent.company) { return .exists(known) }
      guard try days.count(intent, limit, number: number) else {
        return .refused(.policy(.dayLimitReached(most: UInt64(clamping: limit.most))))
      }
    }
    let leaf = Self.leaf(intent, reference: reference, original: original, time: time, number: number)
    guard try insert(intent, reference, original, time, number, leaf) else {
      guard let known = try payment(key: intent.key, company: intent.company) else {
        throw .failed("a payment exists and cannot be read")
      }
      return .exists(known)
    }
    record(leaf, time: time)
    lookups.gather(
      LookupEntry(
        number: number, time: time, consultant: intent.consultant, fingerprint: intent.card.fingerprint,
        reference: reference))
    return .recorded(number)
  }

  /// Why nothing new is recorded now.
  private var standstill: PaymentRefusal? { isHeld ? .ledgerUnconfirmed : hasRoom ? nil : .storeUnavailable }

  /// Compares what was extracted from the keyword with the session row, and says whether all is still live.
  private func sessionRefusal(_ intent: borrowing Intent) throws(StoreError) -> PaymentRefusal? {
    guard let session = try paymentSession(intent.session), session.isLive, session.company == intent.company,
      session.consultant == intent.consultant
    else { return .sessionOver }
    guard let identity = session.identity, session.process == intent.process else { return .identityRequired }
    guard identity == intent.identityDigest else { return .identityVoid }
    return session.macAddress == intent.macAddress ? nil : .deviceChanged
  }

  /// The session as the present transaction sees it; read once for all its payments in the transaction.
  private func paymentSession(_ id: Bytes16) throws(StoreError) -> PaymentSession? {
    if let known = sessionsInTransaction[id] { return known }
    statements.sessionForPayment.bind(1, id)
    let found = try statements.sessionForPayment.first { PaymentSession(row: $0) }
    if let found { sessionsInTransaction[id] = found }
    return found
  }

  /// - Returns: false where the key exists.
  private func insert(
    _ intent: borrowing Intent, _ reference: UnsafeRawBufferPointer, _ original: OriginalElements?, _ time: Int64,
    _ number: Int64, _ leaf: Bytes32
  ) throws(StoreError) -> Bool {
    let insert = statements.insertPayment
    let card = intent.card
    insert.bind(1, number)
    insert.bind(3, intent.company)
    insert.bind(4, intent.consultant)
    insert.bind(6, intent.sequence)
    insert.bind(7, time)
    insert.bind(8, intent.amount)
    insert.bind(9, Int64(intent.currency.value))
    insert.bind(10, Int64(intent.instalments))
    insert.bind(11, keepingText: reference)
    insert.bind(13, Int64(card.expiry))
    insert.bind(15, Int64(card.keyVersion))
    insert.bind(16, Int64(card.firstSix))
    insert.bind(17, Int64(card.lastFour))
    insert.bind(18, Int64(card.length))
    insert.bind(19, leaf.leafPrefix)
    insert.bind(20, original)
    let blobs = PaymentBlobs(key: intent.key, session: intent.session, card: card)
    let code = withUnsafeBytes(of: blobs) { blobs in
      Result<Int32, StoreError> { () throws(StoreError) in
        insert.bind(2, keeping: UnsafeRawBufferPointer(rebasing: blobs[0..<16]))
        insert.bind(5, keeping: UnsafeRawBufferPointer(rebasing: blobs[16..<32]))
        insert.bind(12, keeping: UnsafeRawBufferPointer(rebasing: blobs[32..<48]))
        insert.bind(14, keeping: UnsafeRawBufferPointer(rebasing: blobs[48..<95]))
        return try insert.run()
      }
    }
    return try code.get() & 0xFF != SQLITE_CONSTRAINT
  }

  private static func leaf(
    _ intent: borrowing Intent, reference: UnsafeRawBufferPointer, original: OriginalElements?, time: Int64,
    number: Int64
  ) -> Bytes32 {
    var hasher = LeafHasher("countersign/1 payment", number: number)
    hasher.add(intent.key)
    hasher.add(intent.company)
    hasher.add(intent.consultant)
    hasher.add(intent.session)
    hasher.add(intent.sequence)
    hasher.add(time)
    hasher.add(intent.amount)
    hasher.add(Int64(intent.currency.value))
    hasher.add(Int64(intent.instalments))
    hasher.add(reference)
    hasher.add(LeafHasher.card(intent.card.fingerprint, expiry: Int64(intent.card.expiry)))
    hasher.add(Int64(intent.card.firstSix))
    hasher.add(Int64(intent.card.lastFour))
    hasher.add(Int64(intent.card.length))
    if let original { withUnsafeBytes(of: original.stored) { hasher.add($0) } }
    return hasher.finish()
  }

  public func insertOutcome(_ outcome: OutcomeRow) throws(StoreError) {
    let number = position.nextNumber
    var hasher = LeafHasher("countersign/1 outcome", number: number)
    hasher.add(outcome.payment)
    hasher.add(outcome.time)
    hasher.add(Int64(outcome.state.rawValue))
    hasher.add(outcome.approvalCode.value)
    hasher.add(Int64(outcome.responseCode.value))
    let leaf = hasher.finish()
    let insert = statements.insertOutcome
    insert.bind(1, outcome.payment)
    insert.bind(2, number)
    insert.bind(3, outcome.time)
    insert.bind(4, Int64(outcome.state.rawValue))
    insert.bind(5, outcome.approvalCode.value)
    insert.bind(6, Int64(outcome.responseCode.value))
    insert.bind(7, leaf.leafPrefix)
    try insert.run(conflict: "payment")
    try days.settle(outcome)
    if number - outcome.payment > Self.outcomeWindow {
      statements.insertLateOutcome.bind(1, number)
      statements.insertLateOutcome.bind(2, outcome.payment)
      try statements.insertLateOutcome.run(conflict: "seq")
    }
    record(leaf, time: outcome.time)
  }

  @discardableResult
  public func insertEvent(_ event: EventRow) throws(StoreError) -> Int64 {
    let number = position.nextNumber
    var hasher = LeafHasher("countersign/1 event", number: number)
    hasher.add(event.kind.rawValue)
    hasher.addOptional(event.payment)
    hasher.addOptional(event.consultant)
    hasher.addOptional(event.company)
    hasher.addOptional(event.session)
    hasher.add(event.time)
    hasher.add(event.text)
    let leaf = hasher.finish()
    let insert = statements.insertEvent
    insert.bind(1, number)
    insert.bind(2, event.kind.rawValue)
    insert.bind(3, event.payment)
    insert.bind(4, event.consultant)
    insert.bind(5, event.company)
    insert.bind(6, event.session)
    insert.bind(7, event.time)
    insert.bind(8, event.text)
    insert.bind(9, leaf.leafPrefix)
    try insert.run(conflict: "seq")
    record(leaf, time: event.time)
    return number
  }

  /// Counts a record whose row, with the number `position.nextNumber`, was written.
  private func record(_ leaf: Bytes32, time: Int64) { position.append(leaf, time: time) }

  // MARK: - Open payments

  public func setUnresolved(_ row: UnresolvedRow) throws(StoreError) {
    let set = statements.setUnresolved
    set.bind(1, row.payment)
    set.bind(2, Int64(row.state.rawValue))
    set.bind(3, row.nextTry)
    set.bind(4, Int64(row.attempts))
    _ = try set.run()
  }

  public func clearUnresolved(payment: Int64) throws(StoreError) {
    statements.clearUnresolved.bind(1, payment)
    _ = try statements.clearUnresolved.run()
  }

  public func openPayments() throws(StoreError) -> [OpenPayment] {
    guard !isHeld else { return [] }
    let unresolved = try database.prepare("SELECT payment, state, next_try, attempts FROM unresolved").all { row in
      UnresolvedRow(
        payment: row.int(0), state: PaymentState(rawValue: UInt8(truncatingIfNeeded: row.int(1))) ?? .unknown,
        nextTry: row.int(2), attempts: UInt32(truncatingIfNeeded: row.int(3)))
    }
    let started = try database.prepare(Statements.startedPayments).all { $0.int(0) }
    let rows = Dictionary(uniqueKeysWithValues: unresolved.map { ($0.payment, $0) })
    var open: [OpenPayment] = []
    for number in Set(started).union(rows.keys).sorted() {
      guard let stored = try payment(number: number) else {
        throw .damaged("\(database.path): unresolved payment \(number) has no row")
      }
      open.append(OpenPayment(stored: stored, unresolved: rows[number]))
    }
    return open
  }

  // MARK: - Reading

  public func recentPayments(_ lookup: PaymentLookup, after number: Int64) throws(StoreError) -> [Int64] {
    lookups.recent(lookup, after: number)
  }

  public func sale(payment number: Int64) throws(StoreError) -> StoredSale? {
    statements.saleByNumber.bind(1, number)
    return try statements.saleByNumber.first { StoredSale(row: $0) }
  }

  public func payment(number: Int64) throws(StoreError) -> StoredPayment? {
    statements.paymentByNumber.bind(1, number)
    return try statements.paymentByNumber.first { StoredPayment(row: $0) }
  }

  public func payment(key: Bytes16, company: Int64) throws(StoreError) -> StoredPayment? {
    statements.paymentByKey.bind(1, key)
    statements.paymentByKey.bind(2, company)
    return try statements.paymentByKey.first { StoredPayment(row: $0) }
  }
}

/// The blobs of one payment, one behind the other, so that they are bound without being copied.
private struct PaymentBlobs: BitwiseCopyable {
  private let key: (UInt64, UInt64)
  private let session: (UInt64, UInt64)
  private let fingerprint: (UInt64, UInt64)
  private let box: InlineArray<47, UInt8>

  init(key: Bytes16, session: Bytes16, card: StoredCard) {
    self.key = (key.high.bigEndian, key.low.bigEndian)
    self.session = (session.high.bigEndian, session.low.bigEndian)
    fingerprint = (card.fingerprint.high.bigEndian, card.fingerprint.low.bigEndian)
    box = card.box
  }
}

/// What a payment is compared with. Trivial.
struct PaymentSession: BitwiseCopyable {
  let identity: Bytes32?
  let macAddress: MACAddress?
  let process: UInt64
  let isLive: Bool
  let company: Int64
  let consultant: Int64

  /// identity, mac, process, ended, company, consultant, and whether one of them is revoked.
  init(row: Statement) {
    identity = row.isNull(0) ? nil : row.bytes32(0)
    macAddress = MACAddress(row.buffer(1))
    process = UInt64(bitPattern: row.int(2))
    isLive = row.isNull(3) && row.int(6) == 0
    company = row.int(4)
    consultant = row.int(5)
  }
}

extension StoredPayment {
  /// Reads the columns of ``Statements/paymentColumns``.
  init(row: Statement) {
    let told = row.isNull(15) ? nil : PaymentState(rawValue: UInt8(truncatingIfNeeded: row.int(15)))
    let onTheWay = row.isNull(18) ? nil : PaymentState(rawValue: UInt8(truncatingIfNeeded: row.int(18)))
    let record = PaymentRecord(
      payment: row.int(0), key: row.bytes16(1), state: onTheWay ?? told ?? .intent, outcome: told?.outcome ?? .pending,
      approvalCode: ApprovalCode(value: UInt64(bitPattern: row.int(16))),
      responseCode: ResponseCode(value: UInt32(truncatingIfNeeded: row.int(17))),
      amount: UInt64(bitPattern: row.int(6)), currency: Currency(stored: UInt32(truncatingIfNeeded: row.int(7))),
      firstSix: UInt32(truncatingIfNeeded: row.int(12)), lastFour: UInt32(truncatingIfNeeded: row.int(13)),
      cardLength: UInt8(truncatingIfNeeded: row.int(14)), time: row.int(5))
    self.init(
      record: record, company: row.int(2), consultant: row.int(3), session: row.bytes16(4),
      instalments: UInt8(truncatingIfNeeded: row.int(8)), expiry: UInt32(truncatingIfNeeded: row.int(11)),
      fingerprint: row.bytes16(10), reference: row.bytes(9))
  }
}

extension StoredSale {
  /// Reads key, company, fingerprint, expiry, key_version, first6, last4, card_length, card, original.
  init(row: Statement) {
    var box = InlineArray<47, UInt8>(repeating: 0)
    let bytes = row.buffer(8)
    for index in 0..<min(bytes.count, 47) { box[index] = bytes[index] }
    self.init(
      original: row.isNull(9) ? nil : OriginalElements(stored: row.buffer(9)),
      card: StoredCard(
        fingerprint: row.bytes16(2), expiry: UInt32(truncatingIfNeeded: row.int(3)),
        keyVersion: UInt32(truncatingIfNeeded: row.int(4)), box: box, firstSix: UInt32(truncatingIfNeeded: row.int(5)),
        lastFour: UInt32(truncatingIfNeeded: row.int(6)), length: UInt8(truncatingIfNeeded: row.int(7))),
      key: row.bytes16(0), company: row.int(1))
  }
}
