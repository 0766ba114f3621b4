import Bytes
import COpenSSL

/// HKDF with SHA-256 (RFC 5869).
public enum HKDFSHA256 {
  /// Never changed after it was fetched, and OpenSSL lets all threads use it.
  nonisolated(unsafe) private static let algorithm: OpaquePointer = {
    guard let algorithm = EVP_KDF_fetch(nil, "HKDF", nil) else { preconditionFailure("OpenSSL has no HKDF") }
    return algorithm
  }()

  /// Extract and expand.
  ///
  /// - Parameter count: at most 255 * 32 bytes.
  public static func derive(salt: SecretBytes, ikm: SecretBytes, info: [UInt8], count: Int) -> SecretBytes {
    run(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, key: ikm, salt: salt, info: info, count: count)
  }

  /// RFC 5869 section 2.2.
  public static func extract(salt: SecretBytes, ikm: SecretBytes) -> SecretBytes {
    HMACSHA256Key(salt).authenticate(ikm).withUnsafeBytes { SecretBytes(copying: $0) }
  }

  /// RFC 5869 section 2.3.
  public static func expand(_ key: SecretBytes, info: [UInt8], count: Int) -> SecretBytes {
    run(EVP_KDF_HKDF_MODE_EXPAND_ONLY, key: key, salt: nil, info: info, count: count)
  }

  private static func run(
    _ mode: Int32, key: SecretBytes, salt: SecretBytes?, info: [UInt8], count: Int
  ) -> SecretBytes {
    guard let context = EVP_KDF_CTX_new(algorithm) else { preconditionFailure("out of memory") }
    defer { EVP_KDF_CTX_free(context) }
    let none = SecretBytes(copying: [])
    return SecretBytes(count: count) { output in
      let done = (salt ?? none).withUnsafeBytes { salt in
        key.withUnsafeBytes { key in
          countersign_hkdf_sha256(
            context, mode, key.baseAddress, key.count, salt.baseAddress, salt.count, info, info.count,
            output.baseAddress?.assumingMemoryBound(to: UInt8.self), output.count)
        }
      }
      precondition(done == 1, "HKDF-SHA256 failed: \(takeErrors())")
    }
  }
}

extension HMACSHA256Key {
  /// Authenticates bytes that are secret themselves.
  func authenticate(_ message: SecretBytes) -> Bytes32 { message.withUnsafeBytes { authenticate($0) } }
}
