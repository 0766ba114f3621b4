import Bytes

/// What payments are looked up by, besides number and key.
public enum PaymentLookup: Sendable, Equatable {
  /// Order reference, UTF-8; every byte of it.
  case order([UInt8])
  /// Fingerprint of the card.
  case card(Bytes16)
  /// Number of the consultant.
  case consultant(Int64)
}
