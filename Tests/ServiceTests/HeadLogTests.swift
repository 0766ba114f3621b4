import Audit
import Bytes
import Cryptography
import Foundation
import Testing

@testable import CheckoutService

/// Files of heads, written and found again.
@Suite final class HeadLogTests {
  private let folder = NSTemporaryDirectory() + "countersign-heads-\(UUID().uuidString)"

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private static func head(_ number: Int64) -> JournalHead {
    JournalHead(
      previous: SHA256.digest([1]), root: SHA256.digest([2]), first: number * 10 - 9, last: number * 10, time: number,
      signature: [UInt8](repeating: 9, count: 70))
  }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
  }
  private func write(_ text: String, _ name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
  }

  /// Written out from docs/audit.md.
  @Test func aLineHasTheDocumentedForm() throws {
    let line = Self.head(3).line
    let (previous, root) = (Hex.encode(SHA256.digest([1]).bytes), Hex.encode(SHA256.digest([2]).bytes))
    #expect(
      line == "head/1 21 30 3 1 \(String(repeating: "0", count: 32)) \(previous) \(root) "
        + String(repeating: "09", count: 70))
    #expect(JournalHead(line: line) == Self.head(3))
  }

  @Test(arguments: [
    "", "head/1", "head/2 21 30 3 aa bb cc", "head/1 21 20 3 1 ID PREVIOUS ROOT 09",
    "head/1 0 20 3 1 ID PREVIOUS ROOT 09", "head/1 1 20 3 1 ID PREVIOUS ROOT ", "head/1 1 20 3 1 ID PREVIOUS ROOT 09 ",
    "head/1  1 20 3 1 ID PREVIOUS ROOT 09", "head/1 1 20 3 1 ID PREVIOUS ROOT 0", "head/1 1 20 3 1 ID ROOT 09 09",
    "head/1 1 99999999999999999999 3 1 ID PREVIOUS ROOT 09", "head/1 1 20 3 0 ID PREVIOUS ROOT 09",
    "head/1 1 20 3 1 09 PREVIOUS ROOT 09", "head/1 1 20 3 PREVIOUS ROOT 09",
  ])
  func whatIsNoLineIsRefused(_ text: String) {
    let digest = Hex.encode(SHA256.digest([1]).bytes)
    let id = String(repeating: "ab", count: 16)
    #expect(JournalHead(line: "head/1 1 20 3 1 \(id) \(digest) \(digest) 09") != nil)
    let line = text.replacingOccurrences(of: "ID", with: id).replacingOccurrences(of: "PREVIOUS", with: digest)
      .replacingOccurrences(of: "ROOT", with: digest)
    #expect(JournalHead(line: line) == nil)
  }

  @Test func headsAreAppendedAndFoundAgain() throws {
    var log = try HeadLog(folder: folder)
    #expect(log.last == nil)
    try log.append([Self.head(1), Self.head(2)])
    try log.append([])
    var again = try HeadLog(folder: folder)
    #expect(again.last == Self.head(2))
    try again.append([Self.head(3)])
    #expect(try names() == ["0000000000000000001.heads"])
    #expect(try text("0000000000000000001.heads") == (1...3).map { Self.head($0).line + "\n" }.joined())
  }

  @Test func aFullFileIsFollowedByAnother() throws {
    var log = try HeadLog(folder: folder, largestFile: 500)
    for number: Int64 in 1...5 { try log.append([Self.head(number)]) }
    #expect(try names() == ["0000000000000000001.heads", "0000000000000000021.heads", "0000000000000000041.heads"])
    #expect(try HeadLog(folder: folder).last == Self.head(5))
  }

  /// The machine stopped in the middle of a line: what is there is not written over.
  @Test func aCutLineIsFollowedByANewFile() throws {
    var log = try HeadLog(folder: folder)
    try log.append([Self.head(1)])
    let cut = try text("0000000000000000001.heads") + Self.head(2).line.prefix(50)
    try write(cut, "0000000000000000001.heads")
    var again = try HeadLog(folder: folder)
    #expect(again.last == Self.head(1))
    try again.append([Self.head(2)])
    #expect(try text("0000000000000000001.heads") == cut)
    #expect(try text("0000000000000000011.heads") == Self.head(2).line + "\n")
  }

  @Test func aFileWithNothingButACutLineIsWrittenAnew() throws {
    var log = try HeadLog(folder: folder)
    try log.append([Self.head(1)])
    try write(String(Self.head(2).line.prefix(20)), "0000000000000000011.heads")
    var again = try HeadLog(folder: folder)
    #expect(again.last == Self.head(1))
    try again.append([Self.head(2)])
    // The newest file was no whole one, so the one before it goes on.
    #expect(try HeadLog(folder: folder).last == Self.head(2))
  }

  @Test func somethingElseInAFileIsNamed() throws {
    _ = try HeadLog(folder: folder)
    try write("not a head\n", "0000000000000000001.heads")
    let error = #expect(throws: (any Error).self) { try HeadLog(folder: self.folder) }
    #expect("\(String(describing: error))".contains("0000000000000000001.heads: its last line is no head"))
  }
}

/// Addresses that heads are posted to.
@Suite struct HTTPSAddressTests {
  @Test(
    arguments: [
      ("https://acme.example", "acme.example", 443, "/"), ("https://acme.example/heads", "acme.example", 443, "/heads"),
      ("https://acme.example:8443/a?b", "acme.example", 8_443, "/a?b"),
      ("HTTPS://[2001:db8::1]/x", "2001:db8::1", 443, "/x"),
      ("https://[2001:db8::1]:99", "2001:db8::1", 99, "/"), ("https://acme.example:80/", "acme.example", 80, "/"),
    ] as [(String, String, UInt16, String)])
  func partsAreFound(_ text: String, _ host: String, _ port: UInt16, _ path: String) throws {
    let address = try #require(HTTPSAddress(text))
    #expect(address.host == host && address.port == port && address.path == path)
  }

  @Test(arguments: [
    "http://acme.example", "acme.example", "https://", "https://user@acme.example/", "https://acme.example:0/",
    "https://acme.example:99999/", "https://acme.example/a b", "https://acme.example/#x",
  ])
  func otherFormsAreRefused(_ text: String) { #expect(HTTPSAddress(text) == nil) }
}
