import Bytes
import Cryptography
import Payments

/// Makes the numbers that lookup runs are sorted by: kind of what is looked up (2 bits; 1 order, 2 card, 3 consultant)
/// and a keyed hash of it (61 bits), in 63 bits of a positive number.
///
/// Keyed, so that nobody who chooses order references can choose their hashes too: HMAC-SHA256 of the reference, or of
/// the consultant's number as 8 bytes, big-endian. A card's fingerprint is such a code itself, of the whole PAN; its first
/// 61 bits are taken.
final class LookupKey: @unchecked Sendable {
  // Immutable once made: `HMACSHA256Key` copies its state for each message, which is why it may be shared.
  private let key: HMACSHA256Key

  /// - Parameter bytes: 32 random bytes, the same for the ledger's whole life.
  init(_ bytes: [UInt8]) { key = HMACSHA256Key(SecretBytes(copying: bytes)) }

  func hash(order reference: UnsafeRawBufferPointer) -> Int64 { tagged(1, key.authenticate(reference).first.high) }

  func hash(card fingerprint: Bytes16) -> Int64 { tagged(2, fingerprint.high) }

  func hash(consultant: Int64) -> Int64 {
    withUnsafeBytes(of: consultant.bigEndian) { tagged(3, key.authenticate($0).first.high) }
  }

  func hash(_ lookup: PaymentLookup) -> Int64 {
    switch lookup {
    case .order(let reference): reference.withUnsafeBytes { hash(order: $0) }
    case .card(let fingerprint): hash(card: fingerprint)
    case .consultant(let id): hash(consultant: id)
    }
  }

  private func tagged(_ kind: Int64, _ code: UInt64) -> Int64 { kind << 61 | Int64(code >> 3) }
}
