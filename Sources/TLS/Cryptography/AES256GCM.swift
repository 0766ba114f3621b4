import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) with 12-byte nonces and 16-byte tags under one key.
///
/// One thread at a time. Both contexts are keyed once; a call only sets the nonce and allocates nothing.
public final class AES256GCM {
  public static let tagCount = 16

  /// Never changed after it was fetched, and OpenSSL lets all threads use it.
  nonisolated(unsafe) private static let cipher: OpaquePointer = {
    guard let cipher = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else { preconditionFailure("OpenSSL has no AES-GCM") }
    return cipher
  }()

  private let sealing: OpaquePointer
  private let opening: OpaquePointer

  /// - Parameter key: 32 bytes.
  public init(key: SecretBytes) {
    precondition(key.count == 32, "an AES-256 key has 32 bytes")
    guard let sealing = EVP_CIPHER_CTX_new(), let opening = EVP_CIPHER_CTX_new() else {
      preconditionFailure("out of memory")
    }
    self.sealing = sealing
    self.opening = opening
    let keyed = key.withUnsafeBytes { key in
      let bytes = key.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return EVP_EncryptInit_ex2(sealing, Self.cipher, bytes, nil, nil) == 1
        && EVP_DecryptInit_ex2(opening, Self.cipher, bytes, nil, nil) == 1
    }
    precondition(keyed, "AES-256-GCM could not be keyed")
  }

  deinit {
    EVP_CIPHER_CTX_free(sealing)
    EVP_CIPHER_CTX_free(opening)
  }

  /// Seals `plaintext`. A nonce must never be used twice under one key.
  ///
  /// - Parameters:
  ///   - nonce: 12 bytes.
  ///   - output: `plaintext.count` + 16 bytes: ciphertext, then tag.
  public func seal(
    nonce: UnsafeRawBufferPointer, aad: UnsafeRawBufferPointer, plaintext: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) {
    precondition(nonce.count == 12 && output.count == plaintext.count + Self.tagCount, "seal: wrong lengths")
    let out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var written: Int32 = 0
    let done =
      EVP_EncryptInit_ex2(sealing, nil, nil, bytes(nonce), nil) == 1
      && EVP_EncryptUpdate(sealing, nil, &written, bytes(aad), Int32(aad.count)) == 1
      && EVP_EncryptUpdate(sealing, out, &written, bytes(plaintext), Int32(plaintext.count)) == 1
      && EVP_EncryptFinal_ex(sealing, out, &written) == 1
      && EVP_CIPHER_CTX_ctrl(
        sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), out?.advanced(by: plaintext.count)) == 1
    precondition(done, "AES-256-GCM failed to seal")
  }

  /// Opens `box`.
  ///
  /// - Parameters:
  ///   - nonce: 12 bytes.
  ///   - box: ciphertext, then tag.
  ///   - output: 16 bytes shorter than `box`; zeroed where the tag does not match.
  /// - Returns: false where the tag does not match.
  public func open(
    nonce: UnsafeRawBufferPointer, aad: UnsafeRawBufferPointer, box: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Bool {
    precondition(nonce.count == 12 && box.count == output.count + Self.tagCount, "open: wrong lengths")
    let out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let tag = UnsafeMutableRawPointer(mutating: box.baseAddress?.advanced(by: output.count))
    var written: Int32 = 0
    // The final call needs somewhere to point to even where nothing is written.
    var nothing: UInt8 = 0
    let done =
      EVP_DecryptInit_ex2(opening, nil, nil, bytes(nonce), nil) == 1
      && EVP_DecryptUpdate(opening, nil, &written, bytes(aad), Int32(aad.count)) == 1
      && EVP_DecryptUpdate(
        opening, out ?? withUnsafeMutablePointer(to: &nothing) { $0 }, &written, bytes(box), Int32(output.count)) == 1
      && EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagCount), tag) == 1
      && EVP_DecryptFinal_ex(opening, &nothing, &written) == 1
    if !done {
      output.erase()
      ERR_clear_error()
    }
    return done
  }

  private func bytes(_ buffer: UnsafeRawBufferPointer) -> UnsafePointer<UInt8>? {
    buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
  }
}

extension AES256GCM {
  /// ``seal(nonce:aad:plaintext:into:)`` into new memory.
  public func seal(nonce: [UInt8], aad: [UInt8], plaintext: UnsafeRawBufferPointer) -> [UInt8] {
    var box = [UInt8](repeating: 0, count: plaintext.count + Self.tagCount)
    nonce.withUnsafeBytes { nonce in
      aad.withUnsafeBytes { aad in
        box.withUnsafeMutableBytes { seal(nonce: nonce, aad: aad, plaintext: plaintext, into: $0) }
      }
    }
    return box
  }

  /// ``seal(nonce:aad:plaintext:into:)`` into new memory.
  public func seal(nonce: [UInt8], aad: [UInt8], plaintext: [UInt8]) -> [UInt8] {
    plaintext.withUnsafeBytes { seal(nonce: nonce, aad: aad, plaintext: $0) }
  }

  /// ``open(nonce:aad:box:into:)`` into secret memory.
  ///
  /// - Returns: nil where a length or the tag does not match.
  public func open(nonce: [UInt8], aad: [UInt8], box: [UInt8]) -> SecretBytes? {
    guard nonce.count == 12, box.count >= Self.tagCount else { return nil }
    var opened = false
    let plaintext = SecretBytes(count: box.count - Self.tagCount) { output in
      opened = nonce.withUnsafeBytes { nonce in
        aad.withUnsafeBytes { aad in box.withUnsafeBytes { open(nonce: nonce, aad: aad, box: $0, into: output) } }
      }
    }
    return opened ? plaintext : nil
  }
}
