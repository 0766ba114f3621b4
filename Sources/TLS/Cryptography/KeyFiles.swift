import COpenSSL

extension PrivateKey {
  /// Reads a PEM private key: PKCS#8, encrypted or not, or OpenSSL's older forms.
  ///
  /// - Parameter passphrase: nil where the key is not encrypted; nobody is ever asked.
  /// - Throws: ``CryptographyError`` that says whether a passphrase is missing, wrong, or the file is no key.
  public convenience init(pem: [UInt8], passphrase: SecretBytes?) throws(CryptographyError) {
    var question = PassphraseQuestion(passphrase: passphrase)
    let handle = pem.withUnsafeBytes { pem -> OpaquePointer? in
      guard let file = BIO_new_mem_buf(pem.baseAddress, Int32(clamping: pem.count)) else { return nil }
      defer { BIO_free(file) }
      return withUnsafeMutablePointer(to: &question) { question in
        PEM_read_bio_PrivateKey(
          file, nil,
          { buffer, size, _, question in
            guard let question, let buffer else { return -1 }
            return question.assumingMemoryBound(to: PassphraseQuestion.self).pointee.answer(into: buffer, size)
          }, question)
      }
    }
    guard let handle else {
      takeErrors()
      guard question.wasAsked else { throw CryptographyError("is not a PEM private key") }
      throw CryptographyError(
        passphrase == nil ? "is encrypted and no passphrase was given" : "the passphrase is wrong",
        isOfPassphrase: true)
    }
    try self.init(owning: handle)
  }

  /// PKCS#8 as PEM.
  ///
  /// - Parameter passphrase: 1 to 1,023 bytes; encrypts with AES-256-CBC under scrypt (RFC 7914; N 16,384, r 8, p 5);
  ///   nil: in clear.
  /// - Throws: ``CryptographyError`` where the passphrase has another length.
  public func pem(passphrase: SecretBytes?) throws(CryptographyError) -> [UInt8] {
    guard let file = BIO_new(BIO_s_secmem()) else { throw .openSSL("writing a key") }
    defer { BIO_free_all(file) }
    if let passphrase {
      try writeEncrypted(to: file, passphrase)
    } else {
      guard PEM_write_bio_PKCS8PrivateKey(file, handle, nil, nil, 0, nil, nil) == 1 else {
        throw .openSSL("writing a key")
      }
    }
    return contents(of: file)
  }

  private func writeEncrypted(to file: OpaquePointer, _ passphrase: SecretBytes) throws(CryptographyError) {
    // OpenSSL would write with a longer one, but could not ask for it again.
    guard (1..<Int(PEM_BUFSIZE)).contains(passphrase.count) else {
      throw CryptographyError("a passphrase must have 1 to \(PEM_BUFSIZE - 1) bytes")
    }
    var salt = randomBytes(16)
    var vector = randomBytes(16)
    guard let plain = EVP_PKEY2PKCS8(handle) else { throw .openSSL("writing a key") }
    defer { PKCS8_PRIV_KEY_INFO_free(plain) }
    guard let scheme = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), &salt, Int32(salt.count), &vector, 16_384, 8, 5) else {
      throw .openSSL("encrypting a key")
    }
    let sealed = passphrase.withUnsafeBytes {
      PKCS8_set0_pbe($0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), plain, scheme)
    }
    guard let sealed else {
      X509_ALGOR_free(scheme)
      throw .openSSL("encrypting a key")
    }
    defer { X509_SIG_free(sealed) }
    guard PEM_write_bio_PKCS8(file, sealed) == 1 else { throw .openSSL("writing a key") }
  }
}

extension PublicKey {
  /// Reads a PEM SubjectPublicKeyInfo ("PUBLIC KEY").
  ///
  /// - Throws: ``CryptographyError`` where it is none, or a kind that is not allowed.
  public convenience init(pem: [UInt8]) throws(CryptographyError) {
    let handle = pem.withUnsafeBytes { pem -> OpaquePointer? in
      guard let file = BIO_new_mem_buf(pem.baseAddress, Int32(clamping: pem.count)) else { return nil }
      defer { BIO_free(file) }
      return PEM_read_bio_PUBKEY(file, nil, nil, nil)
    }
    guard let handle else {
      takeErrors()
      throw CryptographyError("is not a PEM public key")
    }
    try self.init(owning: handle)
  }

  /// SubjectPublicKeyInfo as PEM.
  public var pem: [UInt8] {
    guard let file = BIO_new(BIO_s_mem()) else { preconditionFailure("out of memory") }
    defer { BIO_free_all(file) }
    precondition(PEM_write_bio_PUBKEY(file, handle) == 1, "OpenSSL could not write a public key: \(takeErrors())")
    return contents(of: file)
  }
}

/// Answers OpenSSL's question for a passphrase from memory.
private struct PassphraseQuestion {
  let passphrase: SecretBytes?
  private(set) var wasAsked = false

  init(passphrase: SecretBytes?) { self.passphrase = passphrase }

  mutating func answer(into buffer: UnsafeMutablePointer<CChar>, _ size: Int32) -> Int32 {
    wasAsked = true
    guard let passphrase, passphrase.count <= Int(size) else { return -1 }
    passphrase.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: buffer, count: bytes.count).copyMemory(from: bytes)
    }
    return Int32(passphrase.count)
  }
}

/// What was written to a memory BIO.
func contents(of file: OpaquePointer) -> [UInt8] {
  var start: UnsafeMutablePointer<CChar>?
  let count = countersign_bio_pending(file, &start)
  return UnsafeRawBufferPointer(start: start, count: count).map { $0 }
}
