import Cryptography
import Files
import Seals

/// The key-encryption key of the vault, and the content of the file that it is had from.
///
/// The file holds the 32 bytes themselves; or, where the key is agreed with a PKCS#11 token, three lines: "countersign/1
/// token", the URI of the token's private key, and the base64 of the SubjectPublicKeyInfo of a key made for this alone,
/// whose private part is gone. The key is then HKDF-SHA256 over the ECDH secret of both (SP 800-56A, 5.7.1.2), no salt,
/// info pack("countersign/1 vault token", that SubjectPublicKeyInfo, the token key's): without the token nobody has it.
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.6.1.
struct WrappingKey {
  let key: SecretBytes
  let file: [UInt8]

  /// Where it is: "file", or the token's URI.
  var place: String { Self.token(file)?.uri ?? Self.inFile }

  static let inFile = "file"
  private static let head = "countersign/1 token"

  /// Makes a new one.
  ///
  /// - Parameters:
  ///   - place: "file", or the PKCS#11 URI of a private key on P-256 or P-384 that may derive.
  ///   - pin: of the token.
  /// - Throws: `CryptographyError` that says what is wrong with place or token.
  static func make(at place: String, pin: SecretBytes?) throws(CryptographyError) -> WrappingKey {
    if place == inFile {
      let bytes = randomBytes(32)
      return WrappingKey(key: SecretBytes(copying: bytes), file: bytes)
    }
    guard PrivateKey.isTokenURI(place), !place.utf8.contains(UInt8(ascii: "\n")), place.utf8.count <= 1_024 else {
      throw CryptographyError("must be \"file\" or a URI pkcs11:… of at most 1,024 bytes")
    }
    let token = try PrivateKey(uri: place, pin: pin)
    guard token.kind == .p256 || token.kind == .p384 else {
      throw CryptographyError("the token's key must be on P-256 or P-384: one that agrees on keys")
    }
    let own = PrivateKey.generate(token.kind)
    let file = Array("\(head)\n\(place)\n".utf8) + Base64.encode(own.publicKey.der) + Array("\n".utf8)
    // Agreed by the token, as it will be when it is read.
    return WrappingKey(key: try agreed(token, own.publicKey), file: file)
  }

  /// - Parameter path: of the file, for errors.
  /// - Throws: `FileError` that names the file.
  static func read(_ path: String, pin: SecretBytes?) throws -> WrappingKey {
    let file = try Files.readSecret(path)
    if file.count == 32 { return WrappingKey(key: SecretBytes(copying: file), file: file) }
    guard let (uri, der) = token(file) else {
      throw FileError(path: path, doing: "use", cause: "must be 32 bytes, or name a key in a token")
    }
    do {
      return WrappingKey(key: try agreed(PrivateKey(uri: uri, pin: pin), PublicKey(der: der)), file: file)
    } catch {
      throw FileError(path: path, doing: "use", cause: "\(uri): \(error)")
    }
  }

  /// - Throws: `FileError` that names the file.
  static func place(_ path: String) throws -> String { token(try Files.readSecret(path))?.uri ?? inFile }

  private static func token(_ file: [UInt8]) -> (uri: String, der: [UInt8])? {
    let lines = String(decoding: file, as: UTF8.self).split(separator: "\n")
    guard lines.count == 3, lines[0] == head, let der = Base64.decode(Array(lines[2].utf8)) else { return nil }
    return (String(lines[1]), der)
  }

  private static func agreed(_ token: PrivateKey, _ other: PublicKey) throws(CryptographyError) -> SecretBytes {
    let secret = try token.sharedSecret(with: other)
    let info = Pack("countersign/1 vault token", other.der, token.publicKey.der).bytes
    return HKDFSHA256.expand(HKDFSHA256.extract(salt: SecretBytes(copying: []), ikm: secret), info: info, count: 32)
  }
}
