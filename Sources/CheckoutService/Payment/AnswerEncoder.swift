import Bytes
import CMessages
import Payments

/// Encodes `countersign.v1.PaymentAnswer` with libprotobuf-c into one buffer that is used again and again.
struct AnswerEncoder {
  /// The encoded answer.
  private(set) var bytes: [UInt8] = []

  /// Encodes what became of a payment.
  ///
  /// - Parameters:
  ///   - reference: the order reference, UTF-8 without NUL.
  ///   - operated: what refunds and voids made of it; told as its state.
  mutating func told(_ record: PaymentRecord, reference: UnsafeRawBufferPointer, operated: OperatedState? = nil) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128 + reference.count) { room in
      var texts = TextArea(room: room)
      var result = Countersign__V1__PaymentResult()
      countersign__v1__payment_result__init(&result)
      result.payment = UInt64(bitPattern: record.payment)
      result.outcome = Countersign__V1__Outcome(rawValue: UInt32(record.outcome.rawValue))
      result.state = Countersign__V1__PaymentState(rawValue: UInt32(operated?.rawValue ?? record.state.rawValue))
      result.approval_code = texts.append(ascii: record.approvalCode.value, of: 8)
      result.response_code = texts.append(ascii: UInt64(record.responseCode.value), of: 3)
      result.amount = record.amount
      result.currency = texts.append(ascii: UInt64(record.currency.value), of: 3)
      result.order_reference = texts.append(reference)
      result.masked_card = texts.append(
        masked: record.firstSix, lastFour: record.lastFour, length: Int(record.cardLength))
      result.time_ms = UInt64(bitPattern: record.time)
      withUnsafeMutablePointer(to: &result) { result in
        pack(record.key) { answer in
          answer.answer_case = COUNTERSIGN__V1__PAYMENT_ANSWER__ANSWER_RESULT
          answer.result = result
        }
      }
    }
  }

  /// Encodes why nothing is told.
  mutating func refused(_ refusal: ServiceRefusal, key: Bytes16) {
    let field = refusal.field ?? ""
    let text = refusal.description.map { "\(refusal.reason.text): \(field) \($0)" } ?? refusal.reason.text
    let room = refusal.reason.rawValue.utf8.count + text.utf8.count + field.utf8.count + 3
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { room in
      var texts = TextArea(room: room)
      var message = Countersign__V1__Refusal()
      countersign__v1__refusal__init(&message)
      message.code = refusal.reason.code.rawValue
      message.reason = texts.append(refusal.reason.rawValue)
      message.text = texts.append(text)
      message.field = texts.append(field)
      message.retry_after_ms = refusal.retryAfterMilliseconds ?? refusal.reason.retryAfterMilliseconds ?? 0
      withUnsafeMutablePointer(to: &message) { message in
        pack(key) { answer in
          answer.answer_case = COUNTERSIGN__V1__PAYMENT_ANSWER__ANSWER_REFUSAL
          answer.refusal = message
        }
      }
    }
  }

  private mutating func pack(_ key: Bytes16, _ fill: (inout Countersign__V1__PaymentAnswer) -> Void) {
    var answer = Countersign__V1__PaymentAnswer()
    countersign__v1__payment_answer__init(&answer)
    fill(&answer)
    key.withUnsafeBytes { key in
      answer.idempotency_key.len = key.count
      answer.idempotency_key.data = UnsafeMutablePointer(
        mutating: key.baseAddress?.assumingMemoryBound(to: UInt8.self))
      let count = countersign__v1__payment_answer__get_packed_size(&answer)
      bytes.removeAll(keepingCapacity: true)
      bytes.append(contentsOf: repeatElement(0, count: count))
      bytes.withUnsafeMutableBufferPointer { _ = countersign__v1__payment_answer__pack(&answer, $0.baseAddress) }
    }
  }
}

/// C strings, one behind the other, in a given piece of memory that must be large enough.
private struct TextArea {
  let room: UnsafeMutableBufferPointer<CChar>
  private var end = 0

  init(room: UnsafeMutableBufferPointer<CChar>) { self.room = room }

  mutating func append(_ text: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar>? {
    let start = end
    for byte in text { put(byte) }
    return finish(start)
  }

  mutating func append(_ text: String) -> UnsafeMutablePointer<CChar>? {
    let start = end
    for byte in text.utf8 { put(byte) }
    return finish(start)
  }

  /// Characters that stand in a number, first most significant; zero bytes are left out.
  mutating func append(ascii value: UInt64, of count: UInt64) -> UnsafeMutablePointer<CChar>? {
    let start = end
    for index in (0..<count).reversed() {
      let byte = UInt8(truncatingIfNeeded: value >> (8 * index))
      if byte != 0 { put(byte) }
    }
    return finish(start)
  }

  /// First six and last four digits with asterisks between. PCI DSS 3.4.1.
  mutating func append(masked firstSix: UInt32, lastFour: UInt32, length: Int) -> UnsafeMutablePointer<CChar>? {
    let start = end
    for divisor: UInt32 in [100_000, 10_000, 1_000, 100, 10, 1] { putDigit(firstSix / divisor) }
    for _ in 0..<max(0, length - 10) { put(UInt8(ascii: "*")) }
    for divisor: UInt32 in [1_000, 100, 10, 1] { putDigit(lastFour / divisor) }
    return finish(start)
  }

  private mutating func putDigit(_ value: UInt32) { put(UInt8(ascii: "0") + UInt8(value % 10)) }

  private mutating func put(_ byte: UInt8) {
    room[end] = CChar(bitPattern: byte)
    end += 1
  }

  private mutating func finish(_ start: Int) -> UnsafeMutablePointer<CChar>? {
    put(0)
    return room.baseAddress?.advanced(by: start)
  }
}
