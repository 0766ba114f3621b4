import Bytes

/// HMAC-SHA256 (RFC 2104).
public enum HMACSHA256 {
  public static func authenticate(_ message: [UInt8], key: SecretBytes) -> Bytes32 {
    message.withUnsafeBytes { authenticate($0, key: key) }
  }

  public static func authenticate(_ message: UnsafeRawBufferPointer, key: SecretBytes) -> Bytes32 {
    HMACSHA256Key(key).authenticate(message)
  }
}

/// One HMAC-SHA256 key: both hashes' states behind the padded key, so that a message costs its own blocks and one more.
/// Nothing is allocated per message (OpenSSL's `EVP_MAC` copies three contexts for each).
public final class HMACSHA256Key {
  /// Bytes that SHA-256 takes at once.
  private static let block = 64

  private var inner = SHA256Hasher()
  private var outer = SHA256Hasher()

  /// - Parameter key: of any length; one over 64 bytes stands for its digest.
  public init(_ key: SecretBytes) {
    key.withUnsafeBytes { key in
      guard key.count > Self.block else { return start(key) }
      SHA256.digest(key).withUnsafeBytes { start($0) }
    }
  }

  deinit {
    withUnsafeMutableBytes(of: &inner) { $0.erase() }
    withUnsafeMutableBytes(of: &outer) { $0.erase() }
  }

  private func start(_ key: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(byteCount: Self.block, alignment: 8) { pad in
      defer { pad.erase() }
      for (mask, isInner) in [(UInt8(0x36), true), (0x5C, false)] {
        for index in pad.indices { pad[index] = mask ^ (index < key.count ? key[index] : 0) }
        if isInner { inner.update(UnsafeRawBufferPointer(pad)) } else { outer.update(UnsafeRawBufferPointer(pad)) }
      }
    }
  }

  public func authenticate(_ message: UnsafeRawBufferPointer) -> Bytes32 {
    var hasher = inner
    defer { withUnsafeMutableBytes(of: &hasher) { $0.erase() } }
    hasher.update(message)
    let digest = hasher.finish()
    hasher = outer
    digest.withUnsafeBytes { hasher.update($0) }
    return hasher.finish()
  }
}
