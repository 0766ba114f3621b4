import Bytes
import Payments

/// A payment on its way, as the writer remembers it. Trivial.
struct Entry: Sendable, BitwiseCopyable {
  var record: PaymentRecord
  var instalments: UInt8
  /// Order reference, UTF-8, and its length.
  var reference: InlineArray<64, UInt8>
  var referenceCount: UInt8
  /// Whom to tell; others may wait in ``Waiters``.
  var reply: ReplyToken?
  /// Monotonic milliseconds at which the next step is due.
  var due: Int64
  var attempts: UInt32
  /// The recorded outcome's state where there is one: what was told stays.
  var told: PaymentState?
  var notFound = PaymentSituation.NotFound.never

  init(_ intent: borrowing Intent, reference: UnsafeRawBufferPointer, number: Int64, time: Int64, due: Int64) {
    record = PaymentRecord(
      payment: number, key: intent.key, state: .intent, amount: intent.amount, currency: intent.currency,
      firstSix: intent.card.firstSix, lastFour: intent.card.lastFour, cardLength: intent.card.length, time: time)
    instalments = intent.instalments
    (self.reference, referenceCount) = Self.inline(reference)
    reply = intent.reply
    self.due = due
    attempts = 0
  }

  init(_ stored: StoredPayment, due: Int64, attempts: UInt32) {
    record = stored.record
    instalments = stored.instalments
    (reference, referenceCount) = stored.reference.withUnsafeBytes { Self.inline($0) }
    reply = nil
    self.due = due
    self.attempts = attempts
    told = PaymentSituation(stored.record).told
  }

  var situation: PaymentSituation {
    PaymentSituation(state: record.state, told: told, notFound: notFound)
  }

  private static func inline(_ bytes: UnsafeRawBufferPointer) -> (InlineArray<64, UInt8>, UInt8) {
    var inline = InlineArray<64, UInt8>(repeating: 0)
    let count = min(bytes.count, 64)
    for index in 0..<count { inline[index] = bytes[index] }
    return (inline, UInt8(count))
  }
}

/// Everything that the writer remembers between two transactions. Changed only after a commit.
struct OpenPayments {
  /// Handed to the acquirer, no answer yet.
  private(set) var started: [Int64: Entry] = [:]
  /// On the way to an outcome by inquiry or reversal, or left to operators; each has a row in `unresolved`.
  private(set) var resolving: [Int64: Entry] = [:]
  /// More callers that wait for the same payment.
  var waiters: [Int64: [ReplyToken]] = [:]
  var questions: [Int64: [Question]] = [:]
  /// Refunds and voids that are not over, by number.
  var operations: [Int64: OpenOperation] = [:]
  /// Numbers in the order in which they were started; those no longer in ``started`` are dropped at the front.
  private var order: [Int64] = []
  private var front = 0
  private var highest: Int64 = 0
  /// No step of ``resolving`` is due before.
  private var earliestDue: Int64 = .max

  mutating func start(_ entry: Entry) {
    started[entry.record.payment] = entry
    order.append(entry.record.payment)
    highest = entry.record.payment
  }

  func has(_ number: Int64) -> Bool { started[number] != nil || resolving[number] != nil }

  /// Every payment below it has an outcome or a row in `unresolved`.
  ///
  /// - Parameter new: the first payment that the present transaction records, if any.
  mutating func lowWater(new: Int64?, leaving: Set<Int64>) -> Int64 {
    var place = front
    while place < order.count, started[order[place]] == nil || leaving.contains(order[place]) { place += 1 }
    let oldest = place < order.count ? order[place] : new ?? highest + 1
    return min(oldest, new ?? .max)
  }

  /// Drops what is over from the front.
  mutating func tidy() {
    while front < order.count, started[order[front]] == nil { front += 1 }
    guard front > 4_096, front * 2 > order.count else { return }
    order.removeFirst(front)
    front = 0
  }

  /// Payments whose acquirer is silent for too long, oldest first.
  func silent(now: Int64, limit: Int) -> [Int64] {
    var numbers: [Int64] = []
    for number in order[front...] {
      guard let entry = started[number] else { continue }
      guard entry.due <= now, numbers.count < limit else { break }
      numbers.append(number)
    }
    return numbers
  }

  mutating func resolve(_ entry: Entry) {
    started[entry.record.payment] = nil
    resolving[entry.record.payment] = entry
    earliestDue = min(earliestDue, entry.due)
  }

  mutating func settle(_ number: Int64) {
    if started.removeValue(forKey: number) == nil { resolving[number] = nil }
  }

  /// Payments whose next step is due, oldest first.
  mutating func due(now: Int64) -> [Int64] {
    guard earliestDue <= now else { return [] }
    var numbers: [Int64] = []
    earliestDue = .max
    for entry in resolving.values {
      earliestDue = min(earliestDue, entry.due)
      if entry.due <= now { numbers.append(entry.record.payment) }
    }
    return numbers.sorted()
  }

  /// A caller waits no longer.
  mutating func leave(_ reply: ReplyToken, payment number: Int64) {
    if started[number]?.reply == reply { started[number]?.reply = nil }
    if resolving[number]?.reply == reply { resolving[number]?.reply = nil }
    guard var rest = waiters[number] else { return }
    rest.removeAll { $0 == reply }
    waiters[number] = rest.isEmpty ? nil : rest
  }

  /// Monotonic milliseconds at which the next of all these is due; may be too early.
  var nextStep: Int64? {
    var next = earliestDue
    if let oldest = order[front...].lazy.compactMap({ started[$0]?.due }).first { next = min(next, oldest) }
    for operation in operations.values { next = min(next, operation.due) }
    for questions in questions.values { next = questions.reduce(next) { min($0, $1.until) } }
    return next == .max ? nil : next
  }
}
