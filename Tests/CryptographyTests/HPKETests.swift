import Testing

@testable import Cryptography

@Suite struct X25519Tests {
  @Test("key agreement of RFC 7748 section 6.1")
  func agreement() throws {
    let alice = try X25519PrivateKey(raw: secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    let bob = try X25519PrivateKey(raw: secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    #expect(alice.publicKey == hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
    #expect(bob.publicKey == hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
    let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    #expect(try alice.sharedSecret(with: bob.publicKey).copied == shared)
    #expect(try bob.sharedSecret(with: alice.publicKey).copied == shared)
  }

  @Test("scalar multiplication of RFC 7748 section 5.2")
  func multiplication() throws {
    let key = try X25519PrivateKey(raw: secret("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"))
    #expect(
      try key.sharedSecret(with: hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")).copied
        == hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"))
  }

  @Test(
    "points of small order are refused",
    arguments: [
      String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
  func smallOrder(point: String) {
    #expect(throws: CryptographyError.self) { try X25519PrivateKey.generate().sharedSecret(with: hex(point)) }
    #expect(throws: CryptographyError.self) { try HPKE.sender(to: hex(point), info: []) }
    #expect(throws: CryptographyError.self) {
      try HPKE.recipient(enc: hex(point), key: X25519PrivateKey.generate(), info: [])
    }
  }

  @Test("keys of another length are refused", arguments: [0, 31, 33])
  func lengths(count: Int) {
    #expect(throws: CryptographyError.self) { try X25519PrivateKey(raw: SecretBytes(copying: randomBytes(count))) }
    #expect(throws: CryptographyError.self) { try HPKE.sender(to: randomBytes(count), info: []) }
    #expect(throws: CryptographyError.self) {
      try HPKE.recipient(enc: randomBytes(count), key: X25519PrivateKey.generate(), info: [])
    }
  }

  @Test("generated keys differ")
  func generated() {
    #expect(X25519PrivateKey.generate().publicKey != X25519PrivateKey.generate().publicKey)
  }
}

@Suite struct HPKETests {
  /// `Tests/Vectors/hpke/rfc9180.json`.
  struct Vector: Decodable {
    struct Seal: Decodable {
      let sequence: Int
      let aad, plaintext, box: String
    }
    struct Export: Decodable {
      let context, value: String
      let count: Int
    }
    let info, ephemeralPrivateKey, recipientPrivateKey, recipientPublicKey, enc: String
    let seals: [Seal]
    let exports: [Export]
  }

  let vector: Vector
  let sender: HPKEContext
  let enc: [UInt8]
  let recipient: HPKEContext

  init() throws {
    vector = try vectors("hpke/rfc9180.json", as: Vector.self)
    let key = try X25519PrivateKey(raw: secret(vector.recipientPrivateKey))
    try #require(key.publicKey == hex(vector.recipientPublicKey))
    (enc, sender) = try HPKE.sender(
      to: key.publicKey, info: hex(vector.info),
      ephemeral: try X25519PrivateKey(raw: secret(vector.ephemeralPrivateKey)))
    recipient = try HPKE.recipient(enc: hex(vector.enc), key: key, info: hex(vector.info))
  }

  @Test("encapsulation of the RFC's vector")
  func encapsulation() { #expect(enc == hex(vector.enc)) }

  @Test("seals of the RFC's vector, over the sequence's first carry")
  func seals() throws {
    for sequence in 0...257 {
      let aad = Array("Count-\(sequence)".utf8)
      let box = sender.seal(aad: aad, plaintext: Array("Beauty is truth, truth beauty".utf8))
      if let expected = vector.seals.first(where: { $0.sequence == sequence }) {
        #expect(aad == hex(expected.aad))
        #expect(box == hex(expected.box))
      }
      #expect(try recipient.open(aad: aad, box: box).copied == Array("Beauty is truth, truth beauty".utf8))
    }
  }

  @Test("exports of the RFC's vector, on both sides")
  func exports() {
    for export in vector.exports {
      #expect(sender.export(hex(export.context), count: export.count).copied == hex(export.value))
      #expect(recipient.export(hex(export.context), count: export.count).copied == hex(export.value))
    }
  }

  @Test("a message that does not open costs no sequence number")
  func refused() throws {
    let box = sender.seal(aad: [1], plaintext: [2])
    #expect(throws: CryptographyError.self) { try recipient.open(aad: [9], box: box) }
    #expect(throws: CryptographyError.self) { try recipient.open(aad: [1], box: []) }
    #expect(try recipient.open(aad: [1], box: box).copied == [2])
    #expect(throws: CryptographyError.self) { try recipient.open(aad: [1], box: box) }
  }

  @Test("another info gives other keys")
  func info() throws {
    let key = X25519PrivateKey.generate()
    let (enc, context) = try HPKE.sender(to: key.publicKey, info: [1])
    let same = try HPKE.recipient(enc: enc, key: key, info: [1])
    let other = try HPKE.recipient(enc: enc, key: key, info: [2])
    #expect(context.export([], count: 32).copied == same.export([], count: 32).copied)
    #expect(context.export([], count: 32).copied != other.export([], count: 32).copied)
  }
}
