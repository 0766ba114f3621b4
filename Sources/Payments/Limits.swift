/// Limits of the payment domain, together, each with the reason for its value.
///
/// `PaymentsTests/LimitsTests` asserts what they must agree on. Times are milliseconds unless the name says otherwise.
public enum Limits {
  // What one payment may be.

  /// Minor units. ISO 8583 DE4 has twelve digits.
  public static let amount: ClosedRange<UInt64> = 1...999_999_999_999
  /// Bytes of UTF-8. Fits an order number with a prefix; a reference travels in place, without allocation.
  public static let orderReference: ClosedRange<Int> = 1...64
  /// Months; 36 is the longest plan that acquirers offer.
  public static let instalmentMonths: UInt8 = 36
  /// Digits of a PAN (ISO/IEC 7812-1; shorter than 12 is never issued).
  public static let cardNumberDigits: ClosedRange<Int> = 12...19
  /// Four-digit years; the two digits on a card mean this century.
  public static let expiryYears: ClosedRange<UInt32> = 2000...2099

  // How long things hold.

  /// How far ahead `not_after_ms` may lie: a held payment is charged within two minutes or never.
  public static let notAfterAheadMilliseconds: Int64 = 120_000
  /// How far a key's UUID version 7 time may lie behind: beyond it, random-looking keys would slow the key index down.
  public static let keyBehindMilliseconds: Int64 = 24 * 60 * 60 * 1_000
  /// How far a key's time may lie ahead: what a lost ledger charged must not look as if it were made after the
  /// confirmation of the restored one, which nobody reaches so fast.
  public static let keyAheadMilliseconds: Int64 = 5 * 60 * 1_000
  /// Rest of long work on the writer's thread after a step beside payments, in times of what the step took: it has a
  /// sixteenth of the writer's time.
  public static let restBesidePayments = 15
  /// A session ends this long after its last sealed call: a desk that was left.
  public static let sessionIdleMilliseconds: Int64 = 15 * 60 * 1_000
  /// A session ends this long after login: one working day.
  public static let sessionLifetimeMilliseconds: Int64 = 12 * 60 * 60 * 1_000
  /// Sequences remembered for each session: as many as a connection may have open calls.
  public static let replayWindow: Int = 1_024
  /// Longest wait that GetPayment may ask for: below the idle limits of what lies between.
  public static let outcomeWaitMilliseconds: Int64 = 60_000
  /// Calls of GetPayment that may wait in one session: a quarter of the places that a connection has, so that one
  /// consultant leaves room on a gateway's connections.
  public static let outcomeWaitsOfSession = 256

  /// Failed logins after which a subject is locked out (PCI DSS 4.0.1, requirement 8.3.4).
  public static let lockoutFailures: UInt32 = 10
  /// How long a lockout lasts, and how long a failure counts (PCI DSS 4.0.1, requirement 8.3.4).
  public static let lockoutMilliseconds: Int64 = 30 * 60 * 1_000

  // What follows a sale without an answer.

  /// An inquiry that told nothing ends after this time and a reversal follows.
  public static let inquiryMilliseconds: Int64 = 30_000
  /// Wait before the second reversal; each later wait is twice the one before.
  public static let reversalFirstWaitMilliseconds: Int64 = 2_000
  /// A payment that is open for longer is told to operators: three longest waits, so that its reversal was tried and
  /// tried again.
  public static let operatorsToldAfterMilliseconds: Int64 = 15 * 60 * 1_000
  /// A refund or void is confirmed in this time or never: the second administrator sees what the first one saw.
  public static let confirmationMilliseconds: Int64 = 30 * 60 * 1_000
  /// Longest wait between two reversals: an acquirer back from an outage is asked within five minutes.
  public static let reversalLongestWaitMilliseconds: Int64 = 5 * 60 * 1_000
}
