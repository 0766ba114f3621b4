import COpenSSL
import NIOCore

/// The ciphertext of one connection on its way in and out; OpenSSL reads and writes it through a BIO, without a buffer
/// of its own in between. Idle connections hold no bytes here.
final class CipherBytes {
  /// Received and not yet taken by OpenSSL.
  private var incoming = ByteBuffer()
  /// Written by OpenSSL and not yet sent.
  private var outgoing = ByteBuffer()

  /// Bytes that OpenSSL has not taken yet.
  var incomingCount: Int { incoming.readableBytes }

  /// Adds what came from the peer.
  func receive(_ bytes: consuming ByteBuffer) {
    if incoming.readableBytes == 0 {
      incoming = bytes
    } else {
      incoming.writeBuffer(&bytes)
    }
  }

  /// Makes room for the records of `plaintext` bytes, so that they are written without growing.
  func reserve(plaintext: Int) {
    let records = plaintext / Session.recordSize + 1
    outgoing.reserveCapacity(minimumWritableBytes: plaintext + records * Self.recordOverhead)
  }

  /// What is to be sent; nil: nothing.
  func takeOutgoing() -> ByteBuffer? {
    guard outgoing.readableBytes > 0 else { return nil }
    defer { outgoing = ByteBuffer() }
    return outgoing
  }

  /// Header, content type and tag of a TLS 1.3 record (RFC 8446 section 5.2).
  private static let recordOverhead = 5 + 1 + 16
}

// MARK: - BIO

extension CipherBytes {
  /// Makes a BIO over these bytes, which must outlive it; nil: no memory.
  func makeBIO() -> OpaquePointer? {
    guard let method = Self.method.pointer, let bio = BIO_new(method) else { return nil }
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    BIO_set_init(bio, 1)
    return bio
  }

  /// The table of functions, made once and never freed.
  private struct Method: @unchecked Sendable {
    // Sendable: filled before it is shared and only read from then on.
    let pointer: OpaquePointer?
  }

  private static let method: Method = {
    let pointer = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ByteBuffer")
    BIO_meth_set_read_ex(pointer) { bio, into, count, done in
      guard let bio, let into, let owner = CipherBytes.owner(of: bio) else { return 0 }
      let taken = owner.take(UnsafeMutableRawBufferPointer(start: into, count: count))
      done?.pointee = taken
      if taken == 0 { countersign_bio_set_retry_read(bio) } else { countersign_bio_clear_retry(bio) }
      return taken > 0 ? 1 : 0
    }
    BIO_meth_set_write_ex(pointer) { bio, from, count, done in
      guard let bio, let from, let owner = CipherBytes.owner(of: bio) else { return 0 }
      countersign_bio_clear_retry(bio)
      owner.outgoing.writeBytes(UnsafeRawBufferPointer(start: from, count: count))
      done?.pointee = count
      return 1
    }
    BIO_meth_set_ctrl(pointer) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return Method(pointer: pointer)
  }()

  private static func owner(of bio: OpaquePointer) -> CipherBytes? {
    BIO_get_data(bio).map { Unmanaged<CipherBytes>.fromOpaque($0).takeUnretainedValue() }
  }

  private func take(_ into: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(into.count, incoming.readableBytes)
    guard count > 0 else { return 0 }
    incoming.readWithUnsafeReadableBytes { bytes in
      into.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      return count
    }
    if incoming.readableBytes == 0 { incoming = ByteBuffer() }
    return count
  }
}
