/// The party that charges cards, as the writer sees it.
///
/// The writer's thread calls ``begin(_:answered:)`` after the operations are durable. It must not block: what is known
/// at once is returned, the rest comes later through the sink given to ``start(_:)``, from any thread.
public protocol Acquirer: AnyObject, Sendable {
  /// Called once, before anything else.
  func start(_ sink: any AcquirerSink)

  /// Hands over operations. `answered` is appended to, one entry for each operation whose answer is known at once.
  ///
  /// - Parameter operations: durable already, in the order of their records.
  func begin(_ operations: borrowing [AcquirerOperation], answered: inout [AcquirerAnswer])

  /// Whether an inquiry (what became of this sale?) is possible; otherwise a reversal follows at once.
  var canInquire: Bool { get }

  /// Longest time in milliseconds after which a sale without answer counts as unknown.
  var answerTimeoutMilliseconds: Int64 { get }
}

/// Takes answers that come late. Safe from any thread, never blocks.
public protocol AcquirerSink: Sendable {
  func answer(_ answer: AcquirerAnswer)
}

/// One thing to ask the acquirer. Trivial; `secrets` are there for a sale only.
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

  public init(
    kind: Kind, payment: Int64, amount: UInt64, currency: Currency, instalments: UInt8, secrets: CardSecrets
  ) {
    self.kind = kind
    self.payment = payment
    self.amount = amount
    self.currency = currency
    self.instalments = instalments
    self.secrets = secrets
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
