import Payments

/// What one transaction does, gathered while it runs; remembered and told once it is durable. Made to be used again.
struct Round {
  /// Monotonic milliseconds.
  private(set) var now: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z.
  private(set) var wall: Int64
  /// Payments recorded in this transaction.
  var started: [Entry] = []
  /// Payments that go on by other means than the sale's answer.
  var moved: [Entry] = []
  /// Payments that are over.
  var settled: [Int64] = []
  /// Payments that something happened to; a second event waits for the next round.
  var touched: Set<Int64> = []
  var postponed: [AcquirerAnswer] = []
  /// What the acquirer gets after the commit; holds secrets.
  private(set) var operations: [AcquirerOperation] = []
  /// Refunds and voids that the acquirer gets after the commit; hold secrets.
  private(set) var outgoing: [OutgoingOperation] = []
  /// Refunds and voids that something happened to.
  var followUps: [Int64: OpenOperation] = [:]
  /// Callers that repeat a payment which is on its way.
  var joined: [(payment: Int64, reply: ReplyToken)] = []
  private(set) var told: [Told] = []

  /// An answer and the order reference that goes with it.
  struct Told {
    var answer: PaymentAnswer
    var reference: InlineArray<64, UInt8>
    var referenceCount: UInt8
  }

  init(now: Int64, wall: Int64) {
    self.now = now
    self.wall = wall
  }

  /// Begins anew, with the room that there is.
  mutating func restart(now: Int64, wall: Int64) {
    (self.now, self.wall) = (now, wall)
    started.removeAll(keepingCapacity: true)
    moved.removeAll(keepingCapacity: true)
    settled.removeAll(keepingCapacity: true)
    touched.removeAll(keepingCapacity: true)
    postponed.removeAll(keepingCapacity: true)
    eraseSecrets()
    operations.removeAll(keepingCapacity: true)
    outgoing.removeAll()
    followUps.removeAll()
    joined.removeAll(keepingCapacity: true)
    told.removeAll(keepingCapacity: true)
  }

  /// Makes room for all operations at once: storage that grew would leave secrets behind.
  mutating func reserveOperations(_ count: Int) { operations.reserveCapacity(count) }

  mutating func ask(_ operation: AcquirerOperation) { operations.append(operation) }

  mutating func send(_ operation: OutgoingOperation) { outgoing.append(operation) }

  mutating func eraseSecrets() {
    for index in outgoing.indices { outgoing[index].secrets.erase() }
    for index in operations.indices { operations[index].secrets.erase() }
  }

  mutating func refuse(_ reply: ReplyToken, _ refusal: PaymentRefusal) {
    told.append(
      Told(
        answer: PaymentAnswer(reply: reply, verdict: .refused(refusal), record: .none),
        reference: InlineArray(repeating: 0), referenceCount: 0))
  }

  mutating func tell(_ reply: ReplyToken, _ entry: Entry) {
    told.append(
      Told(
        answer: PaymentAnswer(reply: reply, verdict: .told, record: entry.record), reference: entry.reference,
        referenceCount: entry.referenceCount))
  }
}

extension PaymentBatch {
  /// Empties the batch but for refusals of all its intents.
  func refuseAll(_ refusal: PaymentRefusal) {
    let refusals = intents.map { PaymentAnswer(reply: $0.reply, verdict: .refused(refusal), record: .none) }
    erase()
    answers = refusals
  }
}

extension PaymentRecord {
  /// Of no payment; stands in refusals.
  static let none = PaymentRecord(
    payment: 0, key: .init(high: 0, low: 0), state: .notCharged, amount: 0, currency: Currency(stored: 0), firstSix: 0,
    lastFour: 0, cardLength: 0, time: 0)
}
