/// Sixteen bytes in the order in which they travel: a session id, an idempotency key, a card fingerprint.
///
/// Trivial on purpose: it is copied through the payment path without reference counting.
public struct Bytes16: Hashable, Sendable, BitwiseCopyable {
  /// Bytes 0 to 7, big-endian.
  public var high: UInt64
  /// Bytes 8 to 15, big-endian.
  public var low: UInt64

  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// - Returns: nil where `bytes` is not exactly 16 bytes long.
  @inlinable
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 16 else { return nil }
    high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  /// - Returns: nil where `bytes` is not exactly 16 bytes long.
  @inlinable
  public init?(_ bytes: [UInt8]) {
    guard let value = bytes.withUnsafeBytes({ Bytes16($0) }) else { return nil }
    self = value
  }

  /// Gives the bytes in the order in which they travel.
  @inlinable
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let ordered = (high.bigEndian, low.bigEndian)
    return try Swift.withUnsafeBytes(of: ordered, body)
  }

  /// The bytes in the order in which they travel.
  public var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

/// Thirty-two bytes in the order in which they travel: a SHA-256 digest, a challenge.
///
/// `==` is not constant in time; secrets are compared by `Cryptography.constantTimeEquals`.
public struct Bytes32: Hashable, Sendable, BitwiseCopyable {
  /// Bytes 0 to 15.
  public var first: Bytes16
  /// Bytes 16 to 31.
  public var second: Bytes16

  @inlinable
  public init(first: Bytes16, second: Bytes16) {
    self.first = first
    self.second = second
  }

  /// All bytes zero.
  @inlinable
  public static var zero: Bytes32 {
    Bytes32(first: Bytes16(high: 0, low: 0), second: Bytes16(high: 0, low: 0))
  }

  /// - Returns: nil where `bytes` is not exactly 32 bytes long.
  @inlinable
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 32,
      let first = Bytes16(UnsafeRawBufferPointer(rebasing: bytes[0..<16])),
      let second = Bytes16(UnsafeRawBufferPointer(rebasing: bytes[16..<32]))
    else { return nil }
    self.init(first: first, second: second)
  }

  /// - Returns: nil where `bytes` is not exactly 32 bytes long.
  @inlinable
  public init?(_ bytes: [UInt8]) {
    guard let value = bytes.withUnsafeBytes({ Bytes32($0) }) else { return nil }
    self = value
  }

  /// Gives the bytes in the order in which they travel.
  @inlinable
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let ordered = (
      first.high.bigEndian, first.low.bigEndian, second.high.bigEndian, second.low.bigEndian
    )
    return try Swift.withUnsafeBytes(of: ordered, body)
  }

  /// The bytes in the order in which they travel.
  public var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

extension Bytes16: CustomStringConvertible {
  /// 32 hexadecimal digits.
  public var description: String { Hex.encode(bytes) }
}

extension Bytes32: CustomStringConvertible {
  /// 64 hexadecimal digits.
  public var description: String { Hex.encode(bytes) }
}
