import Bytes
import Cryptography

/// Challenges that cost the server no memory until they are used.
///
/// ```
/// 0        8             16                32
/// | time   | random      | authenticator   |
/// ```
/// Time is the monotonic clock in milliseconds, big-endian; the authenticator is the first half of HMAC-SHA256 over
/// the first 16 bytes under a key of this process. That a challenge is used once is the session table's UNIQUE column.
///
/// Source: docs/security.md, "Login", step 1.
struct Challenges: Sendable {
  /// Milliseconds for which a challenge is good.
  static let lifetime: Int64 = 60_000

  private let key = SecretBytes(copying: randomBytes(32))

  func make(now: Int64) -> Bytes32 {
    let random = Bytes16(randomBytes(16))
    let head = Bytes16(high: UInt64(bitPattern: now), low: random?.low ?? 0)
    return Bytes32(first: head, second: authenticator(head))
  }

  /// Whether `challenge` is ours and not too old.
  func isGood(_ challenge: Bytes32, now: Int64) -> Bool {
    let expected = authenticator(challenge.first)
    let same = expected.withUnsafeBytes { expected in
      challenge.second.withUnsafeBytes { constantTimeEquals(expected, $0) }
    }
    let age = now.subtractingReportingOverflow(Int64(bitPattern: challenge.first.high))
    return same && !age.overflow && age.partialValue >= 0 && age.partialValue <= Self.lifetime
  }

  private func authenticator(_ head: Bytes16) -> Bytes16 {
    HMACSHA256.authenticate(Array("countersign/1 challenge".utf8) + head.bytes, key: key).first
  }
}
