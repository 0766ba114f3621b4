import Payments

/// What a card number makes the simulator do; the table stands in docs/simulator.md.
enum TestCard: Sendable, Equatable {
  /// Charged, and answered at once.
  case approves
  case declines(ResponseCode)
  /// No byte is sent.
  case isNotSent
  /// Lost on the way there: never charged, never answered.
  case losesSale
  /// Charged, but the answer is lost on the way back; the inquiry tells it.
  case losesApproval
  case approvesLate(milliseconds: Int64)
  /// Like ``losesApproval``, and the inquiry tells nothing: a reversal must follow.
  case losesInquiry
  /// Like ``losesInquiry``, and the first reversal is lost too.
  case losesFirstReversal
  /// Like ``losesInquiry``, and reversals are refused.
  case refusesReversal
  /// The first reversal overtakes the sale: it finds nothing, and then the sale is charged and approved.
  case isOvertaken

  /// The four digits before the check digit of 16-digit numbers that begin with 400000 decide.
  init(_ secrets: CardSecrets) {
    guard secrets.panLength == 16, Self.number(secrets, 0..<6) == 400_000 else {
      self = .approves
      return
    }
    switch Self.number(secrets, 11..<15) {
    case let code where (1...99).contains(code): self = .declines(Self.responseCode(code))
    case 900: self = .isNotSent
    case 901: self = .losesSale
    case 902: self = .losesApproval
    case 903: self = .approvesLate(milliseconds: 500)
    case 904: self = .losesInquiry
    case 905: self = .losesFirstReversal
    case 906: self = .refusesReversal
    case 907: self = .isOvertaken
    default: self = .approves
    }
  }

  /// Whether the card is charged when the sale arrives.
  var charges: Bool {
    switch self {
    case .approves, .losesApproval, .approvesLate, .losesInquiry, .losesFirstReversal, .refusesReversal: true
    case .declines, .isNotSent, .losesSale, .isOvertaken: false
    }
  }

  /// Whether an inquiry is answered with what happened.
  var answersInquiry: Bool {
    switch self {
    case .losesInquiry, .losesFirstReversal, .refusesReversal, .isOvertaken: false
    case .approves, .declines, .isNotSent, .losesSale, .losesApproval, .approvesLate: true
    }
  }

  private static func number(_ secrets: CardSecrets, _ range: Range<Int>) -> Int {
    range.reduce(0) { $0 * 10 + Int(secrets.pan[$1] & 15) }
  }

  private static func responseCode(_ code: Int) -> ResponseCode {
    ResponseCode(value: UInt32(0x30 + code / 10) << 8 | UInt32(0x30 + code % 10))
  }
}
