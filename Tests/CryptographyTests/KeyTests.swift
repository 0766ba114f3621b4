import Cryptography
import TestOpenSSL
import Testing

@Suite struct KeyTests {
  static let kinds: [KeyKind] = [.p256, .p384, .ed25519, .rsa(bits: 2_048)]
  private let message = Array("pay 12,000 won".utf8)

  /// Whether `openssl` finds the signature in file s over file m good for the public key in file p.
  private func verify(_ kind: KeyKind, _ openssl: OpenSSLCommand) throws -> Bool {
    switch kind {
    case .p256: try openssl.run("dgst", "-sha256", "-verify", "p", "-signature", "s", "m").isGood
    case .p384: try openssl.run("dgst", "-sha384", "-verify", "p", "-signature", "s", "m").isGood
    case .ed25519:
      try openssl.run("pkeyutl", "-verify", "-pubin", "-inkey", "p", "-rawin", "-in", "m", "-sigfile", "s").isGood
    case .rsa:
      try openssl.run(
        "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-verify", "p",
        "-signature", "s", "m"
      ).isGood
    }
  }

  /// Lets `openssl` sign file m with the private key in file k into file s.
  private func sign(_ kind: KeyKind, _ openssl: OpenSSLCommand) throws {
    switch kind {
    case .p256: try openssl.run("dgst", "-sha256", "-sign", "k", "-out", "s", "m")
    case .p384: try openssl.run("dgst", "-sha384", "-sign", "k", "-out", "s", "m")
    case .ed25519: try openssl.run("pkeyutl", "-sign", "-inkey", "k", "-rawin", "-in", "m", "-out", "s")
    case .rsa:
      try openssl.run(
        "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sign", "k", "-out",
        "s", "m")
    }
  }

  @Test("openssl verifies our signatures", arguments: kinds)
  func signed(kind: KeyKind) throws {
    let key = PrivateKey.generate(kind)
    let openssl = try OpenSSLCommand()
    try openssl.write(key.publicKey.pem, to: "p")
    try openssl.write(message, to: "m")
    try openssl.write(try key.sign(message), to: "s")
    #expect(try verify(kind, openssl))
  }

  @Test("we verify signatures of openssl, by keys of openssl's files", arguments: kinds)
  func verified(kind: KeyKind) throws {
    let openssl = try OpenSSLCommand()
    switch kind {
    case .p256: try openssl.run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "k")
    case .p384: try openssl.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "k")
    case .ed25519: try openssl.run("genpkey", "-algorithm", "ED25519", "-out", "k")
    case .rsa: try openssl.run("genrsa", "-out", "k", "2048")
    }
    try openssl.write(message, to: "m")
    try sign(kind, openssl)
    let key = try PrivateKey(pem: try openssl.read("k"), passphrase: nil)
    #expect(key.kind == kind)
    let signature = try openssl.read("s")
    #expect(key.publicKey.isValid(signature: signature, for: message))
    #expect(!key.publicKey.isValid(signature: signature, for: message + [0]))
    #expect(!PrivateKey.generate(kind).publicKey.isValid(signature: signature, for: message))
  }

  @Test("empty, cut and lengthened signatures do not verify", arguments: kinds)
  func malformed(kind: KeyKind) throws {
    let key = PrivateKey.generate(kind)
    let signature = try key.sign(message)
    for wrong in [[], Array(signature.dropLast()), signature + [0]] {
      #expect(!key.publicKey.isValid(signature: wrong, for: message))
    }
    #expect(key.publicKey.isValid(signature: signature, for: message))
  }

  @Test("an RSA signature with another padding or salt does not verify", arguments: ["pkcs1", "0", "20"])
  func otherPadding(salt: String) throws {
    let openssl = try OpenSSLCommand()
    let key = PrivateKey.generate(.rsa(bits: 2_048))
    try openssl.write(try key.pem(passphrase: nil), to: "k")
    try openssl.write(message, to: "m")
    if salt == "pkcs1" {
      try openssl.run("dgst", "-sha256", "-sign", "k", "-out", "s", "m")
    } else {
      try openssl.run(
        "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:\(salt)", "-sign", "k",
        "-out", "s", "m")
    }
    #expect(!key.publicKey.isValid(signature: try openssl.read("s"), for: message))
  }

  @Test("openssl opens our encrypted key with the passphrase alone")
  func encrypted() throws {
    let openssl = try OpenSSLCommand()
    let key = PrivateKey.generate(.p256)
    try openssl.write(try key.pem(passphrase: SecretBytes(copying: Array("가 나 다".utf8))), to: "k")
    #expect(try openssl.run("pkey", "-in", "k", "-passin", "pass:가 나 다", "-pubout", "-out", "p").isGood)
    #expect(try openssl.read("p") == key.publicKey.pem)
    #expect(try !openssl.run("pkey", "-in", "k", "-passin", "pass:other", "-noout").isGood)
    let structure = try openssl.run("asn1parse", "-in", "k").text
    #expect(structure.contains(":scrypt"))
    #expect(structure.contains("aes-256-cbc"))
  }

  @Test("we open a key that openssl encrypted, with the passphrase alone")
  func decrypted() throws {
    let openssl = try OpenSSLCommand()
    try openssl.run(
      "genpkey", "-algorithm", "ED25519", "-aes-256-cbc", "-pass", "pass:correct horse", "-out", "k")
    try openssl.run("pkey", "-in", "k", "-passin", "pass:correct horse", "-pubout", "-out", "p")
    let pem = try openssl.read("k")
    let key = try PrivateKey(pem: pem, passphrase: SecretBytes(copying: Array("correct horse".utf8)))
    #expect(key.publicKey.pem == (try openssl.read("p")))
    #expect(throws: CryptographyError.self) {
      try PrivateKey(pem: pem, passphrase: SecretBytes(copying: Array("wrong".utf8)))
    }
    #expect(throws: CryptographyError.self) { try PrivateKey(pem: pem, passphrase: nil) }
  }

  @Test("a passphrase as long as can be read again is taken, a longer or empty one is not")
  func passphraseLengths() throws {
    let key = PrivateKey.generate(.p256)
    let longest = SecretBytes(copying: [UInt8](repeating: 0x61, count: 1_023))
    #expect(try PrivateKey(pem: try key.pem(passphrase: longest), passphrase: longest).publicKey == key.publicKey)
    for count in [0, 1_024] {
      let wrong = SecretBytes(copying: [UInt8](repeating: 0x61, count: count))
      #expect(throws: CryptographyError.self) { try key.pem(passphrase: wrong) }
    }
  }

  @Test("a file that holds no key says so", arguments: ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
  func noKey(text: String) {
    #expect(throws: CryptographyError.self) { try PrivateKey(pem: Array(text.utf8), passphrase: nil) }
  }

  @Test("kinds that are not allowed are refused", arguments: ["ED448", "X25519", "RSA-PSS", "DH"])
  func otherKinds(algorithm: String) throws {
    let openssl = try OpenSSLCommand()
    let options = algorithm == "DH" ? ["-pkeyopt", "group:ffdhe2048"] : []
    if options.isEmpty {
      try openssl.run("genpkey", "-algorithm", algorithm, "-out", "k")
    } else {
      try openssl.run("genpkey", "-algorithm", algorithm, options[0], options[1], "-out", "k")
    }
    let pem = try openssl.read("k")
    #expect(throws: CryptographyError.self) { try PrivateKey(pem: pem, passphrase: nil) }
  }

  @Test("a public key's DER reads back, and not when it is cut or longer", arguments: kinds)
  func der(kind: KeyKind) throws {
    let key = PrivateKey.generate(kind).publicKey
    #expect(try PublicKey(der: key.der) == key)
    #expect(throws: CryptographyError.self) { try PublicKey(der: key.der + [0]) }
    for count in key.der.indices {
      #expect(throws: CryptographyError.self) { try PublicKey(der: Array(key.der[..<count])) }
    }
  }

  @Test("an error carries OpenSSL's words and leaves its queue empty")
  func errors() {
    do {
      _ = try Certificate(der: [0x30, 0x03, 0x02, 0x01])
      Issue.record("was read")
    } catch {
      #expect(error.description.contains("asn1"))
      #expect(takeErrors().isEmpty)
    }
  }
}
