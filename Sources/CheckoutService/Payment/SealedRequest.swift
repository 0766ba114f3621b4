import CMessages
import Glibc
import NIOCore
import Payments
import Seals

/// The three parts of a SubmitPaymentRequest. The pointers are valid only as long as the message.
struct SealedParts {
  /// The serialized order exactly as received.
  let order: UnsafeRawBufferPointer
  let keyword: UnsafeRawBufferPointer
  let payment: UnsafeRawBufferPointer

  init(_ message: Countersign__V1__SubmitPaymentRequest) {
    order = message.order.buffer
    keyword = message.keyword.buffer
    payment = message.payment.buffer
  }

  /// Bytes of the sealed card data, 0 where the box is too short or too long to be opened.
  var cardCount: Int {
    payment.count >= SealSize.tag && payment.count <= SealSize.largestPayment ? payment.count - SealSize.tag : 0
  }
}

/// Encodes SubmitPaymentReply straight into the connection's output.
enum SubmitReply {
  /// Appends field 1, length-delimited: tag 0x0A, the length as a varint, the body.
  static func append(body: UnsafeRawBufferPointer, to output: inout ByteBuffer) {
    output.writeInteger(UInt8(0x0A))
    var rest = UInt64(body.count)
    while rest >= 0x80 {
      output.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.writeInteger(UInt8(truncatingIfNeeded: rest))
    output.writeBytes(body)
  }
}

extension UncheckedOrder {
  init(_ order: Countersign__V1__PaymentOrder) {
    self.init(
      idempotencyKey: order.idempotency_key.buffer, reference: cString(order.order_reference), amount: order.amount,
      currency: cString(order.currency), instalmentMonths: order.instalment_months,
      notAfterMilliseconds: order.not_after_ms)
  }
}

extension UncheckedCard {
  init(_ card: Countersign__V1__CardData) {
    self.init(
      cardNumber: cString(card.card_number), expiryYear: card.expiry_year, expiryMonth: card.expiry_month,
      passwordDigits: cString(card.password_digits), securityCode: cString(card.security_code),
      payerIdentification: cString(card.payer_identification))
  }
}

/// A decoded string: never NULL, and without NUL inside, as the decoding rules say.
private func cString(_ text: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: text, count: strlen(text))
}

extension ProtobufCBinaryData {
  /// The bytes, valid only as long as the message.
  var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: len) }
}

extension UnsafeRawBufferPointer {
  func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}

extension UnsafeMutableRawBufferPointer {
  /// Zeroes the bytes, in a way that the optimiser keeps.
  func erase() {
    if let baseAddress { explicit_bzero(baseAddress, count) }
  }
}
