import COpenSSL

/// A private key for X25519 (RFC 7748).
public struct X25519PrivateKey: Sendable {
  /// 32 bytes.
  public let raw: SecretBytes
  /// 32 bytes.
  public let publicKey: [UInt8]

  /// - Throws: ``CryptographyError`` where `raw` is not 32 bytes.
  public init(raw: SecretBytes) throws(CryptographyError) {
    guard raw.count == 32 else { throw CryptographyError("an X25519 key has 32 bytes, not \(raw.count)") }
    let key = raw.withUnsafeBytes {
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
    }
    guard let key else { throw .openSSL("the X25519 key could not be read") }
    defer { EVP_PKEY_free(key) }
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = bytes.count
    guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1 else {
      throw .openSSL("the X25519 public key could not be computed")
    }
    self.raw = raw
    publicKey = bytes
  }

  /// A fresh key.
  public static func generate() -> X25519PrivateKey {
    let raw = SecretBytes(count: 32) { memory in
      let done = RAND_priv_bytes(memory.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(memory.count))
      precondition(done == 1, "the random generator failed")
    }
    do {
      return try X25519PrivateKey(raw: raw)
    } catch {
      preconditionFailure("any 32 bytes are an X25519 key: \(error)")
    }
  }

  /// The shared secret with a peer (RFC 7748 section 6.1).
  ///
  /// - Throws: ``CryptographyError`` where `peer` is not 32 bytes or the secret is all zero.
  func sharedSecret(with peer: [UInt8]) throws(CryptographyError) -> SecretBytes {
    guard peer.count == 32, let theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, peer, peer.count) else {
      throw .openSSL("an X25519 public key has 32 bytes, not \(peer.count)")
    }
    defer { EVP_PKEY_free(theirs) }
    let ours = raw.withUnsafeBytes {
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
    }
    defer { EVP_PKEY_free(ours) }
    guard let secret = agreedSecret(ours, theirs), secret.count == 32 else {
      // OpenSSL refuses an all-zero secret itself, as RFC 9180 section 7.1.4 wants.
      throw .openSSL("the X25519 public key is not usable")
    }
    return secret
  }
}
