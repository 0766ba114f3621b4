import Bytes

/// Whether a request under a key that exists is the same payment again.
///
/// Compared: company, consultant, amount, currency, instalments, order reference, expiry and card fingerprint. Not
/// compared: password digits, security code, payer's identification, session and sequence, so that a repeat with
/// corrected authentication data gets the first outcome too. Source: docs/payments.md, "Idempotency".
public enum Idempotency {
  /// - Parameter reference: the repeat's order reference, UTF-8.
  public static func isSame(
    _ stored: StoredPayment, _ repeated: Intent, reference: UnsafeRawBufferPointer
  ) -> Bool {
    stored.company == repeated.company && stored.consultant == repeated.consultant
      && stored.record.amount == repeated.amount && stored.record.currency == repeated.currency
      && stored.instalments == repeated.instalments && stored.expiry == repeated.card.expiry
      && stored.fingerprint == repeated.card.fingerprint && stored.reference.elementsEqual(reference)
  }
}

/// The time part of a payment's key.
public enum KeyTime {
  /// Milliseconds since 1970-01-01T00:00:00Z in a version 7 UUID (RFC 9562 section 5.7), or nil for any other.
  @inlinable
  public static func milliseconds(of key: Bytes16) -> Int64? {
    guard key.high >> 12 & 0xF == 7, key.low >> 62 == 0b10 else { return nil }
    return Int64(key.high >> 16)
  }

  /// Whether `key` is a version 7 UUID with a time at most 24 hours behind and 5 minutes ahead.
  ///
  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z, not negative.
  @inlinable
  public static func isNear(_ key: Bytes16, now: Int64) -> Bool {
    guard let time = milliseconds(of: key) else { return false }
    return (-Limits.keyBehindMilliseconds...Limits.keyAheadMilliseconds).contains(time - now)
  }

  /// What is wrong with a key that is not near: both times, for whoever has to find out which clock is wrong.
  public static func fault(of key: Bytes16, now: Int64) -> String {
    guard let time = milliseconds(of: key) else { return "must be a version 7 UUID (RFC 9562)" }
    let (own, service) = (RFC3339.text(seconds: time / 1_000), RFC3339.text(seconds: now / 1_000))
    return time < now
      ? "is of \(own), more than 24 hours behind the service's clock, \(service)"
      : "is of \(own), more than 5 minutes ahead of the service's clock, \(service); make keys by the service's time, "
        + "and log in again if its clock was set back"
  }
}
