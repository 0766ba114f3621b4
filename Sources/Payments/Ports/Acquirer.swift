/// The party that charges cards, as the writer sees it.
///
/// The writer's thread calls ``begin(_:answered:)`` after the operations are durable. It must not block: what is known
/// at once is returned, the rest comes later through the sink given to ``start(_:)``, from any thread.
public protocol Acquirer: AnyObject, Sendable {
  /// Called once, before anything else.
  func start(_ sink: any AcquirerSink)

  /// Whether sales are named before they are recorded, and operations after the sale carry name and card.
  var namesSales: Bool { get }

  /// The name of the next sale; recorded with its intent, before ``begin(_:answered:)`` gets it. Never blocks for long.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  /// - Returns: nil where there is none at present; the payment is refused then.
  func nameSale(at time: Int64) -> OriginalElements?

  /// Hands over operations. `answered` is appended to, one entry for each operation whose answer is known at once.
  ///
  /// - Parameter operations: durable already, in the order of their records.
  func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer])

  /// Whether an inquiry (what became of this sale?) is possible; otherwise a reversal follows at once.
  var canInquire: Bool { get }

  /// Which refunds and voids it does.
  var operations: Set<OperationKind> { get }

  /// The name of the next refund or void; recorded before ``begin(_:)`` gets it. As ``nameSale(at:)``.
  ///
  /// - Parameter sale: what names the sale; nil where it has no name.
  func nameOperation(_ kind: OperationKind, of sale: OriginalElements?, at time: Int64) -> OriginalElements?

  /// An answer to this refund or void of a former process may still come; it is not sent again.
  func expect(_ operation: OutgoingOperation)

  /// Hands over a refund or void, which is durable already; its answer comes through the sink. Must not block.
  func begin(_ operation: OutgoingOperation)

  /// A number that changes at the acquirer's cut-off: a sale can be voided until then.
  ///
  /// - Parameter time: milliseconds since 1970-01-01T00:00:00Z.
  func businessDay(at time: Int64) -> Int64

  /// Longest time in milliseconds after which a sale without answer counts as unknown.
  var answerTimeoutMilliseconds: Int64 { get }
}

extension Acquirer {
  public var namesSales: Bool { false }
  public func nameSale(at time: Int64) -> OriginalElements? { nil }
}

/// Takes answers that come late. Safe from any thread, never blocks.
public protocol AcquirerSink: Sendable {
  func answer(_ answer: AcquirerAnswer)
  func answer(_ answer: OperationAnswer)

  /// An answer that belongs to no known payment; for the journal.
  ///
  /// - Parameter text: for people; no card data.
  func unmatched(_ text: String)
}

/// One thing to ask the acquirer. Trivial; `secrets` are all there for a sale; for what follows it only PAN and expiry,
/// where the acquirer names sales, else nothing.
public struct AcquirerOperation: Sendable, BitwiseCopyable {
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    case sale
    case inquiry
    case reversal
  }
  public var kind: Kind
  public var payment: Int64
  public var amount: UInt64
  public var currency: Currency
  public var instalments: UInt8
  public var secrets: CardSecrets
  /// What names the sale, where the acquirer names sales.
  public var original: OriginalElements?
  /// Of a reversal: it was sent before.
  public var isRepeat: Bool

  public init(
    kind: Kind, payment: Int64, amount: UInt64, currency: Currency, instalments: UInt8, secrets: CardSecrets,
    original: OriginalElements? = nil, isRepeat: Bool = false
  ) {
    self.kind = kind
    self.payment = payment
    self.amount = amount
    self.currency = currency
    self.instalments = instalments
    self.secrets = secrets
    self.original = original
    self.isRepeat = isRepeat
  }
}

/// One answer of the acquirer. Trivial.
public struct AcquirerAnswer: Sendable, BitwiseCopyable, Equatable {
  public enum Result: UInt8, Sendable, BitwiseCopyable {
    /// Sale or inquiry: the card was charged.
    case approved
    /// Sale or inquiry: refused by issuer or acquirer.
    case declined
    /// Sale: no byte was sent.
    case notSent
    /// Sale: handed over and lost. Inquiry: inconclusive.
    case unknown
    /// Inquiry or reversal: the acquirer never saw the sale.
    case notFound
    /// Reversal: done.
    case reversed
    /// Reversal: refused.
    case reversalRefused
    /// Sale or inquiry: another amount than was asked for was approved.
    case otherAmount
  }
  public var kind: AcquirerOperation.Kind
  public var payment: Int64
  public var result: Result
  public var approvalCode: ApprovalCode
  public var responseCode: ResponseCode

  public init(
    kind: AcquirerOperation.Kind, payment: Int64, result: Result, approvalCode: ApprovalCode = .none,
    responseCode: ResponseCode = .none
  ) {
    self.kind = kind
    self.payment = payment
    self.result = result
    self.approvalCode = approvalCode
    self.responseCode = responseCode
  }
}
