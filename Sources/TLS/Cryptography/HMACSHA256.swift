import Bytes
import COpenSSL

/// HMAC-SHA256 (RFC 2104).
public enum HMACSHA256 {
  public static func authenticate(_ message: [UInt8], key: SecretBytes) -> Bytes32 {
    message.withUnsafeBytes { authenticate($0, key: key) }
  }

  public static func authenticate(_ message: UnsafeRawBufferPointer, key: SecretBytes) -> Bytes32 {
    HMACSHA256Key(key).authenticate(message)
  }
}

/// One HMAC-SHA256 key with its prepared context. One thread at a time; nothing is allocated per message.
public final class HMACSHA256Key {
  /// Never changed after it was fetched, and OpenSSL lets all threads use it.
  nonisolated(unsafe) private static let algorithm: OpaquePointer = {
    guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else { preconditionFailure("OpenSSL has no HMAC") }
    return algorithm
  }()

  private let context: OpaquePointer

  public init(_ key: SecretBytes) {
    guard let context = EVP_MAC_CTX_new(Self.algorithm) else { preconditionFailure("out of memory") }
    self.context = context
    let started = key.withUnsafeBytes { countersign_hmac_sha256_init(context, $0.baseAddress, $0.count) }
    precondition(started == 1, "HMAC-SHA256 could not be set up")
  }

  deinit { EVP_MAC_CTX_free(context) }

  public func authenticate(_ message: UnsafeRawBufferPointer) -> Bytes32 {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { code in
      var count = 0
      let done =
        EVP_MAC_init(context, nil, 0, nil) == 1
        && EVP_MAC_update(context, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count) == 1
        && EVP_MAC_final(context, code.baseAddress?.assumingMemoryBound(to: UInt8.self), &count, 32) == 1
      guard done, let value = Bytes32(UnsafeRawBufferPointer(code)) else { preconditionFailure("HMAC-SHA256 failed") }
      return value
    }
  }
}
