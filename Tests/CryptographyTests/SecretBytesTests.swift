import Cryptography
import Testing

@Suite struct SecretBytesTests {
  @Test("a secret never prints its bytes")
  func hidden() {
    let secret = SecretBytes(copying: [0xde, 0xad])
    var dumped = ""
    dump(secret, to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), dumped] {
      #expect(text.contains("hidden"))
      #expect(!text.contains("222") && !text.contains("dead"))
    }
  }

  @Test(
    "secrets of any size can be made, none of them in ordinary memory while there is room",
    arguments: [0, 1, 32, 4_096])
  func sizes(count: Int) {
    let secret = SecretBytes(count: count) { memory in #expect(memory.allSatisfy { $0 == 0 }) }
    #expect(secret.count == count)
    #expect(secret.isSecure)
  }

  @Test("a secret larger than the secure heap is still made")
  func overflow() {
    let secret = SecretBytes(count: 8 << 20) { $0[$0.count - 1] = 7 }
    #expect(!secret.isSecure)
    #expect(secret.withUnsafeBytes { $0[$0.count - 1] } == 7)
  }

  @Test("an error while filling is passed on")
  func failing() {
    struct Failure: Error {}
    #expect(throws: Failure.self) { try SecretBytes(count: 32) { _ in throw Failure() } }
  }
}
