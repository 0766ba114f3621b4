import Cryptography
import Testing

@Suite struct AES256GCMTests {
  /// Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", as NIST published them.
  static let cases: [(key: String, nonce: String, aad: String, plaintext: String, box: String)] = [
    (zeros(32), zeros(12), "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (zeros(32), zeros(12), "", zeros(16), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    (
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
        + "ba637b391aafd255",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
        + "bcc9f662898015adb094dac5d93471bdec1a502270e3cc6c"
    ),
    (
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
        + "ba637b39",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
        + "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
    ),
  ]

  private static func zeros(_ count: Int) -> String { String(repeating: "00", count: count) }

  @Test("seals and opens the published cases", arguments: cases.indices)
  func published(index: Int) {
    let test = Self.cases[index]
    let key = AES256GCM(key: secret(test.key))
    let (nonce, aad) = (hex(test.nonce), hex(test.aad))
    #expect(key.seal(nonce: nonce, aad: aad, plaintext: hex(test.plaintext)) == hex(test.box))
    #expect(key.open(nonce: nonce, aad: aad, box: hex(test.box))?.copied == hex(test.plaintext))
  }

  @Test("one changed bit anywhere is refused, and the key goes on working")
  func altered() {
    let test = Self.cases[3]
    let key = AES256GCM(key: secret(test.key))
    let (nonce, aad, box) = (hex(test.nonce), hex(test.aad), hex(test.box))
    for place in box.indices {
      var changed = box
      changed[place] ^= 1
      #expect(key.open(nonce: nonce, aad: aad, box: changed) == nil)
    }
    #expect(key.open(nonce: nonce, aad: Array(aad.dropLast()), box: box) == nil)
    #expect(key.open(nonce: Array(nonce.reversed()), aad: aad, box: box) == nil)
    #expect(key.open(nonce: nonce, aad: aad, box: box) != nil)
  }

  @Test("wrong lengths are refused", arguments: [0, 15])
  func short(count: Int) {
    let key = AES256GCM(key: SecretBytes(copying: randomBytes(32)))
    #expect(key.open(nonce: [UInt8](repeating: 0, count: 12), aad: [], box: randomBytes(count)) == nil)
    #expect(key.open(nonce: randomBytes(count), aad: [], box: randomBytes(40)) == nil)
  }

  @Test("where the tag is wrong the output is zeroed")
  func zeroed() {
    let key = AES256GCM(key: SecretBytes(copying: randomBytes(32)))
    let nonce = randomBytes(12)
    var box = key.seal(nonce: nonce, aad: [], plaintext: [UInt8](repeating: 7, count: 24))
    box[box.count - 1] ^= 1
    var output = [UInt8](repeating: 9, count: 24)
    let opened = nonce.withUnsafeBytes { nonce in
      box.withUnsafeBytes { box in
        output.withUnsafeMutableBytes {
          key.open(nonce: nonce, aad: UnsafeRawBufferPointer(start: nil, count: 0), box: box, into: $0)
        }
      }
    }
    #expect(!opened)
    #expect(output.allSatisfy { $0 == 0 })
  }
}
