/// Hybrid public key encryption (RFC 9180): base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
public enum HPKE {
  /// "KEM" ‖ kem_id 0x0020, for the key encapsulation's labels.
  private static let kemSuite: [UInt8] = Array("KEM".utf8) + [0x00, 0x20]
  /// "HPKE" ‖ kem_id 0x0020 ‖ kdf_id 0x0001 ‖ aead_id 0x0002.
  private static let suite: [UInt8] = Array("HPKE".utf8) + [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]

  /// Encapsulates to a public key and makes the sender's context (RFC 9180 section 5.1.1).
  ///
  /// - Parameters:
  ///   - publicKey: 32 bytes, the recipient's.
  ///   - info: binds the context to its use.
  /// - Returns: `enc`, 32 bytes for the recipient, and the context.
  /// - Throws: ``CryptographyError`` where the public key is not usable.
  public static func sender(
    to publicKey: [UInt8], info: [UInt8]
  ) throws(CryptographyError) -> (enc: [UInt8], context: HPKEContext) {
    try sender(to: publicKey, info: info, ephemeral: X25519PrivateKey.generate())
  }

  /// ``sender(to:info:)`` with a given ephemeral key, for vectors.
  static func sender(
    to publicKey: [UInt8], info: [UInt8], ephemeral: X25519PrivateKey
  ) throws(CryptographyError) -> (enc: [UInt8], context: HPKEContext) {
    let secret = try ephemeral.sharedSecret(with: publicKey)
    let shared = encapsulated(secret, enc: ephemeral.publicKey, recipient: publicKey)
    return (ephemeral.publicKey, context(shared: shared, info: info))
  }

  /// Makes the recipient's context (RFC 9180 section 5.1.1).
  ///
  /// - Throws: ``CryptographyError`` where `enc` is not usable.
  public static func recipient(
    enc: [UInt8], key: X25519PrivateKey, info: [UInt8]
  ) throws(CryptographyError) -> HPKEContext {
    let secret = try key.sharedSecret(with: enc)
    return context(shared: encapsulated(secret, enc: enc, recipient: key.publicKey), info: info)
  }

  /// ExtractAndExpand of RFC 9180 section 4.1.
  private static func encapsulated(_ secret: SecretBytes, enc: [UInt8], recipient: [UInt8]) -> SecretBytes {
    let extracted = extract(salt: SecretBytes(copying: []), "eae_prk", secret, suite: kemSuite)
    return expand(extracted, "shared_secret", enc + recipient, count: 32, suite: kemSuite)
  }

  /// KeySchedule of RFC 9180 section 5.1, base mode without a pre-shared key.
  private static func context(shared: SecretBytes, info: [UInt8]) -> HPKEContext {
    let none = SecretBytes(copying: [])
    let identityHash = extract(salt: none, "psk_id_hash", none, suite: suite)
    let infoHash = extract(salt: none, "info_hash", SecretBytes(copying: info), suite: suite)
    let baseMode: [UInt8] = [0x00]
    let scheduleContext =
      baseMode + identityHash.withUnsafeBytes { [UInt8]($0) } + infoHash.withUnsafeBytes { [UInt8]($0) }
    let secret = extract(salt: shared, "secret", none, suite: suite)
    return HPKEContext(
      key: expand(secret, "key", scheduleContext, count: 32, suite: suite),
      baseNonce: expand(secret, "base_nonce", scheduleContext, count: 12, suite: suite),
      exporter: expand(secret, "exp", scheduleContext, count: 32, suite: suite))
  }

  /// Export of RFC 9180 section 5.3.
  fileprivate static func export(_ exporter: SecretBytes, _ context: [UInt8], count: Int) -> SecretBytes {
    expand(exporter, "sec", context, count: count, suite: suite)
  }

  /// LabeledExtract of RFC 9180 section 4.
  private static func extract(
    salt: SecretBytes, _ label: String, _ ikm: SecretBytes, suite: [UInt8]
  ) -> SecretBytes {
    let head = Array("HPKE-v1".utf8) + suite + Array(label.utf8)
    let labelled = SecretBytes(count: head.count + ikm.count) { memory in
      memory.copyBytes(from: head)
      ikm.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: memory[head.count...]).copyMemory(from: $0) }
    }
    return HKDFSHA256.extract(salt: salt, ikm: labelled)
  }

  /// LabeledExpand of RFC 9180 section 4.
  private static func expand(
    _ key: SecretBytes, _ label: String, _ info: [UInt8], count: Int, suite: [UInt8]
  ) -> SecretBytes {
    let length = [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
    return HKDFSHA256.expand(
      key, info: length + Array("HPKE-v1".utf8) + suite + Array(label.utf8) + info, count: count)
  }
}

/// One HPKE context. One thread at a time.
public final class HPKEContext {
  private let box: AES256GCM
  private let baseNonce: SecretBytes
  private let exporter: SecretBytes
  private var sequence: UInt64 = 0

  fileprivate init(key: SecretBytes, baseNonce: SecretBytes, exporter: SecretBytes) {
    box = AES256GCM(key: key)
    self.baseNonce = baseNonce
    self.exporter = exporter
  }

  /// A secret for `context` (RFC 9180 section 5.3).
  ///
  /// - Parameter count: at most 255 * 32 bytes.
  public func export(_ context: [UInt8], count: Int) -> SecretBytes {
    HPKE.export(exporter, context, count: count)
  }

  /// Seals the next message (RFC 9180 section 5.2).
  ///
  /// - Returns: ciphertext, then the 16-byte tag.
  public func seal(aad: [UInt8], plaintext: [UInt8]) -> [UInt8] {
    defer { sequence += 1 }
    return box.seal(nonce: nonce(), aad: aad, plaintext: plaintext)
  }

  /// Opens the next message.
  ///
  /// - Throws: ``CryptographyError`` where the tag does not match.
  public func open(aad: [UInt8], box sealed: [UInt8]) throws(CryptographyError) -> SecretBytes {
    guard let opened = box.open(nonce: nonce(), aad: aad, box: sealed) else {
      throw CryptographyError("the sealed message does not open")
    }
    sequence += 1
    return opened
  }

  /// base_nonce XOR the sequence, big-endian.
  private func nonce() -> [UInt8] {
    var nonce = baseNonce.withUnsafeBytes { [UInt8]($0) }
    for index in 0..<8 { nonce[11 - index] ^= UInt8(truncatingIfNeeded: sequence >> (8 * UInt64(index))) }
    return nonce
  }
}
