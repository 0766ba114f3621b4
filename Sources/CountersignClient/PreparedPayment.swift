import Bytes
import CountersignRPC
import Messages

/// A payment sealed ahead of its sending, for load generators: each may be sent once, in the order of preparation, with
/// no more than 1,000 unanswered.
public struct PreparedPayment: Sendable {
  /// Serialized SubmitPaymentRequest.
  public let request: [UInt8]
  /// Version 7 UUID.
  public let key: Bytes16
  let sequence: UInt64
  let digest: Bytes32
}

extension TerminalSession {
  /// Seals `count` payments of one card, good to be charged for two minutes from now.
  ///
  /// - Parameter keyTime: the time in the key of payment number `index`, milliseconds since 1970-01-01T00:00:00Z; what
  ///   it would be if the payment were made when it is sent, because keys that jump in time slow a ledger down.
  public func prepare(
    _ count: Int, of order: Order, card: CardData, keyTime: (_ index: Int) -> Int64
  ) throws -> [PreparedPayment] {
    try (0..<count).map { index in
      let key = makeKey(at: keyTime(index))
      let sealed = try sealAhead(order, key: key, card: card)
      guard let key = Bytes16(key) else { preconditionFailure("a key has 16 bytes") }
      return PreparedPayment(
        request: sealed.request.encoded(), key: key, sequence: sealed.sequence, digest: sealed.digest)
    }
  }

  /// Opens the serialized reply to a prepared payment.
  ///
  /// - Returns: nil where it is not the service's answer to this payment.
  public func answer(_ reply: [UInt8], to payment: PreparedPayment) -> PaymentAnswer.Answer? {
    guard let reply = try? SubmitPaymentReply(decoding: reply) else { return nil }
    return open(reply, sequence: payment.sequence, digest: payment.digest, key: own(payment.key.bytes))
  }
}
