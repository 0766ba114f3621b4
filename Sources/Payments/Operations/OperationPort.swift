/// A refund or void to send. Trivial; `secrets` hold PAN and expiry where the acquirer names sales, else nothing.
public struct OutgoingOperation: Sendable, BitwiseCopyable {
  public var id: Int64
  public var kind: OperationKind
  public var payment: Int64
  /// Minor units.
  public var amount: UInt64
  public var currency: Currency
  public var secrets: CardSecrets
  /// What names it, and what names the sale, where the acquirer names them.
  public var original: OriginalElements?
  public var sale: OriginalElements?
  /// It was sent before.
  public var isRepeat: Bool

  public init(
    id: Int64, kind: OperationKind, payment: Int64, amount: UInt64, currency: Currency, secrets: CardSecrets,
    original: OriginalElements?, sale: OriginalElements?, isRepeat: Bool
  ) {
    self.id = id
    self.kind = kind
    self.payment = payment
    self.amount = amount
    self.currency = currency
    self.secrets = secrets
    self.original = original
    self.sale = sale
    self.isRepeat = isRepeat
  }
}

/// The acquirer's answer to a refund or void. Trivial.
public struct OperationAnswer: Sendable, BitwiseCopyable, Equatable {
  public enum Result: UInt8, Sendable, BitwiseCopyable {
    case done
    case refused
    /// No byte was sent.
    case notSent
    /// Handed over and lost.
    case unknown
  }
  public var id: Int64
  public var result: Result
  public var responseCode: ResponseCode

  public init(id: Int64, result: Result, responseCode: ResponseCode = .none) {
    self.id = id
    self.result = result
    self.responseCode = responseCode
  }
}

extension OperationEvent {
  public init(_ answer: OperationAnswer) {
    self =
      switch answer.result {
      case .done: .done
      case .refused: .refused
      case .notSent: .notSent
      case .unknown: .lost
      }
  }
}

extension Acquirer {
  public var operations: Set<OperationKind> { [] }
  public func nameOperation(_ kind: OperationKind, of sale: OriginalElements?, at time: Int64) -> OriginalElements? {
    nil
  }
  public func expect(_ operation: OutgoingOperation) {}
  public func businessDay(at time: Int64) -> Int64 { time / 86_400_000 }
}
