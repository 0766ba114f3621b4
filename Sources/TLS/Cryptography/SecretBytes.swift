import COpenSSL

/// Bytes that must not leak: in OpenSSL's secure heap (locked, kept out of core dumps, between guard pages), zeroed
/// when the last reference goes, never printed, not `Codable`.
///
/// Immutable after `init`, which is why it may be shared between threads.
public final class SecretBytes: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer
  /// Whether the bytes lie in the secure heap; not so where it is used up, and then they are only zeroed.
  public let isSecure: Bool

  public var count: Int { memory.count }

  /// - Parameter filling: writes the bytes; they are zero before.
  public init(count: Int, filling: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
    // OpenSSL gives no memory for no bytes.
    let size = max(count, 1)
    let secure = SecureHeap.isReady ? countersign_secure_zalloc(size) : nil
    isSecure = secure != nil
    guard let start = secure ?? countersign_zalloc(size) else { preconditionFailure("out of memory") }
    memory = UnsafeMutableRawBufferPointer(start: start, count: count)
    try filling(memory)
  }

  public convenience init(copying bytes: UnsafeRawBufferPointer) {
    self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
  }

  public convenience init(copying bytes: [UInt8]) {
    self.init(count: bytes.count) { memory in bytes.withUnsafeBytes { memory.copyMemory(from: $0) } }
  }

  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try body(UnsafeRawBufferPointer(memory))
  }

  // Runs after a filling that threw, too.
  deinit {
    if isSecure {
      countersign_secure_clear_free(memory.baseAddress, memory.count)
    } else {
      countersign_clear_free(memory.baseAddress, memory.count)
    }
  }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "SecretBytes(\(count) bytes, hidden)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// OpenSSL's secure heap, made once for the process.
private enum SecureHeap {
  /// 4 MiB: some 13,000 sessions, half of the usual RLIMIT_MEMLOCK.
  static let isReady = CRYPTO_secure_malloc_init(4 << 20, 32) != 0
}

extension UnsafeMutableRawBufferPointer {
  /// Overwrites with zeros in a way that no optimiser removes.
  public func erase() { OPENSSL_cleanse(baseAddress, count) }
}
