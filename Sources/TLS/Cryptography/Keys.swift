import COpenSSL

/// Kinds of keys that certificates may hold. The key decides the signature algorithm.
///
/// Source: docs/security.md, "Signatures".
public enum KeyKind: Sendable, Equatable {
  /// ECDSA on P-256 with SHA-256, DER.
  case p256
  /// ECDSA on P-384 with SHA-384, DER.
  case p384
  /// Ed25519 (RFC 8032).
  case ed25519
  /// RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017), at least 2048 bits.
  case rsa(bits: Int)
}

/// A private key. Immutable after `init`, and OpenSSL counts references by itself, which is why it may be shared.
public final class PrivateKey: @unchecked Sendable {
  package let handle: OpaquePointer
  public let publicKey: PublicKey
  public var kind: KeyKind { publicKey.kind }

  /// Takes over `handle`.
  init(owning handle: OpaquePointer) throws(CryptographyError) {
    self.handle = handle
    do {
      publicKey = try PublicKey(owning: handle.shared)
    } catch {
      EVP_PKEY_free(handle)
      throw error
    }
  }

  deinit { EVP_PKEY_free(handle) }

  /// A fresh key.
  public static func generate(_ kind: KeyKind) -> PrivateKey {
    let handle =
      switch kind {
      case .p256: countersign_generate_ec("P-256")
      case .p384: countersign_generate_ec("P-384")
      case .ed25519: countersign_generate("ED25519")
      case .rsa(let bits): countersign_generate_rsa(bits)
      }
    guard let handle, let key = try? PrivateKey(owning: handle) else {
      preconditionFailure("a key could not be made: \(takeErrors())")
    }
    return key
  }

  /// Signs a message.
  ///
  /// - Throws: ``CryptographyError`` where the key's holder refuses.
  public func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
    guard let context = EVP_MD_CTX_new() else { throw .openSSL("signing") }
    defer { EVP_MD_CTX_free(context) }
    guard beginSigning(context) else { throw .openSSL("signing could not begin") }
    var count = 0
    guard EVP_DigestSign(context, nil, &count, message, message.count) == 1 else { throw .openSSL("signing") }
    var signature = [UInt8](repeating: 0, count: count)
    guard EVP_DigestSign(context, &signature, &count, message, message.count) == 1 else { throw .openSSL("signing") }
    return Array(signature.prefix(count))
  }

  /// The secret that this key and another's public key agree on: the x coordinate (SP 800-56A, 5.7.1.2), 32 bytes on
  /// P-256 and 48 on P-384.
  ///
  /// - Throws: ``CryptographyError`` where the keys are of different kinds or none that agrees, or the key's holder
  ///   refuses.
  public func sharedSecret(with other: PublicKey) throws(CryptographyError) -> SecretBytes {
    guard let secret = agreedSecret(handle, other.handle) else {
      throw .openSSL("the key does not agree on a secret with the other; it must be allowed to derive")
    }
    return secret
  }

  /// Prepares `context` (EVP_MD_CTX) for a signature with the algorithm that goes with the key.
  func beginSigning(_ context: OpaquePointer) -> Bool {
    var parameters: OpaquePointer?
    return EVP_DigestSignInit(context, &parameters, kind.digest, nil, handle) == 1 && kind.setPadding(parameters)
  }
}

/// A public key of one of the kinds in ``KeyKind``. Immutable, which is why it may be shared.
public final class PublicKey: @unchecked Sendable {
  let handle: OpaquePointer
  public let kind: KeyKind

  /// Takes over `handle`.
  ///
  /// - Throws: ``CryptographyError`` for kinds that are not allowed.
  init(owning handle: OpaquePointer) throws(CryptographyError) {
    do {
      kind = try KeyKind(of: handle)
    } catch {
      EVP_PKEY_free(handle)
      throw error
    }
    self.handle = handle
  }

  /// - Parameter spki: DER of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), without trailing bytes.
  public convenience init(der spki: [UInt8]) throws(CryptographyError) {
    let handle = spki.withUnsafeBufferPointer { spki -> OpaquePointer? in
      var next = spki.baseAddress
      guard let key = d2i_PUBKEY(nil, &next, spki.count) else { return nil }
      guard next == spki.baseAddress?.advanced(by: spki.count) else {
        EVP_PKEY_free(key)
        return nil
      }
      return key
    }
    guard let handle else { throw .openSSL("not the DER of a public key") }
    try self.init(owning: handle)
  }

  deinit { EVP_PKEY_free(handle) }

  /// DER of the SubjectPublicKeyInfo.
  public var der: [UInt8] {
    guard let der = encoded({ i2d_PUBKEY(handle, $0) }) else {
      preconditionFailure("OpenSSL could not write a key that it read: \(takeErrors())")
    }
    return der
  }

  /// Whether `signature` over `message` is good under the algorithm that goes with the key.
  public func isValid(signature: [UInt8], for message: [UInt8]) -> Bool {
    guard let context = EVP_MD_CTX_new() else { return false }
    defer {
      EVP_MD_CTX_free(context)
      takeErrors()
    }
    var parameters: OpaquePointer?
    guard EVP_DigestVerifyInit(context, &parameters, kind.digest, nil, handle) == 1, kind.setPadding(parameters) else {
      return false
    }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}

extension PublicKey: Equatable {
  public static func == (first: PublicKey, second: PublicKey) -> Bool {
    defer { takeErrors() }
    return EVP_PKEY_eq(first.handle, second.handle) == 1
  }
}

extension KeyKind {
  fileprivate init(of handle: OpaquePointer) throws(CryptographyError) {
    switch EVP_PKEY_get_base_id(handle) {
    case EVP_PKEY_ED25519: self = .ed25519
    case EVP_PKEY_RSA: self = try .rsa(bits: Self.rsaBits(handle))
    case EVP_PKEY_EC: self = try Self.namedCurve(handle)
    default: throw CryptographyError("keys of this kind are not allowed; use P-256, P-384, Ed25519 or RSA")
    }
  }

  /// The curve by its name; never one spelt out in parameters, which may only look like it (RFC 5480 section 2.1.1).
  private static func namedCurve(_ handle: OpaquePointer) throws(CryptographyError) -> KeyKind {
    var isSpeltOut: Int32 = 0
    EVP_PKEY_get_int_param(handle, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isSpeltOut)
    guard isSpeltOut == 0 else { throw CryptographyError("keys on a curve without a name are not allowed") }
    var name = [CChar](repeating: 0, count: 64)
    var count = 0
    guard EVP_PKEY_get_group_name(handle, &name, name.count, &count) == 1 else {
      throw .openSSL("the curve is unknown")
    }
    switch String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) {
    case "prime256v1", "P-256": return .p256
    case "secp384r1", "P-384": return .p384
    case let other: throw CryptographyError("keys on the curve \(other) are not allowed; use P-256 or P-384")
    }
  }

  /// 2048 to 8192 bits (more only costs time), a multiple of 8, an odd public exponent of at least 65537.
  private static func rsaBits(_ handle: OpaquePointer) throws(CryptographyError) -> Int {
    let bits = Int(EVP_PKEY_get_bits(handle))
    guard bits >= 2_048, bits <= 8_192, bits % 8 == 0 else {
      throw CryptographyError("an RSA key must have 2,048 to 8,192 bits, a multiple of 8, not \(bits)")
    }
    var exponent: OpaquePointer?
    guard EVP_PKEY_get_bn_param(handle, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1, let exponent else {
      throw .openSSL("the RSA key has no exponent")
    }
    defer { BN_free(exponent) }
    guard BN_num_bits(exponent) >= 17, BN_is_odd(exponent) == 1 else {
      throw CryptographyError("an RSA key must have an odd public exponent of at least 65,537")
    }
    return bits
  }

  /// Nil where the algorithm brings its own.
  fileprivate var digest: OpaquePointer? {
    switch self {
    case .p256, .rsa: EVP_sha256()
    case .p384: EVP_sha384()
    case .ed25519: nil
    }
  }

  fileprivate func setPadding(_ parameters: OpaquePointer?) -> Bool {
    guard case .rsa = self else { return true }
    return countersign_rsa_padding_pss(parameters) == 1
  }
}

extension OpaquePointer {
  /// Another reference to the same EVP_PKEY.
  fileprivate var shared: OpaquePointer {
    EVP_PKEY_up_ref(self)
    return self
  }
}

/// What two keys agree on (EVP_PKEY_derive(3)).
///
/// - Returns: nil where they do not, with the reason in OpenSSL's queue.
func agreedSecret(_ ours: OpaquePointer?, _ theirs: OpaquePointer) -> SecretBytes? {
  guard let context = EVP_PKEY_CTX_new(ours, nil) else { return nil }
  defer { EVP_PKEY_CTX_free(context) }
  var count = 0
  guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, theirs) == 1,
    EVP_PKEY_derive(context, nil, &count) == 1
  else { return nil }
  var isDerived = false
  let secret = SecretBytes(count: count) { memory in
    isDerived = EVP_PKEY_derive(context, memory.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1
  }
  return isDerived && secret.count == count ? secret : nil
}

/// Runs one of OpenSSL's i2d functions.
///
/// - Returns: what it wrote; nil where it could not, with the reason in OpenSSL's queue.
func encoded(_ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8]? {
  var memory: UnsafeMutablePointer<UInt8>?
  let count = write(&memory)
  defer { countersign_free(memory) }
  return count < 0 ? nil : [UInt8](UnsafeBufferPointer(start: memory, count: Int(count)))
}
