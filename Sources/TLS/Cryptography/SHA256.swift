import Bytes
import COpenSSL

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
  public static func digest(_ bytes: UnsafeRawBufferPointer) -> Bytes32 {
    var hasher = SHA256Hasher()
    hasher.update(bytes)
    return hasher.finish()
  }

  public static func digest(_ bytes: [UInt8]) -> Bytes32 { bytes.withUnsafeBytes { digest($0) } }
}

/// SHA-256 over several pieces; a value without reference or allocation, for the payment path.
public struct SHA256Hasher {
  private var context = SHA256_CTX()

  public init() { SHA256_Init(&context) }

  @inline(__always)
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    SHA256_Update(&context, bytes.baseAddress, bytes.count)
  }

  /// Gives the digest; the hasher must not be used again.
  public mutating func finish() -> Bytes32 {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
      SHA256_Final(digest.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
      guard let value = Bytes32(UnsafeRawBufferPointer(digest)) else { preconditionFailure("a digest has 32 bytes") }
      return value
    }
  }
}

/// Compares secrets in time that depends on their length alone.
public func constantTimeEquals(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Bool {
  first.count == second.count && CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
}

/// Bytes from OpenSSL's random generator. A generator that fails is the end of the process: nothing may go on with
/// predictable keys.
public func randomBytes(_ count: Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "the random generator failed")
    filled = count
  }
}
