/// Why a company's policy does not let a login or payment through.
public enum PolicyRefusal: Sendable, BitwiseCopyable, Equatable {
  case gatewayRequired
  case sourceRefused
  case outsideHours
  case currencyRefused
  /// The most that one payment may be, minor units.
  case amountOverLimit(most: UInt64)
  /// The most that a day's payments may come to, minor units.
  case dayLimitReached(most: UInt64)

  /// The stable reason of `proto/PROTOCOL.md`, the same from the gateway and from the service.
  public var reason: String {
    switch self {
    case .gatewayRequired: "GATEWAY_REQUIRED"
    case .sourceRefused: "SOURCE_REFUSED"
    case .outsideHours: "OUTSIDE_HOURS"
    case .currencyRefused: "CURRENCY_REFUSED"
    case .amountOverLimit: "AMOUNT_OVER_LIMIT"
    case .dayLimitReached: "DAY_LIMIT_REACHED"
    }
  }

  /// What the peer is told.
  public var text: String {
    switch self {
    case .gatewayRequired: "the company's consultants work through its gateway only"
    case .sourceRefused: "the company does not allow direct sessions from this address"
    case .outsideHours: "the company is closed now; nothing was charged"
    case .currencyRefused: "the company does not charge in this currency; nothing was charged"
    case .amountOverLimit: "the amount is over the company's limit for one payment; nothing was charged"
    case .dayLimitReached: "the amount is over what is left of the company's limit for today; nothing was charged"
    }
  }

  /// Field of the payment that the policy does not allow, and what it says of it; nil where it is not one of its fields.
  public var violation: (field: String, description: String)? {
    switch self {
    case .currencyRefused: ("order.currency", "is none of the company's currencies")
    case .amountOverLimit(let most): ("order.amount", "must be at most \(most) in minor units")
    case .dayLimitReached(let most):
      ("order.amount", "must with the day's other payments come to at most \(most) in minor units")
    case .gatewayRequired, .sourceRefused, .outsideHours: nil
    }
  }
}

/// What a company's payments of one day in one currency may come to. Trivial.
public struct DayLimit: Sendable, BitwiseCopyable, Equatable {
  /// Days since 1970-01-01 by the company's clocks.
  public var day: Int32
  /// Minor units.
  public var most: Int64

  public init(day: Int32, most: Int64) {
    self.day = day
    self.most = most
  }
}
