import Bytes
import CountersignRPC

/// A payment whose seals were opened: what its answer needs.
struct OpenedPayment: Sendable {
  let session: LiveSession
  let key: Bytes16
  let sequence: UInt64
  /// SHA-256 of the serialized order.
  let digest: Bytes32
}

/// Payments of one event loop that wait for the writer. Slots are used again; a generation guards each use.
struct OpenPayments {
  /// Most payments that one event loop keeps open: about 12 MiB, half a second of work.
  static let largestCount = 65_536

  struct Token {
    let slot: UInt32
    let generation: UInt64
  }
  struct Payment {
    let call: InLoopCall
    let opened: OpenedPayment
  }
  private struct Slot {
    var generation: UInt64
    var payment: Payment?
    /// Whether the writer was told already that the deadline passed.
    var isOverdue: Bool
  }

  private var slots: [Slot] = []
  private var free: [UInt32] = []

  var count: Int { slots.count - free.count }

  /// - Returns: nil where too many are open.
  mutating func insert(_ call: InLoopCall, _ opened: OpenedPayment) -> Token? {
    let payment = Payment(call: call, opened: opened)
    if let slot = free.popLast() {
      let generation = slots[Int(slot)].generation &+ 1
      slots[Int(slot)] = Slot(generation: generation, payment: payment, isOverdue: false)
      return Token(slot: slot, generation: generation)
    }
    guard slots.count < Self.largestCount else { return nil }
    slots.append(Slot(generation: 0, payment: payment, isOverdue: false))
    return Token(slot: UInt32(slots.count - 1), generation: 0)
  }

  /// Takes a payment out; nil where it was answered already.
  mutating func remove(slot: UInt32, generation: UInt64) -> Payment? {
    guard Int(slot) < slots.count, slots[Int(slot)].generation == generation,
      let payment = slots[Int(slot)].payment
    else { return nil }
    slots[Int(slot)].payment = nil
    free.append(slot)
    return payment
  }

  /// Names each payment whose caller's deadline passed, once.
  ///
  /// - Parameter now: monotonic nanoseconds.
  mutating func overdue(now: UInt64, _ body: (Token, _ key: Bytes16, _ company: Int64) -> Void) {
    guard free.count < slots.count else { return }
    for index in slots.indices {
      guard !slots[index].isOverdue, let payment = slots[index].payment, payment.call.deadline <= now else { continue }
      slots[index].isOverdue = true
      body(
        Token(slot: UInt32(index), generation: slots[index].generation), payment.opened.key,
        payment.opened.session.company)
    }
  }
}
