import Cryptography
import Testing

@Suite struct DigestTests {
  @Test("SHA-256 of FIPS 180-4's examples")
  func digests() {
    #expect(
      SHA256.digest(Array("abc".utf8)).bytes
        == hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    #expect(
      SHA256.digest([UInt8]()).bytes == hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    #expect(
      SHA256.digest(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)).bytes
        == hex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"))
  }

  @Test("a digest in pieces is the digest of the whole")
  func pieces() {
    var hasher = SHA256Hasher()
    for piece in ["a", "", "bc"] { Array(piece.utf8).withUnsafeBytes { hasher.update($0) } }
    #expect(hasher.finish() == SHA256.digest(Array("abc".utf8)))
  }

  @Test(
    "HMAC-SHA256 of RFC 4231",
    arguments: [
      (
        String(repeating: "0b", count: 20), "4869205468657265",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
      ),
      (
        "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      ),
      (
        String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
      ),
      (
        "0102030405060708090a0b0c0d0e0f10111213141516171819", String(repeating: "cd", count: 50),
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
      ),
      (
        String(repeating: "aa", count: 131),
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
      ),
    ])
  func authentication(key: String, message: String, code: String) {
    #expect(HMACSHA256.authenticate(hex(message), key: secret(key)).bytes == hex(code))
  }

  @Test("one HMAC key serves many messages")
  func reused() {
    let key = HMACSHA256Key(secret("4a656665"))
    for message in [[UInt8](), Array("what do ya want for nothing?".utf8), Array("other".utf8)] {
      #expect(
        message.withUnsafeBytes { key.authenticate($0) } == HMACSHA256.authenticate(message, key: secret("4a656665")))
    }
  }

  @Test("HKDF-SHA256 of RFC 5869, test cases 1 to 3")
  func derivation() {
    let count = { (range: ClosedRange<UInt8>) in SecretBytes(copying: Array(range)) }
    let first = HKDFSHA256.derive(
      salt: count(0...0x0c), ikm: secret(String(repeating: "0b", count: 22)), info: Array(0xf0...0xf9), count: 42)
    #expect(
      first.copied
        == hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    let second = HKDFSHA256.derive(salt: count(0x60...0xaf), ikm: count(0...0x4f), info: Array(0xb0...0xff), count: 82)
    #expect(
      second.copied
        == hex(
          "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
            + "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"))
    let third = HKDFSHA256.derive(
      salt: secret(""), ikm: secret(String(repeating: "0b", count: 22)), info: [], count: 42)
    #expect(
      third.copied
        == hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
  }

  @Test("HKDF gives its longest output and differs by one byte of info")
  func derivationEdges() {
    let key = secret("00")
    #expect(HKDFSHA256.derive(salt: key, ikm: key, info: [], count: 255 * 32).count == 8_160)
    #expect(
      HKDFSHA256.derive(salt: key, ikm: key, info: [0], count: 32).copied
        != HKDFSHA256.derive(salt: key, ikm: key, info: [1], count: 32).copied)
  }

  @Test("comparison in constant time tells equal from different")
  func comparison() {
    func equal(_ first: [UInt8], _ second: [UInt8]) -> Bool {
      first.withUnsafeBytes { first in second.withUnsafeBytes { constantTimeEquals(first, $0) } }
    }
    #expect(equal([1, 2, 3], [1, 2, 3]))
    #expect(equal([], []))
    #expect(!equal([1, 2, 3], [1, 2, 4]))
    #expect(!equal([1, 2, 3], [1, 2]))
  }

  @Test("random bytes have the count asked for and do not repeat")
  func randomness() {
    #expect(randomBytes(0).isEmpty)
    #expect(randomBytes(33).count == 33)
    #expect(randomBytes(32) != randomBytes(32))
  }
}
