import Bytes
import Foundation
import Messages
import Testing

@testable import CountersignClient

/// After payments, nothing of a card but its first six and last four digits, and nothing of a second identity, stands in
/// any file. PCI DSS 3.3 and 3.5.
@Suite struct LeakTests {
  /// Valid by Luhn's check; its middle digits stand nowhere by chance.
  static let cardNumber = "5424183907264514"

  @Test func noFileHoldsTheCardOrTheSecondIdentity() async throws {
    try await TestService.withKim { service, kim in
      let number = Self.withCheckDigit(String(Self.cardNumber.dropLast()))
      var identities: [[UInt8]] = []
      for _ in 0..<3 {
        let session = try await kim.login()
        _ = try await session.pay(.test, card: .test(number))
        // A refused one too: its fields are named in the journal.
        await expectRefusal("INVALID_FIELD") {
          _ = try await session.pay(.test, card: .test(String(number.dropLast())))
        }
        identities.append(try #require(await session.identityForTests()))
        try await session.logout()
      }
      await service.stop()
      let patterns = Self.patterns(number) + identities.flatMap { [$0, Array(Hex.encode($0).utf8), Self.base64($0)] }
      let files = try Self.files(below: service.root)
      #expect(files.contains { $0.path.hasSuffix("ledger.db") })
      for file in files {
        for pattern in patterns where Self.holds(file.bytes, pattern) {
          Issue.record("\(file.path) holds \(Hex.encode(pattern))")
        }
      }
    }
  }

  @Test func theScanFindsWhatItLooksFor() {
    let number = Self.withCheckDigit(String(Self.cardNumber.dropLast()))
    for pattern in Self.patterns(number) { #expect(Self.holds([1, 2] + pattern + [3], pattern)) }
    #expect(!Self.holds(Array("nothing here".utf8), Self.patterns(number)[0]))
  }

  /// Digits, packed decimal, base64 at each alignment, middle digits, and the field of the password digits in CardData.
  static func patterns(_ number: String) -> [[UInt8]] {
    let digits = Array(number.utf8)
    let packed = Hex.decode(number) ?? []
    let aligned = (0..<3).map { shift -> [UInt8] in
      let encoded = base64([UInt8](repeating: 0x20, count: shift) + digits)
      return Array(encoded[((shift * 8 + 5) / 6)..<(encoded.count - 4)])
    }
    return [digits, packed, Array(digits[6..<12]), [0x22, 0x02, 0x37, 0x33], [0x2A, 0x03, 0x39, 0x30, 0x34]] + aligned
  }

  private static func base64(_ bytes: [UInt8]) -> [UInt8] { Array(Data(bytes).base64EncodedString().utf8) }

  private static func withCheckDigit(_ digits: String) -> String {
    let sum = digits.utf8.reversed().enumerated().reduce(0) { sum, digit in
      let value = Int(digit.element - 0x30) * (digit.offset.isMultiple(of: 2) ? 2 : 1)
      return sum + (value > 9 ? value - 9 : value)
    }
    return digits + String((10 - sum % 10) % 10)
  }

  private static func holds(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
    Data(bytes).range(of: Data(pattern)) != nil
  }

  private static func files(below root: String) throws -> [(path: String, bytes: [UInt8])] {
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.compactMap { name in
      let path = "\(root)/\(name)"
      guard let data = FileManager.default.contents(atPath: path) else { return nil }
      return (path, [UInt8](data))
    }
  }
}

extension TerminalSession {
  /// The 32 bytes of the second identity in force.
  func identityForTests() -> [UInt8]? { identityAndMAC?.withUnsafeBytes { Array($0.prefix(32)) } }
}

/// Moves a file to where a crash would have left it.
func moveFile(_ path: String, to other: String) throws { try FileManager.default.moveItem(atPath: path, toPath: other) }

/// Removes a file that a test wants gone.
func removeFile(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }
