import Authority
import Bytes
import Cryptography
import Testing

@Suite struct EnrolmentTokenTests {
  let token = EnrolmentToken.make(root: SHA256.digest(Array("root".utf8)))

  @Test("a token reads back, also in small letters and groups")
  func readsBack() throws {
    let text = token.text
    #expect(text.utf8.count == 77)
    #expect(try EnrolmentToken(parsing: text) == token)
    let grouped = text.enumerated().map { $0 > 0 && $0 % 7 == 0 ? "-\($1)" : "\($1)" }.joined()
    #expect(try EnrolmentToken(parsing: " \(grouped.lowercased()) ") == token)
  }

  @Test("the text is RFC 4648's base32")
  func alphabet() throws {
    // Made with Python's base64.b32encode(bytes(range(48))).rstrip(b"=").
    let text = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAIJCEMSCKJRHFAUSUKZMFUXC6"
    let parsed = try EnrolmentToken(parsing: text)
    #expect(parsed.secret == Array(0..<16))
    #expect(parsed.root.bytes == Array(16..<48))
    #expect(parsed.text == text)
  }

  @Test("every shorter token is refused and says that it was cut off")
  func cut() {
    for count in 0..<77 {
      #expect { try EnrolmentToken(parsing: String(token.text.prefix(count))) } throws: { "\($0)".contains("cut off") }
    }
  }

  @Test("a longer token is refused")
  func long() {
    #expect { try EnrolmentToken(parsing: token.text + "A") } throws: { "\($0)".contains("longer") }
  }

  @Test("a character outside the alphabet is named by its place", arguments: ["0", "1", "8", "9", "=", "_", "é"])
  func wrongCharacter(character: String) {
    let text = token.text.prefix(4) + character + token.text.dropFirst(5)
    #expect { try EnrolmentToken(parsing: String(text)) } throws: { "\($0)".contains("character 5") }
  }

  @Test("a last character with bits beyond the 48th byte is refused")
  func lastBits() {
    #expect { try EnrolmentToken(parsing: token.text.dropLast() + "B") } throws: { "\($0)".contains("last character") }
  }

  @Test("tokens differ")
  func fresh() { #expect(EnrolmentToken.make(root: .zero).secret != EnrolmentToken.make(root: .zero).secret) }

  @Test("a token never prints itself")
  func hidden() {
    var dumped = ""
    dump(token, to: &dumped)
    for text in ["\(token)", String(reflecting: token), dumped] {
      #expect(text.contains("EnrolmentToken(hidden)"))
      #expect(!text.contains("secret"))
    }
  }
}
