import Payments

/// What a receipt that was verified says of a payment, up to ``until``.
public struct ReceiptFindings: Sendable, Equatable {
  /// A refund or void that was sent to the acquirer, as its last record has it.
  public struct Operation: Sendable, Equatable {
    public var kind: OperationKind
    /// Number of the journal record of its request.
    public var number: Int64
    public var state: OperationState
    /// Minor units of the payment's currency.
    public var amount: UInt64
    /// Number of the record, and its time in milliseconds since 1970-01-01T00:00:00Z.
    public var record: Int64
    public var time: Int64
  }

  public var number: Int64
  public var payment: JournalRecord.PaymentFields
  /// Number of its record, and what was told first; nil where there is none.
  public var outcome: (record: Int64, fields: JournalRecord.OutcomeFields)?
  /// Number and state of the last record of its way, where that is newer than its outcome or there is none.
  public var step: (record: Int64, state: PaymentState)?
  public var operations: [Operation] = []
  /// Nothing else of the payment was recorded up to this record, as the service signed.
  public var until: Int64 = 0
  /// Milliseconds since 1970-01-01T00:00:00Z of the head over it.
  public var untilTime: Int64 = 0

  init(number: Int64, payment: JournalRecord.PaymentFields) {
    (self.number, self.payment) = (number, payment)
  }

  /// Minor units that refunds have given back.
  public var refunded: UInt64 { sum(.done) }

  /// Where the payment stands, for example "APPROVED, then refunded 500 of 700".
  public var standing: String {
    let base = step?.state.name ?? outcome?.fields.stateName ?? PaymentState.intent.name
    if let void = operations.last(where: { $0.kind == .void }) {
      return base + (void.state == .done ? ", then voided" : ", a void has no answer")
    }
    var text = base
    if refunded > 0 { text += ", then refunded \(refunded) of \(payment.amount)" }
    let unknown = sum(.sending) + sum(.unknown)
    return unknown > 0 ? text + ", a refund of \(unknown) has no answer" : text
  }

  private func sum(_ state: OperationState) -> UInt64 {
    operations.reduce(0) { $1.kind == .refund && $1.state == state ? $0 &+ $1.amount : $0 }
  }

  public static func == (one: ReceiptFindings, other: ReceiptFindings) -> Bool {
    one.number == other.number && one.until == other.until && one.standing == other.standing
  }
}

extension JournalRecord {
  /// The state that a STATE record names first; nil where this is none.
  public var step: PaymentState? {
    guard case .event(let event) = content, event.kind.elementsEqual("STATE".utf8) else { return nil }
    let name = event.text.prefix { $0 != UInt8(ascii: ",") }
    return PaymentState.allCases.first { name.elementsEqual($0.name.utf8) }
  }

  /// What an OPERATION record says, "KIND NUMBER STATE AMOUNT" and more behind a comma; nil where this is none, or the
  /// record of a request, which has no number.
  public var operation: ReceiptFindings.Operation? {
    guard case .event(let event) = content, event.kind.elementsEqual("OPERATION".utf8) else { return nil }
    let words = String(decoding: event.text.prefix { $0 != UInt8(ascii: ",") }, as: UTF8.self).split(separator: " ")
    guard words.count == 4, let kind = OperationKind.allCases.first(where: { $0.name == words[0] }),
      let number = Int64(words[1]), let state = OperationState.allCases.first(where: { $0.name == words[2] }),
      let amount = UInt64(words[3])
    else { return nil }
    return ReceiptFindings.Operation(
      kind: kind, number: number, state: state, amount: amount, record: self.number, time: event.time)
  }
}
